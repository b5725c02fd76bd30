// The next version of root metadata, made from the one in force: which keys and CA certificates come, which go, and until
// when it counts. The work of the keepers, away from any node: no files, no network, no clock.

import type { KeyObject } from 'node:crypto';
import { MeshError } from '../protocols/errors.ts';
import {
  buildRootPayload,
  type DirectoryEpoch,
  decodeRoot,
  type Root,
  type RootRoleName,
} from '../protocols/root.ts';
import {
  decodeRootEnvelope,
  encodeRootEnvelope,
  type RootEnvelope,
  type RootSignature,
} from '../protocols/root-chain.ts';
import { rootSignature } from './root-keys.ts';

export interface RootChanges {
  readonly expiresMs: number;
  /** Raw Ed25519 keys that a role gains, and ids of those that it loses. */
  readonly add?: Partial<Record<RootRoleName, readonly Uint8Array[]>>;
  readonly drop?: Partial<Record<RootRoleName, readonly string[]>>;
  /** Root keys that must sign from now on. */
  readonly threshold?: number | undefined;
  /** SHA-256 of the DER of issuing CA certificates, in hex. */
  readonly addIssuing?: readonly string[];
  readonly dropIssuing?: readonly string[];
  /** The directory goes on in its next epoch, from this point of the history that it had. */
  readonly continueDirectory?: DirectoryEpoch['continues'] | undefined;
}

/** Payload of the version that follows. @throws USAGE for what is dropped and is not there, ROOT_INVALID for the rest */
export function nextRootPayload(current: Root, changes: RootChanges): Buffer {
  const role = (name: RootRoleName, threshold: number) => {
    const { keyids } = current.roles[name];
    const drop = changes.drop?.[name] ?? [];
    for (const id of drop) if (!keyids.includes(id)) throw notThere(`${name} key ${id}`);
    const kept = keyids.filter((id) => !drop.includes(id)).map((id) => current.keys.get(id)!);
    return { keys: [...kept, ...(changes.add?.[name] ?? [])], threshold };
  };
  const { addIssuing = [], dropIssuing = [] } = changes;
  for (const pin of dropIssuing) {
    if (!current.x509.issuing.includes(pin)) throw notThere(`issuing CA ${pin}`);
  }
  const { roles, x509, directory } = current;
  const { continueDirectory: continues } = changes;
  return buildRootPayload({
    version: current.version + 1,
    mesh: current.mesh,
    odcm: current.odcm,
    expiresMs: changes.expiresMs,
    roles: {
      root: role('root', changes.threshold ?? roles.root.threshold),
      directory: role('directory', roles.directory.threshold),
      timestamp: role('timestamp', roles.timestamp.threshold),
    },
    x509: {
      root: x509.root,
      issuing: [...x509.issuing.filter((pin) => !dropIssuing.includes(pin)), ...addIssuing],
    },
    directory: continues ? { epoch: (directory?.epoch ?? 1) + 1, continues } : directory,
  });
}

/** Ids of directory keys that go on signing; who stole enough of them could begin a new epoch before ODCM does. */
export function keptDirectoryKeys(current: Root, { drop }: Pick<RootChanges, 'drop'>): string[] {
  return current.roles.directory.keyids.filter((id) => !drop?.directory?.includes(id));
}

/** The envelope with these signatures as well, in the order of key ids; a key that signed before signs the same again. */
export function addRootSignatures(envelope: RootEnvelope, keys: readonly KeyObject[]): Buffer {
  const byKey = new Map<string, RootSignature>();
  const added = keys.map((key) => rootSignature(envelope.payload, key));
  for (const one of [...envelope.signatures, ...added]) byKey.set(one.keyid, one);
  const signatures = [...byKey.values()].sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
  const bytes = encodeRootEnvelope({ payload: envelope.payload, signatures });
  decodeRootEnvelope(bytes);
  return bytes;
}

/** How many of the signatures that it needs a version has, by who demands them. Says nothing of whether they are good. */
export function missingSignatures(
  envelope: RootEnvelope,
  current: Root,
): { readonly current: number; readonly next: number } {
  const next = decodeRoot(envelope.payload);
  const missing = ({ roles: { root } }: Root) => {
    const signed = envelope.signatures.filter(({ keyid }) => root.keyids.includes(keyid));
    return Math.max(0, root.threshold - signed.length);
  };
  return { current: missing(current), next: missing(next) };
}

const notThere = (what: string): MeshError =>
  new MeshError('USAGE', `there is no ${what} in the root`, {
    next: 'See what is there with: odcm root show',
  });
