// Presence (wire §6): the signed heartbeat of a space, which also says whom the space no longer hears and which directory
// it acts on; and the message that carries it, with statements of others that somebody seems to lack. Bytes only.

import { type KeyObject, verify } from 'node:crypto';
import { Reader, Writer } from './codec.ts';
import { MeshError } from './errors.ts';
import { formatUuid, type MeshId, parseSpaceId, type SpaceId, uuidBytes } from './ids.ts';
import { LIMITS } from './limits.ts';
import { sha256 } from './merkle.ts';
import { presenceBytes } from './signable.ts';

/** "I have heard nothing of this space since its statement of this time." */
export interface Suspicion {
  readonly space: SpaceId;
  /** By the suspect's own clock, as its statement said. */
  readonly timeMs: number;
}

/** What somebody has of the directory. */
export interface DirectoryHead {
  readonly size: number;
  readonly root: Buffer;
}

export interface Presence {
  readonly space: SpaceId;
  readonly incarnation: Buffer;
  readonly timeMs: number;
  /** {@link headsHash} over all feeds of the space. */
  readonly headsHash: Buffer;
  /** The directory that the space has folded and keeps: it acts on everything below this size. */
  readonly directory: DirectoryHead;
  /** Version of the node's program. */
  readonly version: string;
  readonly addresses: readonly string[];
  /** In order of the spaces' ids, each once, never the speaker. */
  readonly suspicions: readonly Suspicion[];
  readonly signature: Buffer;
}

export interface Head {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

const FORMAT = 3;
const VERSION = /^[0-9A-Za-z.+-]+$/;

/** One hash that commits to every feed head of a space, in order of origin. */
export function headsHash(heads: readonly Head[]): Buffer {
  const sorted = [...heads].sort((a, b) => (a.origin < b.origin ? -1 : 1));
  const w = new Writer(64 + sorted.length * 160).array(sorted.length);
  for (const head of sorted) w.array(3).text(head.origin).uint(head.size).bytes(head.root);
  return sha256(w.take());
}

/** The sender's own statement first. */
export function encodePresences(statements: readonly Presence[]): Buffer {
  const w = new Writer().array(2).uint(FORMAT).array(statements.length);
  for (const statement of statements) write(w, statement);
  return w.take();
}

function write(w: Writer, p: Presence): void {
  w.array(9).bytes(uuidBytes(p.space)).bytes(p.incarnation).uint(p.timeMs).bytes(p.headsHash);
  w.array(2).uint(p.directory.size).bytes(p.directory.root);
  w.text(p.version).array(p.addresses.length);
  for (const address of p.addresses) w.text(address);
  w.array(p.suspicions.length);
  for (const { space, timeMs } of p.suspicions) w.array(2).bytes(uuidBytes(space)).uint(timeMs);
  w.bytes(p.signature);
}

/** Takes a message apart: one statement or more, each of another space; their signatures are not looked at. */
export function decodePresences(bytes: Uint8Array): Presence[] {
  if (bytes.length > LIMITS.presenceMessageBytes)
    throw new MeshError('TOO_LARGE', 'a presence message is above its limit');
  const r = new Reader(bytes);
  r.tuple(2);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a presence message');
  const statements: Presence[] = [];
  const spaces = new Set<SpaceId>();
  for (let left = r.array(LIMITS.presenceStatements); left > 0; left--) {
    const statement = read(r);
    statements.push(statement);
    spaces.add(statement.space);
  }
  r.end();
  if (spaces.size !== statements.length || spaces.size === 0)
    throw new MeshError('MALFORMED', 'a presence message has a space twice, or none');
  return statements;
}

/** What is kept of a statement must not keep the frame alive in which it came. */
const own = (view: Buffer): Buffer => Buffer.from(view);

function read(r: Reader): Presence {
  r.tuple(9);
  const space = parseSpaceId(formatUuid(r.bytesOf(16)));
  const incarnation = own(r.bytesOf(16));
  const timeMs = r.uint();
  const hash = own(r.bytesOf(32));
  r.tuple(2);
  const directory = { size: r.uint(), root: own(r.bytesOf(32)) };
  const version = r.text(LIMITS.nodeVersionChars);
  if (!VERSION.test(version)) throw new MeshError('MALFORMED', 'a node version has odd characters');
  const addresses: string[] = [];
  for (let left = r.array(LIMITS.addresses); left > 0; left--)
    addresses.push(r.text(LIMITS.addressChars));
  const suspicions = readSuspicions(r, space);
  const signature = own(r.bytesOf(64));
  return {
    ...{ space, incarnation, timeMs, headsHash: hash, directory, version, addresses },
    ...{ suspicions, signature },
  };
}

function readSuspicions(r: Reader, speaker: SpaceId): Suspicion[] {
  const suspicions: Suspicion[] = [];
  let last = '';
  for (let left = r.array(LIMITS.suspicions); left > 0; left--) {
    r.tuple(2);
    const space = parseSpaceId(formatUuid(r.bytesOf(16)));
    if (space <= last) throw new MeshError('NOT_CANONICAL', 'suspicions are not in their order');
    if (space === speaker) throw new MeshError('MALFORMED', 'a space suspects itself');
    suspicions.push({ space, timeMs: r.uint() });
    last = space;
  }
  return suspicions;
}

export function verifyPresence(mesh: MeshId, p: Presence, publicKey: KeyObject): void {
  if (!verify(null, presenceBytes({ mesh, ...p }), publicKey, p.signature)) {
    throw new MeshError(
      'BAD_SIGNATURE',
      `a presence statement of space ${p.space} is not signed by its key`,
    );
  }
}
