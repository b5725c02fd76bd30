// Root metadata: who may sign the directory, in versions that vouch for one another as in TUF.
// Pure: bytes in, typed and verified out. Making signatures is certs/root-keys.ts.

import { hash as digest } from 'node:crypto';
import {
  asBase64,
  asCount,
  asList,
  asObject,
  asText,
  decodeCanonical,
  type JsonObject,
} from './canonical-json.ts';
import { assertStrongEd25519 } from './ed25519.ts';
import { MeshError } from './errors.ts';
import {
  directoryOrigin,
  type MeshId,
  type Origin,
  parseSpaceId,
  parseSpaceName,
  type SpaceId,
  type SpaceName,
} from './ids.ts';
import { LIMITS } from './limits.ts';

/** `root` keys are offline; `directory` and `timestamp` keys are ODCM's. The order is that of the bytes. */
const ROLES = ['root', 'directory', 'timestamp'] as const;
export type RootRoleName = (typeof ROLES)[number];

const SHA256_HEX = /^[0-9a-f]{64}$/;
const LARGEST = 2 ** LIMITS.proofHashes - 1;

export interface RootRole {
  /** Sorted and without duplicates: one key can never count twice. */
  readonly keyids: readonly string[];
  readonly threshold: number;
}

/** The directory goes on under a new origin, exactly from this point of the history that it had. */
export interface DirectoryEpoch {
  /** 2, 3 … */
  readonly epoch: number;
  readonly continues: { readonly size: number; readonly root: Buffer };
}

export interface Root {
  readonly version: number;
  /** Name that people know the mesh by; its id is the hash of version 1. */
  readonly mesh: SpaceName;
  /** ISO 8601 with milliseconds, UTC. */
  readonly expires: string;
  /** Raw Ed25519 public keys by key id, sorted by id. */
  readonly keys: ReadonlyMap<string, Buffer>;
  readonly roles: Readonly<Record<RootRoleName, RootRole>>;
  /** SHA-256 of the DER of the CA certificates that count, in hex. */
  readonly x509: { readonly root: string; readonly issuing: readonly string[] };
  /** The space that writes the directory. */
  readonly odcm: SpaceId;
  /** Null while the directory is in its first epoch. */
  readonly directory: DirectoryEpoch | null;
}

export interface RootInput {
  readonly version: number;
  readonly mesh: SpaceName;
  readonly expiresMs: number;
  readonly odcm: SpaceId;
  readonly roles: Readonly<
    Record<RootRoleName, { readonly keys: readonly Uint8Array[]; readonly threshold: number }>
  >;
  readonly x509: { readonly root: string; readonly issuing: readonly string[] };
  readonly directory?: DirectoryEpoch | null;
}

/** Under which the directory is signed, by this version of the root. */
export const directoryOriginOf = (mesh: MeshId, { odcm, directory }: Root): Origin =>
  directoryOrigin(mesh, odcm, directory?.epoch ?? 1);

/** Hex of the SHA-256 of the 32 key bytes. */
export function rootKeyId(raw: Uint8Array): string {
  return digest('sha256', raw, 'hex');
}

/** Payload bytes of a new version, in canonical form; refuses whatever {@link decodeRoot} would refuse. */
export function buildRootPayload(input: RootInput): Buffer {
  const keys = new Map<string, Buffer>();
  const role = (name: RootRoleName): RootRole => {
    for (const raw of input.roles[name].keys) keys.set(rootKeyId(raw), Buffer.from(raw));
    const keyids = [...new Set(input.roles[name].keys.map(rootKeyId))].sort();
    return { keyids, threshold: input.roles[name].threshold };
  };
  const roles = { root: role('root'), directory: role('directory'), timestamp: role('timestamp') };
  const payload = encodeRoot({
    version: input.version,
    mesh: input.mesh,
    expires: new Date(input.expiresMs).toISOString(),
    keys: new Map([...keys].sort(([a], [b]) => (a < b ? -1 : 1))),
    roles,
    x509: { root: input.x509.root, issuing: [...new Set(input.x509.issuing)].sort() },
    odcm: input.odcm,
    directory: input.directory ?? null,
  });
  decodeRoot(payload);
  return payload;
}

/** Typed root metadata from the payload of an envelope. Says nothing about signatures. */
export function decodeRoot(payload: Uint8Array): Root {
  return decodeCanonical(payload, {
    what: 'root metadata',
    maxBytes: LIMITS.rootBytes,
    read: readRoot,
    encode: encodeRoot,
  });
}

function encodeRoot(root: Root): Buffer {
  const key = (raw: Buffer) => ({ type: 'ed25519', public: raw.toString('base64') });
  const keys = [...root.keys].map(([id, raw]) => [id, key(raw)] as const);
  const value = {
    type: 'root',
    specVersion: '1',
    version: root.version,
    mesh: root.mesh,
    expires: root.expires,
    keys: Object.fromEntries(keys),
    roles: Object.fromEntries(ROLES.map((name) => [name, encodeRole(root.roles[name])])),
    x509: { root: root.x509.root, issuing: root.x509.issuing },
    odcm: root.odcm,
    // Left out in the first epoch: that is the one form of it.
    ...(root.directory ? { directory: encodeEpoch(root.directory) } : {}),
  };
  return Buffer.from(JSON.stringify(value));
}

const encodeEpoch = ({ epoch, continues: { size, root } }: DirectoryEpoch): object => ({
  epoch,
  continues: { size, root: root.toString('base64') },
});

function encodeRole(role: RootRole): object {
  return { keyids: role.keyids, threshold: role.threshold };
}

function readRoot(value: JsonObject): Root {
  asText(value['type'], /^root$/, 'type of root metadata');
  asText(value['specVersion'], /^1$/, 'specVersion of root metadata');
  const keys = readKeys(asObject(value['keys'], 'keys of root metadata'));
  const roles = asObject(value['roles'], 'roles of root metadata');
  const x509 = asObject(value['x509'], 'x509 of root metadata');
  const root: Root = {
    version: asCount(value['version'], LIMITS.rootVersions, 'version of root metadata'),
    mesh: parseSpaceName(asText(value['mesh'], /^[a-z0-9-]{1,63}$/, 'mesh name')),
    expires: readInstant(value['expires']),
    keys,
    roles: {
      root: readRole(roles['root'], keys, 'root'),
      directory: readRole(roles['directory'], keys, 'directory'),
      timestamp: readRole(roles['timestamp'], keys, 'timestamp'),
    },
    x509: {
      root: asText(x509['root'], SHA256_HEX, 'root certificate pin'),
      issuing: sorted(readPins(x509['issuing']), 'issuing certificate pins'),
    },
    odcm: parseSpaceId(asText(value['odcm'], /^[0-9a-f-]{36}$/, 'odcm of root metadata')),
    directory: value['directory'] === undefined ? null : readEpoch(value['directory']),
  };
  refuseUnusedKeys(root);
  return root;
}

function readEpoch(value: unknown): DirectoryEpoch {
  const { epoch, continues } = asObject(value, 'directory of root metadata');
  const point = asObject(continues, 'continues of root metadata');
  const number = asCount(epoch, LIMITS.rootVersions, 'epoch of the directory');
  if (number < 2) throw new MeshError('ROOT_INVALID', 'the first epoch continues nothing');
  return {
    epoch: number,
    continues: {
      size: asCount(point['size'], LARGEST, 'size that the directory continues from'),
      root: asBase64(point['root'], 'tree that the directory continues from', 32),
    },
  };
}

const readPins = (value: unknown): string[] =>
  asList(value, LIMITS.rootRoleKeys, 'issuing certificate pins', (pin) =>
    asText(pin, SHA256_HEX, 'issuing certificate pin'),
  );

function readInstant(value: unknown): string {
  const text = asText(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'expires');
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== text) {
    throw new MeshError('MALFORMED', 'expires of root metadata is no date');
  }
  return text;
}

/** A key id is the hash of its key, so two ids are two keys. */
function readKeys(value: JsonObject): Map<string, Buffer> {
  const ids = sorted(Object.keys(value), 'keys of root metadata');
  if (ids.length > ROLES.length * LIMITS.rootRoleKeys) {
    throw new MeshError('TOO_LARGE', 'root metadata has too many keys');
  }
  return new Map(
    ids.map((id) => {
      const key = asObject(value[id], 'key of root metadata');
      asText(key['type'], /^ed25519$/, 'type of a key of root metadata');
      const raw = asBase64(key['public'], 'key of root metadata', 32);
      assertStrongEd25519(raw);
      if (rootKeyId(raw) !== id) throw new MeshError('ROOT_INVALID', `key id ${id} is not its key`);
      return [id, raw];
    }),
  );
}

function readRole(value: unknown, keys: ReadonlyMap<string, Buffer>, name: string): RootRole {
  const role = asObject(value, `role ${name}`);
  const keyids = asList(role['keyids'], LIMITS.rootRoleKeys, `keys of role ${name}`, (id) =>
    asText(id, SHA256_HEX, `key id of role ${name}`),
  );
  sorted(keyids, `keys of role ${name}`);
  for (const id of keyids) {
    if (!keys.has(id)) throw new MeshError('ROOT_INVALID', `role ${name} names an unlisted key`);
  }
  const threshold = asCount(role['threshold'], LIMITS.rootRoleKeys, `threshold of role ${name}`);
  if (threshold > keyids.length) {
    throw new MeshError('ROOT_INVALID', `role ${name} has fewer keys than its threshold`);
  }
  return { keyids, threshold };
}

function refuseUnusedKeys(root: Root): void {
  const used = new Set(ROLES.flatMap((name) => root.roles[name].keyids));
  if (used.size !== root.keys.size) {
    throw new MeshError('ROOT_INVALID', 'root metadata lists a key that has no role');
  }
}

/** Strictly ascending: one order, and no duplicates that could fake a threshold. */
function sorted(texts: string[], what: string): string[] {
  if (texts.some((text, i) => i > 0 && texts[i - 1]! >= text)) {
    throw new MeshError('NOT_CANONICAL', `${what} are not sorted or not unique`);
  }
  return texts;
}
