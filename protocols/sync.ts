// The pull protocol for everything that gossip missed (wire §7): requests, answers, one message a frame.
// Every answer can be verified by the receiver and served by any carrier. No streams, timers or storage here.

import { type Cid, Reader, Writer } from './codec.ts';
import { CODES, type Code, MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';

export const syncProtocol = (mesh: string): string => `/odcm/${mesh}/sync/1.0.0`;

/** The directory log is asked for as the feed of sixteen zero bytes. */
export const DIRECTORY_LOG = Buffer.alloc(16);

/** APPEND ONLY. These numbers are on the wire. */
const TYPE = {
  heads: 1,
  hashes: 2,
  entries: 3,
  blocks: 4,
  petition: 5,
  consistency: 6,
  roots: 7,
  presence: 8,
  forks: 9,
} as const;
const ANSWER = {
  heads: 1,
  hashes: 2,
  segment: 3,
  block: 4,
  done: 5,
  refused: 6,
  carried: 7,
  root: 8,
  presence: 9,
  fork: 10,
} as const;

export type Request =
  /** Newest checkpoints of these logs (16-byte feed ids). */
  | { readonly type: 'heads'; readonly logs: readonly Uint8Array[] }
  /** Tree hashes [from, to) of tile level `level` (0: leaves, 1: roots of whole tiles). */
  | {
      readonly type: 'hashes';
      readonly log: Uint8Array;
      readonly level: number;
      readonly from: number;
      readonly to: number;
    }
  /** Entries [from, to) with their small records, as segments. */
  | {
      readonly type: 'entries';
      readonly log: Uint8Array;
      readonly from: number;
      readonly to: number;
    }
  /** Blocks of records of this log by CID. */
  | { readonly type: 'blocks'; readonly log: Uint8Array; readonly cids: readonly Cid[] }
  /** A signed wish of a space to ODCM (protocols/petition.ts). */
  | { readonly type: 'petition'; readonly bytes: Uint8Array }
  /** Proof that the log's first `first` entries are a prefix of its first `second`. */
  | {
      readonly type: 'consistency';
      readonly log: Uint8Array;
      readonly first: number;
      readonly second: number;
    }
  /** Root metadata from this version on. */
  | { readonly type: 'roots'; readonly version: number }
  /** What the asking space says of itself (protocols/presence.ts); answered by what another start of it said, if any. */
  | { readonly type: 'presence'; readonly bytes: Uint8Array }
  /** Proofs of the forks that are not settled yet. */
  | { readonly type: 'forks' };

export interface CarriedHead {
  readonly log: Buffer;
  readonly note: Buffer;
  /** Entries this carrier can serve: less than the note's size while it catches up itself. */
  readonly held: number;
  /** Of these, the first so many have all blocks of their records here, too. */
  readonly whole: number;
}

export type Answer =
  | { readonly type: 'heads'; readonly heads: readonly CarriedHead[] }
  | { readonly type: 'hashes'; readonly hashes: Buffer }
  | { readonly type: 'segment'; readonly bytes: Buffer }
  /** `bytes` is null when the carrier does not hold the block. */
  | { readonly type: 'block'; readonly bytes: Buffer | null }
  /** End of the answer to the oldest open request. */
  | { readonly type: 'done' }
  | { readonly type: 'refused'; readonly code: Code; readonly message: string }
  | { readonly type: 'carried'; readonly result: string }
  /** An envelope of root metadata (protocols/root-chain.ts). */
  | { readonly type: 'root'; readonly bytes: Buffer }
  | { readonly type: 'presence'; readonly bytes: Buffer }
  /** Of one log (protocols/fork-proof.ts). */
  | { readonly type: 'fork'; readonly bytes: Buffer };

export function encodeRequest(q: Request): Buffer {
  const w = new Writer();
  switch (q.type) {
    case 'heads':
      w.array(2).uint(TYPE.heads).array(q.logs.length);
      for (const log of q.logs) w.bytes(log);
      return w.take();
    case 'hashes':
      return w.array(5).uint(TYPE.hashes).bytes(q.log).uint(q.level).uint(q.from).uint(q.to).take();
    case 'entries':
      return w.array(4).uint(TYPE.entries).bytes(q.log).uint(q.from).uint(q.to).take();
    case 'blocks':
      w.array(3).uint(TYPE.blocks).bytes(q.log).array(q.cids.length);
      for (const cid of q.cids) w.cid(cid);
      return w.take();
    case 'roots':
      return w.array(2).uint(TYPE.roots).uint(q.version).take();
    case 'presence':
      return w.array(2).uint(TYPE.presence).bytes(q.bytes).take();
    case 'forks':
      return w.array(1).uint(TYPE.forks).take();
    case 'petition':
      return w.array(2).uint(TYPE.petition).bytes(q.bytes).take();
    case 'consistency':
      return w.array(4).uint(TYPE.consistency).bytes(q.log).uint(q.first).uint(q.second).take();
  }
}

export function decodeRequest(frame: Uint8Array): Request {
  const r = new Reader(frame);
  const length = r.array(5);
  const type = r.uint();
  const q = requestBody(r, type);
  const expected = {
    heads: 2,
    hashes: 5,
    entries: 4,
    blocks: 3,
    petition: 2,
    consistency: 4,
    roots: 2,
    presence: 2,
    forks: 1,
  }[q.type];
  if (length !== expected)
    throw new MeshError('MALFORMED', `a ${q.type} request has ${expected} fields`);
  r.end();
  return q;
}

function requestBody(r: Reader, type: number): Request {
  switch (type) {
    case TYPE.heads: {
      const logs: Buffer[] = [];
      for (let left = r.array(LIMITS.headsPerFrame); left > 0; left--) logs.push(r.bytesOf(16));
      return { type: 'heads', logs };
    }
    case TYPE.hashes:
      return {
        type: 'hashes',
        log: r.bytesOf(16),
        level: r.uint(4),
        ...range(r, LIMITS.hashesPerRequest),
      };
    case TYPE.entries:
      return { type: 'entries', log: r.bytesOf(16), ...range(r, Number.MAX_SAFE_INTEGER) };
    case TYPE.blocks: {
      const log = r.bytesOf(16);
      const cids: Cid[] = [];
      for (let left = r.array(LIMITS.blocksPerRequest); left > 0; left--) cids.push(r.cid());
      return { type: 'blocks', log, cids };
    }
    case TYPE.roots:
      return { type: 'roots', version: r.uint() };
    case TYPE.presence:
      return { type: 'presence', bytes: r.bytes(LIMITS.presenceMessageBytes) };
    case TYPE.forks:
      return { type: 'forks' };
    case TYPE.petition:
      return { type: 'petition', bytes: r.bytes(LIMITS.enrolFrameBytes) };
    case TYPE.consistency:
      return { type: 'consistency', log: r.bytesOf(16), first: r.uint(), second: r.uint() };
    default:
      throw new MeshError('MALFORMED', `unknown request ${type}`);
  }
}

function range(r: Reader, most: number): { from: number; to: number } {
  const from = r.uint();
  const to = r.uint();
  if (to <= from) throw new MeshError('MALFORMED', 'a range is empty');
  if (to - from > most) throw new MeshError('TOO_LARGE', `a range has more than ${most} hashes`);
  return { from, to };
}

/** Parts of one frame; large bytes are passed through without a copy. */
export function encodeAnswer(a: Answer): Uint8Array[] {
  const w = new Writer();
  switch (a.type) {
    case 'heads':
      w.array(2).uint(ANSWER.heads).array(a.heads.length);
      for (const { log, note, held, whole } of a.heads)
        w.array(4).bytes(log).bytes(note).uint(held).uint(whole);
      return [w.take()];
    case 'hashes':
      return [w.array(2).uint(ANSWER.hashes).bytesHead(a.hashes.length).take(), a.hashes];
    case 'segment':
      return [w.array(2).uint(ANSWER.segment).bytesHead(a.bytes.length).take(), a.bytes];
    case 'block':
      w.array(2).uint(ANSWER.block);
      if (a.bytes === null) return [w.nothing().take()];
      return [w.bytesHead(a.bytes.length).take(), a.bytes];
    case 'done':
      return [w.array(1).uint(ANSWER.done).take()];
    case 'refused':
      return [w.array(3).uint(ANSWER.refused).text(a.code).text(a.message.slice(0, 500)).take()];
    case 'root':
      return [w.array(2).uint(ANSWER.root).bytesHead(a.bytes.length).take(), a.bytes];
    case 'presence':
      return [w.array(2).uint(ANSWER.presence).bytesHead(a.bytes.length).take(), a.bytes];
    case 'fork':
      return [w.array(2).uint(ANSWER.fork).bytesHead(a.bytes.length).take(), a.bytes];
    case 'carried':
      return [w.array(2).uint(ANSWER.carried).text(a.result).take()];
  }
}

export function decodeAnswer(frame: Uint8Array): Answer {
  const r = new Reader(frame);
  const length = r.array(3);
  const type = r.uint();
  const a = answerBody(r, type);
  const expected = a.type === 'done' ? 1 : a.type === 'refused' ? 3 : 2;
  if (length !== expected)
    throw new MeshError('MALFORMED', `a ${a.type} answer has ${expected} fields`);
  r.end();
  return a;
}

function answerBody(r: Reader, type: number): Answer {
  switch (type) {
    case ANSWER.heads: {
      const heads: CarriedHead[] = [];
      for (let left = r.array(LIMITS.headsPerFrame); left > 0; left--) {
        r.tuple(4);
        const head = { log: r.bytesOf(16), note: r.bytes(LIMITS.noteBytes), held: r.uint() };
        const whole = r.uint();
        if (whole > head.held)
          throw new MeshError('MALFORMED', 'a carrier has blocks of more entries than it has');
        heads.push({ ...head, whole });
      }
      return { type: 'heads', heads };
    }
    case ANSWER.hashes: {
      const hashes = r.bytes(LIMITS.hashesPerRequest * 32);
      if (hashes.length % 32 !== 0) throw new MeshError('MALFORMED', 'a list of hashes is cut');
      return { type: 'hashes', hashes };
    }
    case ANSWER.segment:
      return { type: 'segment', bytes: r.bytes(LIMITS.frameBytes) };
    case ANSWER.block:
      return { type: 'block', bytes: r.nothing() ? null : r.bytes(LIMITS.blockBytes) };
    case ANSWER.done:
      return { type: 'done' };
    case ANSWER.refused: {
      const code = r.text(64);
      const message = r.text(LIMITS.refusalBytes);
      // A newer peer may know codes that this version does not.
      return {
        type: 'refused',
        code: Object.hasOwn(CODES, code) ? (code as Code) : 'INTERNAL',
        message,
      };
    }
    case ANSWER.root:
      return { type: 'root', bytes: r.bytes(LIMITS.rootBytes) };
    case ANSWER.presence:
      return { type: 'presence', bytes: r.bytes(LIMITS.presenceMessageBytes) };
    case ANSWER.fork:
      return { type: 'fork', bytes: r.bytes(LIMITS.forkProofBytes) };
    case ANSWER.carried:
      return { type: 'carried', result: r.text(LIMITS.enrolFrameBytes) };
    default:
      throw new MeshError('MALFORMED', `unknown answer ${type}`);
  }
}
