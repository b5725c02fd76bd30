// Blocks that nothing names: left by a file that was refused, or by a process that ended between a record and its entry. One
// that was already an orphan a round ago, longer than an upload takes, is taken away.

import { decodeEntry } from '../../protocols/entry.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Blocks } from '../feed/blocks.ts';
import { hashOfOwnedKey, logOfKey, markKey, ownedKey, tableRange } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';

const MARK = markKey('orphans');
/** Looked at in one round: the rest waits for the next. */
const MOST = 10_000;
const GROUP = 256;

export interface OrphansOptions {
  readonly logs: Store;
  readonly blockStore: Store;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly nowMs: () => number;
}

type Pace = (bytes: number) => Promise<void>;
interface Round extends OrphansOptions {
  readonly pace: Pace;
}

/** Its records lie beside their entries: it names no blocks. */
const isOfDirectory = (key: Buffer): boolean =>
  logOfKey(key).subarray(0, DIRECTORY_LOG.length).equals(DIRECTORY_LOG);

export class Orphans {
  readonly #o: OrphansOptions;
  /** By hash in hexadecimal: since when those of the round before are known as orphans. */
  #since = new Map<string, number>();
  /** Came before it was read. */
  readonly #early = new Set<string>();
  #isRead = false;
  readonly #candidates = new Set<string>();

  constructor(options: OrphansOptions) {
    this.#o = options;
    // One that comes anew, from a peer, with a bundle or an upload, is about to be named: its time begins again.
    options.blocks.onArrived = (name) => {
      this.#candidates.delete(name);
      this.#since.delete(name);
      if (!this.#isRead) this.#early.add(name);
    };
  }

  /**
   * Reads what was found before the stop; what came already counts. Nothing is left of it on the disk: what comes before a crash
   * is not known after it, and then all times begin anew.
   */
  async start(): Promise<void> {
    const since = await readMark(this.#o.logs);
    if (since.size > 0) await this.#o.logs.write([{ type: 'del', key: MARK }], { sync: true });
    for (const name of this.#early) since.delete(name);
    this.#since = since;
    this.#isRead = true;
    this.#early.clear();
  }

  /** Once nothing comes any more. */
  async stop(): Promise<void> {
    if (this.#since.size === 0) return;
    const value = Buffer.from(JSON.stringify(Object.fromEntries(this.#since)));
    await this.#o.logs.write([{ type: 'put', key: MARK, value }]);
  }

  /** Resolves to how many were taken away: none when something could not be read that may name them. */
  async sweep(pace: Pace): Promise<number> {
    try {
      return await this.#sweep({ ...this.#o, pace });
    } finally {
      this.#candidates.clear();
    }
  }

  async #sweep(round: Round): Promise<number> {
    const candidates = this.#candidates;
    await addUnowned(round, candidates);
    if (candidates.size > 0 && !(await keepNamed(round, candidates))) return 0;
    const nowMs = this.#o.nowMs();
    const next = new Map<string, number>();
    const dead: Buffer[] = [];
    for (const name of candidates) {
      const firstMs = this.#since.get(name) ?? nowMs;
      if (nowMs - firstMs >= LIMITS.orphanGraceMs) dead.push(Buffer.from(name, 'hex'));
      else next.set(name, firstMs);
    }
    // From here on the time of those that come is the one that counts.
    this.#since = next;
    let count = 0;
    for (let at = 0; at < dead.length; at += GROUP) {
      const unnamed = await stillUnowned(round, dead.slice(at, at + GROUP));
      count += await this.#o.blocks.drop(unnamed, (name) => candidates.has(name));
    }
    return count;
  }
}

/** Prefixes of the logs that have views. */
async function viewed({ views }: OrphansOptions): Promise<Buffer[]> {
  const prefixes: Buffer[] = [];
  for await (const { key } of views.range({ ...tableRange('a'), onDamaged: () => {} }))
    prefixes.push(Buffer.from(logOfKey(key)));
  return prefixes;
}

async function isOwned({ views }: OrphansOptions, prefixes: readonly Buffer[], hash: Buffer) {
  for (const prefix of prefixes) if (await views.has(ownedKey(prefix, hash))) return true;
  return false;
}

/** Of these, those that were not named since they were found. */
async function stillUnowned(o: Round, hashes: readonly Buffer[]): Promise<Buffer[]> {
  const prefixes = await viewed(o);
  const still: Buffer[] = [];
  for (const hash of hashes) if (!(await isOwned(o, prefixes, hash))) still.push(hash);
  return still;
}

/** Blocks that no view names, by hash in hexadecimal. */
async function addUnowned(o: Round, found: Set<string>): Promise<void> {
  const { blockStore, pace } = o;
  const prefixes = await viewed(o);
  // By themselves, and in packs.
  for (const table of ['b', 'j']) {
    for await (const { key, value } of blockStore.range({
      ...tableRange(table),
      onDamaged: () => {},
    })) {
      await pace(key.length + value.length);
      const hash = key.subarray(1);
      const name = hash.toString('hex');
      // Before it is looked for: it may come just then.
      found.add(name);
      if (await isOwned(o, prefixes, hash)) found.delete(name);
      if (found.size >= MOST) return;
    }
  }
}

/**
 * Views may be behind their logs, or damaged: the entries have the last word.
 * @returns false when some of it could not be read
 */
async function keepNamed(o: Round, candidates: Set<string>): Promise<boolean> {
  let isWhole = true;
  const onDamaged = () => {
    isWhole = false;
  };
  for await (const { key, value } of o.logs.range({
    ...tableRange('s'),
    onDamaged: (damaged) => {
      if (!isOfDirectory(damaged)) onDamaged();
    },
  })) {
    if (isOfDirectory(key)) continue;
    await o.pace(key.length + value.length);
    try {
      for (const { leaf, record } of decodeSegment(value).entries) {
        const cid = decodeEntry(leaf).record;
        if (!cid) continue;
        for await (const hash of o.blocks.named(cid, record))
          candidates.delete(Buffer.from(hash).toString('hex'));
      }
    } catch (error) {
      if (!isMeshError(error)) throw error;
      isWhole = false;
    }
  }
  for await (const { key } of o.views.range({ ...tableRange('o'), onDamaged }))
    candidates.delete(hashOfOwnedKey(key).toString('hex'));
  return isWhole;
}

async function readMark(logs: Store): Promise<Map<string, number>> {
  try {
    const bytes = await logs.get(MARK);
    return new Map(Object.entries(bytes ? (JSON.parse(bytes.toString()) as object) : {}));
  } catch (error) {
    if (isRot(error)) return new Map();
    throw error;
  }
}
