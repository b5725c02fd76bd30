// Root metadata that too few keys signed, or that does not follow the version before it.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rootSignature, signRoot } from '../../../certs/root-keys.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { parseSpaceId, parseSpaceName, rootFingerprint } from '../../../protocols/ids.ts';
import { buildRootPayload } from '../../../protocols/root.ts';
import {
  encodeRootEnvelope,
  type RootSignature,
  verifyRootChain,
} from '../../../protocols/root-chain.ts';
import type { Outcome, Row } from '../row.ts';

const NOW_MS = Date.UTC(2026, 10, 21);
const key = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const [a, b, c, d, e, f] = [key(), key(), key(), key(), key(), key()] as const;
const online = { keys: [ed25519Raw(key())], threshold: 1 };
const stamping = { keys: [ed25519Raw(key())], threshold: 1 };

const payload = (version: number, keys: readonly KeyObject[], threshold = 2): Buffer =>
  buildRootPayload({
    ...{ version, mesh: parseSpaceName('acme'), expiresMs: NOW_MS + 1e10 },
    odcm: parseSpaceId('0199b7c2-1f00-4000-8000-000000000001'),
    roles: {
      root: { keys: keys.map(ed25519Raw), threshold },
      ...{ directory: online, timestamp: stamping },
    },
    x509: { root: '0'.repeat(64), issuing: ['1'.repeat(64)] },
  });

const first = payload(1, [a, b, c]);
const v1 = signRoot(first, [a, b]);
const second = payload(2, [b, c, d]);
const v2 = signRoot(second, [b, c]);
const third = payload(3, [d, e, f]);
const fingerprint = rootFingerprint(first);

/** As somebody would put it together who is not held to anything. */
const assembled = (of: Buffer, signatures: readonly RootSignature[]): Buffer =>
  encodeRootEnvelope({ payload: of, signatures } as Parameters<typeof encodeRootEnvelope>[0]);

const one = (of: Buffer, by: KeyObject) => rootSignature(of, by);

/** With the signature of another key under the id of a key that counts. */
const underId = (of: Buffer, by: KeyObject, as: KeyObject): RootSignature => ({
  ...one(of, by),
  keyid: one(of, as).keyid,
});

function verdict(envelopes: () => readonly Buffer[]): string {
  try {
    return `version ${verifyRootChain(envelopes(), { nowMs: NOW_MS, fingerprint }).root.version}`;
  } catch (error) {
    return asMeshError(error).code;
  }
}

type Chains = Readonly<Record<string, () => readonly Buffer[]>>;

const THRESHOLD: Chains = {
  'one of three signs the first': () => [assembled(first, [one(first, a)])],
  'one of three signs the second': () => [v1, assembled(second, [one(second, b)])],
  'one real, one stranger': () => [v1, assembled(second, [one(second, b), one(second, f)])],
  'one real, one under a borrowed id': () => [
    v1,
    assembled(second, [one(second, b), underId(second, f, c)]),
  ],
  'a thief lowers the threshold': () => {
    const low = payload(2, [b], 1);
    return [v1, signRoot(low, [b])];
  },
  nobody: () => [assembled(first, [])],
};

const DOUBLES: Chains = {
  'the same signature twice': () => [assembled(first, [one(first, a), one(first, a)])],
  'the same key three times': () => [
    v1,
    assembled(second, [one(second, b), one(second, b), one(second, b)]),
  ],
  'one signature under two ids': () => [assembled(first, [one(first, a), underId(first, a, b)])],
};

const GAPS: Chains = {
  'the second is missing': () => [v1, signRoot(third, [d, e, c, b])],
  'the second is there twice': () => [v1, v2, v2],
  'the third says it is the second': () => [v1, v2, signRoot(payload(2, [d, e, f]), [c, d, e])],
  'the first is left out': () => [v2],
  'in another order': () => [v2, v1],
  'signed by the new keys only': () => [v1, v2, signRoot(third, [e, f])],
  'signed by the old keys only': () => [v1, v2, signRoot(third, [b, c])],
  'of another mesh': () => [signRoot(payload(1, [d, e, f]), [d, e])],
  nothing: () => [],
};

/** The chain that all of these are changed from is good. */
const isSound = () => verdict(() => [v1, v2]) === 'version 2';

function measure(chains: Chains, log: (line: string) => void): Outcome {
  const verdicts = Object.entries(chains).map(([name, chain]) => [name, verdict(chain)] as const);
  const taken = verdicts.filter(([, said]) => said.startsWith('version') || said === 'INTERNAL');
  for (const [name, said] of taken) log(`${name}: ${said}`);
  const measured = `${taken.length} of ${verdicts.length} accepted`;
  return { measured, pass: taken.length === 0 && isSound() };
}

export const rows: readonly Row[] = [
  {
    ...{ id: 'T09', how: 'vectors', expected: '0 accepted' },
    what: 'root metadata signed by fewer keys than it takes',
    run: async ({ log }) => measure(THRESHOLD, log),
  },
  {
    ...{ id: 'T10', how: 'vectors', expected: '0 accepted' },
    what: 'one root key that signs twice, or under two ids',
    run: async ({ log }) => measure(DOUBLES, log),
  },
  {
    ...{ id: 'T11', how: 'vectors', expected: '0 accepted' },
    what: 'root versions missing, doubled, out of order, or not signed by old and new keys',
    run: async ({ log }) => measure(GAPS, log),
  },
];
