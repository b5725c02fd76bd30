// The manifest of a bundle (wire §10): one field a line, each a comment to sha256sum, and one line that sha256sum checks. The
// space that exports signs these bytes, so there is one way to write them and every other one is refused.

import { decodeUtf8 } from '../codec.ts';
import { MeshError } from '../errors.ts';
import {
  base32,
  fromBase32,
  type MeshId,
  type Origin,
  parseMeshId,
  parseOrigin,
  parseSpaceId,
  parseSpaceName,
  type SpaceId,
  type SpaceName,
} from '../ids.ts';
import { LIMITS } from '../limits.ts';

export interface Party {
  readonly space: SpaceId;
  readonly name: SpaceName;
}

/** A run of entries [from, to) of one log. */
export interface LogRange {
  readonly origin: Origin;
  readonly from: number;
  readonly to: number;
}

export interface Manifest {
  readonly mesh: MeshId;
  readonly exporter: Party;
  readonly destination: Party;
  /** Counts the bundles of this exporter for this destination from 1 on. */
  readonly sequence: number;
  /** The bundle that this one goes on from; 0 when it needs none. */
  readonly base: number;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** SHA-256 of the index block, the root of the CAR. */
  readonly index: Buffer;
  readonly blocks: number;
  /** Size of the CAR. */
  readonly sizeBytes: number;
  /** In the order in which they stand in the CAR: the directory first. */
  readonly logs: readonly LogRange[];
  /** SHA-256 of the CAR. */
  readonly sha256: Buffer;
  /** File name of the CAR, without any folder. */
  readonly car: string;
}

const FIRST = '# odcm-bundle/v1';
/** dag-cbor, SHA-256: the CID of the index as other IPLD tools write it. */
const INDEX_CID = Buffer.from([0x01, 0x71, 0x12, 0x20]);
const CAR_NAME = /^[a-z0-9][a-z0-9._-]{0,99}\.car$/;
const NUMBER = /^(0|[1-9][0-9]{0,15})$/;

/** Refuses what {@link decodeManifest} would refuse. */
export function encodeManifest(m: Manifest): Buffer {
  const bytes = Buffer.from(lines(m).join('\n'));
  decodeManifest(bytes);
  return bytes;
}

function lines(m: Manifest): string[] {
  return [
    FIRST,
    `# mesh ${m.mesh}`,
    `# exporter ${m.exporter.space} ${m.exporter.name}`,
    `# destination ${m.destination.space} ${m.destination.name}`,
    `# sequence ${m.sequence}`,
    `# base ${m.base}`,
    `# created ${new Date(m.createdMs).toISOString()}`,
    `# expires ${new Date(m.expiresMs).toISOString()}`,
    `# index b${base32(Buffer.concat([INDEX_CID, m.index]))}`,
    `# blocks ${m.blocks}`,
    `# bytes ${m.sizeBytes}`,
    ...m.logs.map(({ origin, from, to }) => `# log ${origin} from ${from} to ${to}`),
    `${m.sha256.toString('hex')}  ${m.car}`,
    '',
  ];
}

/** @throws TOO_LARGE, MALFORMED for what cannot be read, NOT_CANONICAL for what is written in another way */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > LIMITS.manifestBytes) {
    throw new MeshError('TOO_LARGE', `a manifest is above ${LIMITS.manifestBytes} bytes`);
  }
  const all = decodeUtf8(bytes).split('\n');
  const next = reader(all);
  if (all[0] !== FIRST) throw bad('begins otherwise');
  next();
  const manifest = {
    mesh: parseMeshId(field(next(), 'mesh')),
    exporter: party(field(next(), 'exporter')),
    destination: party(field(next(), 'destination')),
    sequence: count(field(next(), 'sequence')),
    base: count(field(next(), 'base')),
    createdMs: instant(field(next(), 'created')),
    expiresMs: instant(field(next(), 'expires')),
    index: indexHash(field(next(), 'index')),
    blocks: count(field(next(), 'blocks')),
    sizeBytes: count(field(next(), 'bytes')),
    logs: ranges(all, next),
    ...file(next()),
  };
  checkSense(manifest);
  if (!Buffer.from(lines(manifest).join('\n')).equals(bytes))
    throw new MeshError('NOT_CANONICAL', 'a manifest is written in another way than ours');
  return manifest;
}

function reader(all: readonly string[]): () => string {
  let at = 0;
  return () => all[at++] ?? '';
}

function ranges(all: readonly string[], next: () => string): LogRange[] {
  const logs: LogRange[] = [];
  const names = new Set<string>();
  const total = all.filter((line) => line.startsWith('# log ')).length;
  while (logs.length < total) {
    const [origin = '', word, from = '', then, to = ''] = field(next(), 'log').split(' ');
    if (word !== 'from' || then !== 'to') throw bad('has a log without its range');
    parseOrigin(origin);
    names.add(origin);
    logs.push({ origin: origin as Origin, from: count(from), to: count(to) });
  }
  if (names.size !== logs.length) throw bad('names a log twice');
  return logs;
}

function file(line: string): { sha256: Buffer; car: string } {
  const match = /^([0-9a-f]{64}) {2}(.+)$/.exec(line);
  const car = match?.[2] ?? '';
  // A name with a slash, a backslash or a dot in front would lead sha256sum, or a person, out of the folder.
  if (!match || !CAR_NAME.test(car)) throw bad('names no file in the folder beside it');
  return { sha256: Buffer.from(match[1]!, 'hex'), car };
}

function checkSense(m: Manifest): void {
  if (m.sequence === 0 || m.base >= m.sequence) throw bad('goes on from a bundle of the future');
  if (m.expiresMs <= m.createdMs) throw bad('has expired before it was made');
  if (m.exporter.space === m.destination.space) throw bad('is of a space for itself');
  if (m.logs.some(({ from, to }) => from > to)) throw bad('has a log that ends before it begins');
  if (m.blocks === 0) throw bad('promises no index');
}

function field(line: string, name: string): string {
  const head = `# ${name} `;
  if (!line.startsWith(head)) throw bad(`has no ${name} in its place`);
  return line.slice(head.length);
}

function party(text: string): Party {
  const space = text.indexOf(' ');
  return { space: parseSpaceId(text.slice(0, space)), name: parseSpaceName(text.slice(space + 1)) };
}

function count(text: string): number {
  const value = Number(text);
  if (!NUMBER.test(text) || !Number.isSafeInteger(value)) throw bad('has a number that is none');
  return value;
}

function instant(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== text) throw bad('has a time that is none');
  return ms;
}

function indexHash(text: string): Buffer {
  const bytes = fromBase32(text.slice(1));
  if (text[0] !== 'b' || bytes.length !== 36 || !bytes.subarray(0, 4).equals(INDEX_CID)) {
    throw bad('has an index that is no CID of ours');
  }
  return bytes.subarray(4);
}

const bad = (why: string): MeshError => new MeshError('MALFORMED', `a manifest ${why}`);
