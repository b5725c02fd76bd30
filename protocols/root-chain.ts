// Signed root metadata: DSSE envelopes, and the walk from version 1 to the newest, each step vouched for by the
// thresholds of both sides. Pure; the clock comes in as a number.

import {
  asBase64,
  asList,
  asObject,
  asText,
  decodeCanonical,
  type JsonObject,
} from './canonical-json.ts';
import { ed25519FromRaw, verifyEd25519 } from './ed25519.ts';
import { MeshError } from './errors.ts';
import { type MeshId, meshIdOf, rootFingerprint } from './ids.ts';
import { LIMITS } from './limits.ts';
import { decodeRoot, type Root } from './root.ts';
import { dssePae } from './signable.ts';

const ROOT_PAYLOAD_TYPE = 'application/vnd.odcm.root+json';

export interface RootSignature {
  readonly keyid: string;
  readonly sig: Buffer;
}

export interface RootEnvelope {
  readonly payload: Buffer;
  readonly signatures: readonly RootSignature[];
}

export interface VerifiedRoot {
  /** The newest version. */
  readonly root: Root;
  /** Payload bytes of version 1: what the mesh id and the fingerprint are made of. */
  readonly payloadV1: Buffer;
  readonly meshId: MeshId;
  readonly versions: number;
}

export interface RootChainOptions {
  /** What the token or the operator says version 1 must hash to. */
  readonly fingerprint?: Uint8Array;
  readonly nowMs: number;
}

/** The message that root keys sign. */
export function rootMessage(payload: Uint8Array): Buffer {
  return dssePae(ROOT_PAYLOAD_TYPE, payload);
}

export function encodeRootEnvelope(envelope: RootEnvelope): Buffer {
  return Buffer.from(
    JSON.stringify({
      payload: envelope.payload.toString('base64'),
      payloadType: ROOT_PAYLOAD_TYPE,
      signatures: envelope.signatures.map(({ keyid, sig }) => ({
        keyid,
        sig: sig.toString('base64'),
      })),
    }),
  );
}

export function decodeRootEnvelope(bytes: Uint8Array): RootEnvelope {
  return decodeCanonical(bytes, {
    what: 'root envelope',
    maxBytes: LIMITS.rootBytes,
    read: readEnvelope,
    encode: encodeRootEnvelope,
  });
}

function readEnvelope(value: JsonObject): RootEnvelope {
  asText(value['payloadType'], /^application\/vnd\.odcm\.root\+json$/, 'payload type of a root');
  return {
    payload: asBase64(value['payload'], 'payload of a root envelope'),
    signatures: asList(
      value['signatures'],
      LIMITS.rootSignatures,
      'signatures of a root',
      (item) => {
        const signature = asObject(item, 'signature of a root');
        return {
          keyid: asText(signature['keyid'], /^[0-9a-f]{64}$/, 'key id of a root signature'),
          sig: asBase64(signature['sig'], 'signature of a root', 64),
        };
      },
    ),
  };
}

/** Walks all versions in order. Expiry is asked of the newest only: an old version is allowed to be old. */
export function verifyRootChain(
  envelopes: readonly Uint8Array[],
  { fingerprint, nowMs }: RootChainOptions,
): VerifiedRoot {
  if (envelopes.length === 0) throw new MeshError('ROOT_INVALID', 'there is no root metadata');
  if (envelopes.length > LIMITS.rootVersions) {
    throw new MeshError('TOO_LARGE', `more than ${LIMITS.rootVersions} versions of root metadata`);
  }
  const first = decodeRootEnvelope(envelopes[0]!);
  if (fingerprint && !rootFingerprint(first.payload).equals(fingerprint)) {
    throw new MeshError('WRONG_MESH', 'the root metadata is not the one that was expected');
  }
  let root = verifyFirst(first);
  for (const bytes of envelopes.slice(1)) root = verifyNext(root, decodeRootEnvelope(bytes));
  if (nowMs >= Date.parse(root.expires)) {
    throw new MeshError('ROOT_EXPIRED', `root version ${root.version} expired on ${root.expires}`);
  }
  const payloadV1 = first.payload;
  return { root, payloadV1, meshId: meshIdOf(payloadV1), versions: envelopes.length };
}

function verifyFirst(envelope: RootEnvelope): Root {
  const root = decodeRoot(envelope.payload);
  if (root.version !== 1) {
    throw new MeshError('ROOT_INVALID', `root metadata begins with version ${root.version}, not 1`);
  }
  if (root.directory)
    throw new MeshError('ROOT_INVALID', 'the first version of the root continues a directory');
  verifyThreshold(envelope, root, root.version);
  return root;
}

/** The version that follows the newest of a chain that was verified before. @throws ROOT_INVALID, MALFORMED … */
export function extendRootChain(chain: VerifiedRoot, envelope: Uint8Array): VerifiedRoot {
  if (chain.versions >= LIMITS.rootVersions) {
    throw new MeshError('TOO_LARGE', `more than ${LIMITS.rootVersions} versions of root metadata`);
  }
  const root = verifyNext(chain.root, decodeRootEnvelope(envelope));
  return { ...chain, root, versions: chain.versions + 1 };
}

function verifyNext(trusted: Root, envelope: RootEnvelope): Root {
  const next = decodeRoot(envelope.payload);
  if (next.version !== trusted.version + 1) {
    throw new MeshError(
      'ROOT_INVALID',
      `root version ${trusted.version} is followed by version ${next.version}`,
    );
  }
  if (next.mesh !== trusted.mesh || next.odcm !== trusted.odcm) {
    throw new MeshError('ROOT_INVALID', `root version ${next.version} names another mesh`);
  }
  verifyEpoch(trusted, next);
  verifyThreshold(envelope, trusted, next.version);
  verifyThreshold(envelope, next, next.version);
  return next;
}

/**
 * An epoch of the directory stays as it is, or is followed by exactly the next one. What the keepers accepted once is
 * never given up again: no epoch begins before the one that it follows.
 */
function verifyEpoch({ directory: before }: Root, { directory: after, version }: Root): void {
  const [epoch, next] = [before?.epoch ?? 1, after?.epoch ?? 1];
  const [from, to] = [before?.continues, after?.continues];
  const isSamePoint = from?.size === to?.size && (!from || to!.root.equals(from.root));
  if (next !== epoch && next !== epoch + 1)
    throw new MeshError(
      'ROOT_INVALID',
      `root version ${version} names epoch ${next} of the directory after epoch ${epoch}`,
    );
  if (next === epoch ? !isSamePoint : from && to!.size <= from.size && !isSamePoint)
    throw new MeshError(
      'ROOT_INVALID',
      `root version ${version} changes what epoch ${epoch} of the directory continues from`,
    );
}

/** Counts distinct keys of the root role, however often their signatures appear. */
function verifyThreshold(envelope: RootEnvelope, signer: Root, version: number): void {
  const { keyids, threshold } = signer.roles.root;
  const message = rootMessage(envelope.payload);
  const good = new Set<string>();
  for (const { keyid, sig } of envelope.signatures) {
    if (good.has(keyid) || !keyids.includes(keyid)) continue;
    if (verifyEd25519(ed25519FromRaw(signer.keys.get(keyid)!), message, sig)) good.add(keyid);
  }
  if (good.size < threshold) {
    throw new MeshError(
      'ROOT_INVALID',
      `root version ${version} has ${good.size} of the ${threshold} signatures that version ${signer.version} demands`,
    );
  }
}
