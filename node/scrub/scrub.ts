// The scrub: reads the whole store once in a while, slowly, and tells of everything that is not what it should be. Where it
// is, is kept in the store, so that a restart goes on there. Repairs nothing itself.

import { sha256 } from '../../protocols/merkle.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Log } from '../log.ts';
import { markKey, tableOf } from '../store/keys.ts';
import type { RangeOptions, Row, Store } from '../store/store.ts';

const MiB = 1024 * 1024;
/** Read from one snapshot at a time, and until it is remembered how far the scrub is. */
const PIECE_BYTES = 4 * MiB;
/** A pause shorter than this is not worth a timer. */
const LEAST_PAUSE_MS = 20;
/** Without a pause the scrub lets others go first after so many bytes. */
const BREATH_BYTES = 256 * 1024;
const RETRY_MS = 60_000;

export const SCRUB_PARTS = ['logs', 'log', 'blocks', 'views', 'orphans'] as const;
export type ScrubPart = (typeof SCRUB_PARTS)[number];
type Database = 'log' | 'blocks' | 'views';

export interface ScrubOptions {
  readonly stores: Readonly<Record<Database, Store>>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly everyMs: number;
  readonly bytesPerSecond: number;
  /** Looks at the logs that are open, entry by entry, as one part. */
  readonly checkLogs: (pace: (bytes: number) => Promise<void>) => Promise<void>;
  /** Every row that is sound. Gives back how many bytes were read besides. */
  readonly onRow: (database: Database, row: Row) => Promise<number> | number;
  /** A row that fails its check, or a block that is not its hash. */
  readonly onDamaged: (database: Database, key: Buffer) => void;
  /** After everything else: takes away what nothing names. Resolves to how many. */
  readonly sweepOrphans: (pace: (bytes: number) => Promise<void>) => Promise<number>;
  /** Damage found so far, since the start of the process. */
  readonly found: () => number;
}

export interface ScrubRound {
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly bytes: number;
  readonly found: number;
  readonly orphans: number;
}

interface Progress {
  startedMs: number;
  part: ScrubPart;
  /** The last key that was looked at, in hexadecimal. */
  after: string;
  bytes: number;
  found: number;
}

interface Mark {
  readonly round: Progress | null;
  readonly last: ScrubRound | null;
}

const MARK = markKey('scrub');

export class Scrub {
  readonly #o: ScrubOptions;
  #mark: Mark = { round: null, last: null };
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #wake: (() => void) | undefined;
  #sinceMs = 0;
  #pacedBytes = 0;
  #breathBytes = 0;

  constructor(options: ScrubOptions) {
    this.#o = options;
  }

  get round(): Readonly<Progress> | null {
    return this.#mark.round;
  }

  get last(): ScrubRound | null {
    return this.#mark.last;
  }

  get nextMs(): number | null {
    if (this.#mark.round) return null;
    return (this.#mark.last?.finishedMs ?? this.#o.clock.nowMs()) + this.#o.everyMs;
  }

  async start(): Promise<void> {
    this.#mark = await this.#readMark();
    this.#mark = { round: this.#mark.round, last: this.#mark.last ?? this.#firstRound() };
    this.#schedule();
  }

  /** A new store has nothing to look for: its first round is due after the usual time. */
  #firstRound(): ScrubRound {
    const nowMs = this.#o.clock.nowMs();
    return { startedMs: nowMs, finishedMs: nowMs, bytes: 0, found: 0, orphans: 0 };
  }

  #schedule(failed = false): void {
    if (this.#isStopped) return;
    const dueMs = this.#mark.round ? 0 : (this.nextMs ?? 0) - this.#o.clock.nowMs();
    // A node that just started has better things to do, and timers have a longest time.
    const delayMs = Math.min(Math.max(dueMs, failed ? RETRY_MS : 10_000), 24 * 3_600_000);
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#timer = this.#o.timers.setTimeout(() => {
      if (this.#mark.round || (this.nextMs ?? 0) <= this.#o.clock.nowMs()) this.begin();
      else this.#schedule();
    }, delayMs);
  }

  /** Starts a round, or goes on with the one that a restart cut short. */
  begin(): void {
    if (this.#isStopped || this.#running) return;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    const startedMs = this.#o.clock.nowMs();
    const round = this.#mark.round ?? { startedMs, part: 'logs', after: '', bytes: 0, found: 0 };
    this.#mark = { ...this.#mark, round };
    let failed = false;
    this.#running = this.#run(round)
      .catch((error: unknown) => {
        failed = true;
        if (!this.#isStopped)
          this.#o.log.warn({ reason: String(error) }, 'the scrub was cut short');
      })
      .finally(() => {
        this.#running = undefined;
        this.#schedule(failed);
      });
  }

  /** Resolves when no round is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#wake?.();
    await this.#running;
  }

  async #run(round: Progress): Promise<void> {
    const { stores, onDamaged, found } = this.#o;
    this.#sinceMs = this.#o.clock.nowMs();
    this.#pacedBytes = 0;
    const before = found() - round.found;
    const pace = (bytes: number) => this.#pace(round, bytes);
    let orphans = 0;
    for (const part of SCRUB_PARTS.slice(SCRUB_PARTS.indexOf(round.part))) {
      if (part !== round.part) Object.assign(round, { part, after: '' });
      await this.#remember(round, before);
      if (part === 'logs') await this.#o.checkLogs(pace);
      else if (part === 'orphans') orphans = await this.#o.sweepOrphans(pace);
      else {
        const isWrong = part === 'blocks' ? isOtherBlock : () => false;
        await this.#walk(part, round, before, isWrong, (key) => onDamaged(part, key), stores[part]);
      }
    }
    const { startedMs, bytes } = round;
    const finishedMs = this.#o.clock.nowMs();
    const last = { startedMs, finishedMs, bytes, found: found() - before, orphans };
    await this.#writeMark({ round: null, last });
    this.#o.log.info({ ...last }, 'the scrub is through');
  }

  /** All rows of a database, piece by piece, so that no snapshot is held for long. */
  async #walk(
    part: Database,
    round: Progress,
    before: number,
    isWrong: (row: Row) => boolean,
    onDamaged: (key: Buffer) => void,
    store: Store,
  ): Promise<void> {
    for (;;) {
      let bytes = 0;
      let last: Buffer | undefined;
      const after = Buffer.from(round.after, 'hex');
      const range: RangeOptions = {
        ...(after.length > 0 ? { gt: after } : { gte: Buffer.alloc(0) }),
        onDamaged: (key) => {
          last = key;
          onDamaged(key);
        },
      };
      for await (const row of store.range(range)) {
        last = row.key;
        let size = row.key.length + row.value.length;
        if (isWrong(row)) onDamaged(row.key);
        else size += await this.#o.onRow(part, row);
        bytes += size;
        await this.#pace(round, size);
        if (bytes >= PIECE_BYTES) break;
      }
      if (!last) return;
      Object.assign(round, { part, after: last.toString('hex') });
      await this.#remember(round, before);
      if (bytes < PIECE_BYTES) return;
    }
  }

  async #pace(round: Progress, bytes: number): Promise<void> {
    if (this.#isStopped) throw new Error('the node stops');
    round.bytes += bytes;
    this.#pacedBytes += bytes;
    this.#breathBytes += bytes;
    const dueMs = (this.#pacedBytes / this.#o.bytesPerSecond) * 1000;
    const waitMs = this.#sinceMs + dueMs - this.#o.clock.nowMs();
    if (waitMs < LEAST_PAUSE_MS && this.#breathBytes < BREATH_BYTES) return;
    this.#breathBytes = 0;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const pauseMs = Math.min(Math.max(0, waitMs), 5_000);
      this.#o.timers.setTimeout(resolve, pauseMs);
    });
  }

  async #remember(round: Progress, before: number): Promise<void> {
    round.found = this.#o.found() - before;
    crashpoint('scrub.before-mark');
    await this.#writeMark({ ...this.#mark, round });
  }

  async #writeMark(mark: Mark): Promise<void> {
    this.#mark = mark;
    const value = Buffer.from(JSON.stringify(mark));
    await this.#o.stores.log.write([{ type: 'put', key: MARK, value }]);
  }

  async #readMark(): Promise<Mark> {
    try {
      const bytes = await this.#o.stores.log.get(MARK);
      const mark = bytes && (JSON.parse(bytes.toString()) as Mark);
      const isKnown = !mark?.round || SCRUB_PARTS.includes(mark.round.part);
      if (mark && isKnown) return mark;
    } catch (error) {
      this.#o.log.warn({ reason: String(error) }, 'it is not known when the store was scrubbed');
    }
    return { round: null, last: null };
  }
}

/** Of both kinds of block the hash is the end of the key. */
const isOtherBlock = ({ key, value }: Row): boolean =>
  'bv'.includes(tableOf(key) ?? ' ') && !sha256(value).equals(key.subarray(-32));
