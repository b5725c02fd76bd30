// Keys under which one signature fits every message, and signatures that fit twice: refused wherever a key or a signature
// comes in.

import { createHmac, type KeyObject, randomBytes } from 'node:crypto';
import { generateEd25519, signEd25519 } from '../../../certs/ed25519.ts';
import { createHello, createOffer, verifyEnrolRequest } from '../../../certs/enrol.ts';
import { encodeEnrolClaims, encodeEnrolRequest } from '../../../certs/enrol-messages.ts';
import { signRoot } from '../../../certs/root-keys.ts';
import { proveRotation, verifyRotation } from '../../../certs/rotation.ts';
import { verifySignedKey } from '../../../certs/signed-key.ts';
import { generateX25519, x25519Raw } from '../../../certs/x25519.ts';
import { decodeNote, logKey, signCheckpoint, verifyNote } from '../../../protocols/checkpoint.ts';
import {
  ed25519FromRaw,
  ed25519Raw,
  littleEndian,
  verifyEd25519,
} from '../../../protocols/ed25519.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { parseSpaceName } from '../../../protocols/ids.ts';
import {
  decodePetition,
  signPetition,
  verifyPetition,
  type Wish,
} from '../../../protocols/petition.ts';
import { buildRootPayload } from '../../../protocols/root.ts';
import { enrolProofBytes, enrolTranscript } from '../../../protocols/signable.ts';
import { SMALL_ED25519, SMALL_X25519 } from '../../certs/weak-keys.ts';
import { MESH, ORIGIN, SPACE } from '../../protocols/sample-log.ts';
import type { Row } from '../row.ts';

/** Order of the group: adding it to the second half of a signature gives the other number that fits. */
const L = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
const NAME = parseSpaceName('library');
const odcm = generateX25519();
const former = ed25519Raw(generateEd25519());
const root = generateEd25519();

const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** The code that says no, or `accepted`. */
function verdict(act: () => unknown): string {
  try {
    return act() === false ? 'BAD_SIGNATURE' : 'accepted';
  } catch (error) {
    return asMeshError(error).code;
  }
}

/** A request that is right in everything but its key: the token's proof is good. */
function enrol(nodeKey: Buffer, exchangeKey: Buffer): unknown {
  const [exchange, directoryKey, tokenKey] = [generateX25519(), generateEd25519(), randomBytes(32)];
  const hello = createHello(randomBytes(32));
  const roots = [Buffer.from('{}')];
  const offer = createOffer({
    ...{ hello, roots, exchange, directoryKey },
    ...{ head: 'none', nonce: randomBytes(32) },
  });
  const claims = {
    token: 'aaaaaaaa',
    space: null,
    csr: 'none',
    nodeKey,
    exchangeKey,
    addresses: [],
  };
  const transcript = enrolTranscript([hello, offer, encodeEnrolClaims(claims)]);
  const token = createHmac('sha256', tokenKey)
    .update(enrolProofBytes('token', transcript))
    .digest();
  const proofs = { token, nodeKey: Buffer.alloc(64), exchangeKey: Buffer.alloc(32) };
  const request = encodeEnrolRequest({ ...claims, proofs });
  return verifyEnrolRequest(request, { hello, offer, exchange, tokenKey, invited: NAME });
}

function rotate(change: { nodeKey?: string; exchangeKey?: string }): unknown {
  const parts = { mesh: MESH, space: SPACE, formerNodeKey: former };
  const [nodeKey, exchangeKey] = [generateEd25519(), generateX25519()];
  const keys = { nodeKey, exchangeKey, odcmExchangeKey: x25519Raw(odcm) };
  const claims = proveRotation({ ...parts, ...keys });
  return verifyRotation({ ...claims, ...change }, { ...parts, odcmExchangeKey: odcm });
}

function rootWith(key: Buffer): unknown {
  const role = { keys: [key], threshold: 1 };
  return buildRootPayload({
    ...{ version: 1, mesh: parseSpaceName('acme'), expiresMs: 1e12, odcm: SPACE },
    roles: { root: { keys: [ed25519Raw(root)], threshold: 1 }, directory: role, timestamp: role },
    x509: { root: '0'.repeat(64), issuing: ['1'.repeat(64)] },
  });
}

const certify = (key: Buffer): unknown => {
  const value = Buffer.concat([...[bytesOf('30640420'), key, bytesOf('0440'), Buffer.alloc(64)]]);
  return verifySignedKey(value, Buffer.from('any RSA key'));
};

function weakKeys(): { tried: number; wrong: string[] } {
  const good = x25519Raw(generateX25519());
  const tries = [
    ...SMALL_ED25519.map(bytesOf).flatMap((key) => [
      () => enrol(key, good),
      () => rotate({ nodeKey: b64(key) }),
      () => certify(key),
      () => rootWith(key),
      () => ed25519FromRaw(key),
    ]),
    ...SMALL_X25519.map(bytesOf).map((key) => () => rotate({ exchangeKey: b64(key) })),
  ];
  const codes = tries.map(verdict);
  return { tried: tries.length, wrong: codes.filter((code) => code !== 'WEAK_KEY') };
}

/** The same signature with the group order added to its second half, as often as it fits into 32 bytes. */
function twins(signature: Uint8Array): Buffer[] {
  const [r, s] = [signature.slice(0, 32), littleEndian(signature.slice(32))];
  return Array.from({ length: 15 }, (_, i) => s + BigInt(i + 1) * L)
    .filter((sum) => sum < 2n ** 256n)
    .map((sum) =>
      Buffer.concat([r, Buffer.from(sum.toString(16).padStart(64, '0'), 'hex').reverse()]),
    );
}

interface Signed {
  readonly signature: Buffer;
  readonly verify: (signature: Buffer) => unknown;
}

/** One signature of each kind, and how it is checked where it comes in. */
function signedThings(key: KeyObject): Signed[] {
  const raw = ed25519Raw(key);
  const half = ed25519FromRaw(raw);
  const message = randomBytes(40);
  const log = logKey(ORIGIN, half, raw);
  const note = signCheckpoint({ origin: ORIGIN, size: 3, root: randomBytes(32) }, log, key);
  const line = decodeNote(note).lines[0]!;
  const wish: Wish = { wish: 'addresses', addresses: [] };
  const petition = decodePetition(signPetition(MESH, SPACE, wish, randomBytes(16), key));
  return [
    { signature: signEd25519(key, message), verify: (s) => verifyEd25519(half, message, s) },
    {
      signature: line.blob,
      verify: (blob) =>
        verifyNote({ ...decodeNote(note), lines: [{ ...line, blob }] }, ORIGIN, log),
    },
    {
      signature: petition.signature,
      verify: (signature) => verifyPetition(MESH, { ...petition, signature }, half),
    },
  ];
}

export const rows: readonly Row[] = [
  {
    id: 'L10',
    what: 'small-order and non-canonical keys at enrolment, rotation, in certificates and roots',
    how: 'vectors',
    expected: 'all points in all encodings refused as WEAK_KEY',
    run: async () => {
      const { tried, wrong } = weakKeys();
      const isPossible =
        verdict(() => rotate({})) === 'accepted' && signRoot(Buffer.from('x'), [root]);
      const measured = `${wrong.length} of ${tried} not refused as weak`;
      return { measured, pass: wrong.length === 0 && Boolean(isPossible) };
    },
  },
  {
    id: 'L11',
    what: 'signatures with the group order added, on notes, petitions and bare messages',
    how: 'vectors',
    expected: '0 accepted',
    run: async ({ mutations }) => {
      let [tried, accepted, good] = [0, 0, 0];
      for (let i = 0; i < Math.min(mutations, 20_000) / 200; i++) {
        for (const { signature, verify } of signedThings(generateEd25519())) {
          if (verdict(() => verify(signature)) === 'accepted') good++;
          for (const twin of twins(signature)) {
            tried++;
            if (verdict(() => verify(twin)) === 'accepted') accepted++;
          }
        }
      }
      return {
        measured: `${accepted} of ${tried} accepted, ${good} genuine ones taken`,
        pass: accepted === 0 && tried > 0 && good > 0,
      };
    },
  },
];
