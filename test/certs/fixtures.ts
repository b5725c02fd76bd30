// A small trust root for tests: keys of 2048 bits for speed, a fixed instant, the names of the samples.

import { type KeyObject, randomBytes } from 'node:crypto';
import {
  type Authority,
  createIssuingAuthority,
  createRootAuthority,
  issueSpaceCertificate,
} from '../../certs/authority.ts';
import { certificatePin } from '../../certs/chain.ts';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { createRequest, type VerifiedRequest, verifyRequest } from '../../certs/request.ts';
import { signRoot } from '../../certs/root-keys.ts';
import { generateRsa } from '../../certs/rsa.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError, type MeshError } from '../../protocols/errors.ts';
import { meshIdOf, parseSpaceId, parseSpaceName, rootFingerprint } from '../../protocols/ids.ts';
import { buildRootPayload, type RootInput } from '../../protocols/root.ts';

export const NOW_MS = Date.UTC(2026, 10, 21, 12);
export const DAY_MS = 24 * 3_600_000;
export const BITS = 2048;
export const ACME = parseSpaceName('acme');
export const LIBRARY = parseSpaceName('library');
export const ODCM = parseSpaceId('0199b7c2-1f00-4000-8000-000000000001');
export const SPACE = parseSpaceId('0199b7c2-1f00-4000-8000-000000000002');

export interface Node {
  readonly rsaKey: KeyObject;
  readonly nodeKey: KeyObject;
  readonly csr: string;
  readonly request: VerifiedRequest;
}

export async function makeNode(): Promise<Node> {
  const rsaKey = await generateRsa(BITS);
  const nodeKey = generateEd25519();
  const csr = createRequest({ rsaKey, nodeKey, commonName: LIBRARY });
  return { rsaKey, nodeKey, csr, request: verifyRequest(csr) };
}

export async function makeAuthorities(): Promise<{ root: Authority; issuing: Authority }> {
  const root = await createRootAuthority({ mesh: ACME, nowMs: NOW_MS, bits: BITS });
  const issuing = await createIssuingAuthority({ root, mesh: ACME, nowMs: NOW_MS, bits: BITS });
  return { root, issuing };
}

export type TrustRoot = Awaited<ReturnType<typeof makeTrustRoot>>;

/** Authorities, a root of version 1 signed by two of three keys, and the keys that ODCM holds. */
export async function makeTrustRoot() {
  const { root, issuing } = await makeAuthorities();
  const rootKeys = [generateEd25519(), generateEd25519(), generateEd25519()];
  const directoryKey = generateEd25519();
  const pins = {
    root: certificatePin(root.certificatePem),
    issuing: [certificatePin(issuing.certificatePem)],
  };
  const input: RootInput = {
    version: 1,
    mesh: ACME,
    expiresMs: NOW_MS + 365 * DAY_MS,
    odcm: ODCM,
    roles: {
      root: { keys: rootKeys.map(ed25519Raw), threshold: 2 },
      directory: { keys: [ed25519Raw(directoryKey)], threshold: 1 },
      timestamp: { keys: [ed25519Raw(generateEd25519())], threshold: 1 },
    },
    x509: pins,
  };
  const payload = buildRootPayload(input);
  return {
    root,
    issuing,
    pins,
    rootKeys,
    directoryKey,
    input,
    payload,
    envelope: signRoot(payload, rootKeys.slice(0, 2)),
    mesh: meshIdOf(payload),
    fingerprint: rootFingerprint(payload),
  };
}

export function issueFor(trust: TrustRoot, { spkiDer, signedKey }: VerifiedRequest): string {
  return issueSpaceCertificate({
    issuing: trust.issuing,
    spkiDer,
    signedKey,
    mesh: trust.mesh,
    space: SPACE,
    name: LIBRARY,
    nowMs: NOW_MS,
  });
}

/** The refusal that `act` ends with; anything else fails the test. */
export function refusalOf(act: () => unknown): MeshError {
  try {
    act();
  } catch (error) {
    if (isMeshError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

export const codeOf = (act: () => unknown): string => refusalOf(act).code;

/** A copy with one bit turned over. */
export function flipBit(bytes: Uint8Array, bit: number): Buffer {
  const out = Buffer.from(bytes);
  const at = bit % (out.length * 8);
  out[at >> 3]! ^= 1 << (at & 7);
  return out;
}

export const nonce = (): Buffer => randomBytes(32);
