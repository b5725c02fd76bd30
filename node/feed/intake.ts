// Intake: bringing a log from what is held to a signed checkpoint, from any source of hashes and segments. What is
// verified is stored as it comes, so a cut transfer goes on where it ended. The directory says whose checkpoint it is.

import type { Checkpoint } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { HASH_BYTES } from '../../protocols/merkle.ts';
import {
  type Milestone,
  needsSkeleton,
  RunVerifier,
  type Skeleton,
  skeletonRange,
  type Verified,
  verifySkeleton,
} from '../../protocols/run-verifier.ts';
import type { OpenSegment } from '../../protocols/segment.ts';
import { crashpoint } from '../crashpoint.ts';
import type { FeedLog } from './log.ts';

/** A segment that was taken apart on its way here. */
export interface Opened {
  readonly bytes: Buffer;
  readonly open: OpenSegment;
}

/** Where entries come from: a peer, a file, the inline part of an announcement. Nothing it gives is trusted. */
export interface EntrySource {
  hashes(level: number, from: number, to: number): Promise<Buffer>;
  entries(from: number, to: number): AsyncIterable<Buffer | Opened> | Iterable<Buffer>;
}

export interface IntakeOptions {
  readonly log: FeedLog;
  /** 16-byte feed id; sixteen zero bytes for the directory. */
  readonly feedId: Uint8Array;
  /** A checkpoint whose signature and authority were verified. */
  readonly checkpoint: Checkpoint;
  /** The signed note of that checkpoint, where the log does not know it yet. */
  readonly note?: Buffer;
  readonly source: EntrySource;
  /** Where the log must come through on its way: nothing behind it is kept when it does not. */
  readonly milestone?: Milestone | undefined;
  /** The directory is synced to the disk; copies of feeds can be fetched again. */
  readonly sync?: boolean;
  /**
   * Called with verified entries while they are being stored, and with the end of that; the next group waits for what it
   * returns.
   */
  readonly onVerified?: (run: readonly Verified[], stored: Promise<void>) => void | Promise<void>;
}

/**
 * What a verified checkpoint means for a log.
 * `ahead`: there is something to fetch; `level`: nothing new; `behind`: older than what is held.
 * @throws CONFLICT when it contradicts what is held at the same size
 */
function compareHead(log: FeedLog, checkpoint: Checkpoint): 'ahead' | 'level' | 'behind' {
  if (checkpoint.size > log.size) return 'ahead';
  if (checkpoint.size < log.size) return 'behind';
  if (!log.isAt(checkpoint)) {
    throw new MeshError(
      'CONFLICT',
      `two histories of ${checkpoint.origin} meet at size ${checkpoint.size}`,
    );
  }
  return 'level';
}

/** Extends the log to the checkpoint. On an error everything verified before it is kept. */
export async function takeIn(options: IntakeOptions): Promise<void> {
  const { log, checkpoint, feedId, source, milestone } = options;
  await log.refresh();
  if (compareHead(log, checkpoint) !== 'ahead') return;
  // Its publisher may sign any size, and whoever serves it could send hashes without end.
  if (checkpoint.size - log.size > LIMITS.catchUpEntries)
    throw new MeshError('TOO_LARGE', `${checkpoint.origin} claims ${checkpoint.size} entries`);
  const skeleton = await fetchSkeleton(log, checkpoint, source);
  const verifier = new RunVerifier(log.frontier(), checkpoint, feedId, skeleton, milestone);
  const writer = new GroupWriter(options);
  try {
    // Read to its end: an answer that is left in the middle would cost the stream, and the next feed with it.
    for await (const next of source.entries(log.size, checkpoint.size)) {
      const proven = Buffer.isBuffer(next)
        ? verifier.push(next)
        : verifier.push(next.bytes, next.open);
      for (const verified of proven) await writer.add(verified);
    }
  } finally {
    await writer.flush();
  }
  if (log.size !== checkpoint.size) {
    throw new MeshError(
      'PEER_UNREACHABLE',
      `the entries of ${checkpoint.origin} ended at ${log.size} of ${checkpoint.size}`,
    );
  }
}

async function fetchSkeleton(
  log: FeedLog,
  target: Checkpoint,
  source: EntrySource,
): Promise<Skeleton | undefined> {
  if (!needsSkeleton(log.size, target.size)) return undefined;
  const { firstTile, lastTile } = skeletonRange(log.size, target.size);
  const tiles = await fetchHashes(source, 1, firstTile, lastTile);
  const tail = await fetchHashes(source, 0, lastTile * LIMITS.tileHashes, target.size);
  return verifySkeleton(log.frontier(), tiles, tail, target);
}

async function fetchHashes(
  source: EntrySource,
  level: number,
  from: number,
  to: number,
): Promise<Buffer[]> {
  const out: Buffer[] = [];
  for (let at = from; at < to; at += LIMITS.hashesPerRequest) {
    const end = Math.min(to, at + LIMITS.hashesPerRequest);
    const bytes = await source.hashes(level, at, end);
    if (bytes.length !== (end - at) * HASH_BYTES)
      throw new MeshError('MALFORMED', 'an answer has too few hashes');
    for (let i = 0; i < bytes.length; i += HASH_BYTES) out.push(bytes.subarray(i, i + HASH_BYTES));
  }
  return out;
}

/**
 * Groups that are written or wait for it while the next is verified. LevelDB makes writers wait now and then, for tens of
 * milliseconds: that long there is something else to do.
 */
const QUEUED_GROUPS = 3;

/** Collects verified segments and writes them in groups, one after the other. */
class GroupWriter {
  readonly #o: IntakeOptions;
  #group: Verified[] = [];
  #bytes = 0;
  readonly #queue: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(options: IntakeOptions) {
    this.#o = options;
  }

  async add(verified: Verified): Promise<void> {
    this.#group.push(verified);
    this.#bytes += verified.bytes.length;
    if (this.#bytes >= LIMITS.intakeBytes) await this.#start();
  }

  async #start(): Promise<void> {
    if (this.#queue.length >= QUEUED_GROUPS) await this.#queue.shift();
    const group = this.#group;
    this.#group = [];
    this.#bytes = 0;
    if (group.length === 0) return;
    this.#last = this.#last.then(() => this.#write(group));
    // A failure is reported by a later wait; without this it would also count as unhandled until then.
    this.#last.catch(() => {});
    this.#queue.push(this.#last);
  }

  async #write(group: readonly Verified[]): Promise<void> {
    const { log, note, sync = false, onVerified } = this.#o;
    const stored = log.exclusively(async () => {
      crashpoint('intake.before-write');
      await log.commit(await log.growVerified(group), note, sync);
    });
    await Promise.all([stored, onVerified?.(group, stored)]);
    crashpoint('intake.after-write');
  }

  async flush(): Promise<void> {
    await this.#start();
    await this.#last;
  }
}
