// Repairs what was found damaged: first from what is sound here, then from members that have it. What comes is verified
// like everything that comes; what cannot be had now is tried again. One repair at a time.

import { decodeNote } from '../../protocols/checkpoint.ts';
import { asMeshError, isMeshError, MeshError } from '../../protocols/errors.ts';
import { verifyBlock } from '../../protocols/record.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { TimerHandle, Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import { type Donor, forgetLog, mendLog } from '../feed/mend-log.ts';
import type { Log } from '../log.ts';
import type { SyncClient } from '../net/sync-client.ts';
import type { Store } from '../store/store.ts';
import type { Damage, DamageBoard, DamageKind } from './damage-board.ts';
import { type Findings, isNamedUnapplied } from './unapplied.ts';

const RETRY_MS = 2_000;
/** Peers that are asked in one try. */
const MOST_ASKED = 8;

export interface RepairerOptions {
  readonly board: DamageBoard;
  readonly logs: Store;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  /** Kept for others only: its blocks lie apart, and its entries are not applied here. */
  readonly isCopied: (feed: OpenFeed) => boolean;
  readonly timers: Timers;
  readonly log: Log;
  /** Connected members, those first that are known to carry the feed. */
  readonly peers: (feed: OpenFeed | undefined) => readonly string[];
  readonly ask: <T>(peerId: string, work: (client: SyncClient) => Promise<T>) => Promise<T>;
  readonly nameOf: (peerId: string) => string;
}

/** Puts one thing right; resolves to where the data came from. */
type Repair = () => Promise<string>;

const keyOf = (kind: DamageKind, subject: string): string => `${kind} ${subject}`;

export class Repairer {
  readonly #o: RepairerOptions;
  readonly #waiting = new Map<Damage, Repair>();
  /** Found damaged once more while it was being repaired: the repair is not the end of it. */
  readonly #again = new Set<string>();
  #running: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: RepairerOptions) {
    this.#o = options;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await this.#running;
  }

  /** Tries what is open now: members came. */
  kick(): void {
    if (this.#isStopped || this.#waiting.size === 0) return;
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
  }

  add(kind: DamageKind, subject: string, what: string, repair: Repair): void {
    const damage = this.#o.board.add(kind, subject, what);
    if (!damage) {
      this.#again.add(keyOf(kind, subject));
      return;
    }
    this.#o.log.warn({ kind, subject }, `damage in the store: ${what}`);
    this.#waiting.set(damage, repair);
    this.kick();
  }

  async #drain(): Promise<void> {
    // Whoever found it may hold what the repair needs.
    await Promise.resolve();
    for (const [damage, repair] of [...this.#waiting]) {
      if (this.#isStopped) return;
      damage.tries++;
      const key = keyOf(damage.kind, damage.subject);
      this.#again.delete(key);
      try {
        const source = await repair();
        if (this.#again.has(key)) continue;
        this.#waiting.delete(damage);
        this.#o.board.repair(damage, source);
        this.#o.log.info({ kind: damage.kind, subject: damage.subject, source }, 'repaired');
      } catch (error) {
        damage.lastError = asMeshError(error).line;
      }
    }
    if (this.#isStopped || this.#waiting.size === 0) return;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#timer = this.#o.timers.setTimeout(() => this.kick(), RETRY_MS);
  }

  log(feed: OpenFeed, what: string): void {
    this.add('log', feed.path, what, async () => {
      const source = await this.#mendFeed(feed);
      await this.#o.feeds.mended(feed);
      await feed.view.catchUp();
      return source;
    });
  }

  view(feed: OpenFeed, what: string): void {
    this.add('view', feed.path, what, async () => {
      await feed.view.catchUp();
      return 'its log';
    });
  }

  directory(what: string): void {
    this.add('directory', 'directory', what, () => this.#mendDirectory());
  }

  block(hash: Buffer): void {
    const name = hash.toString('hex');
    const findings: Findings = new Map();
    const repair = () => this.#fetchBlock(hash, findings);
    this.add('block', name, `the block ${name} is damaged`, repair);
  }

  async #mendFeed(feed: OpenFeed): Promise<string> {
    const { logs, feeds } = this.#o;
    const { log, publisher } = feed;
    if (!log.damage) return 'nothing was wrong any more';
    const sign = (c: Parameters<Feeds['signAgain']>[1]) => feeds.signAgain(feed, c);
    // An entry is an item only once it is in the log for good.
    const mend = (donor: Donor, told: number) => {
      const own = publisher && { sign, atLeast: Math.max(feed.view.applied, told) };
      return mendLog({ store: logs, log, donor, ...own });
    };
    // Without a donor nothing is signed anew: others may know of more than is left here.
    const alone = await settle(mendLog({ store: logs, log }));
    if (alone.isDone) return 'its own rows';
    const verify = (note: Buffer) =>
      this.#o.directory.verifyFeedNote(decodeNote(note), feed.row, feed.origin);
    return this.#fromPeers(feed, feed.id, verify, mend).catch(async (error: unknown) => {
      // A copy that has lost too much is fetched anew, as by a space that takes the feed for the first time.
      if (!isMeshError(error, 'TOO_LARGE') || publisher) throw error;
      await forgetLog(logs, log);
      return 'it is fetched anew';
    });
  }

  async #mendDirectory(): Promise<string> {
    const { directory } = this.#o;
    if (!directory.log.damage) return 'nothing was wrong any more';
    const alone = await settle(directory.mend(undefined));
    if (alone.isDone) return 'its own rows';
    const verify = (note: Buffer) => directory.verifyShown(decodeNote(note));
    return this.#fromPeers(undefined, DIRECTORY_LOG, verify, (donor) => directory.mend(donor));
  }

  /**
   * Asks members for their newest head, and mends with the one that has most.
   * @param mend `told` is what any of them was told of, whether or not it has that
   */
  async #fromPeers(
    feed: OpenFeed | undefined,
    id: Uint8Array,
    verify: (note: Buffer) => { readonly size: number },
    mend: (donor: Donor, told: number) => Promise<unknown>,
  ): Promise<string> {
    const { ask, nameOf } = this.#o;
    let told = 0;
    const found: { peerId: string; note: Buffer; size: number }[] = [];
    let last: unknown = new MeshError('PEER_UNREACHABLE', 'no member that could help is connected');
    for (const peerId of this.#o.peers(feed).slice(0, MOST_ASKED)) {
      try {
        for (const head of await ask(peerId, (client) => client.heads([id]))) {
          const note = Buffer.from(head.note);
          const { size } = verify(note);
          told = Math.max(told, size);
          if (head.held >= size) found.push({ peerId, note, size });
        }
      } catch (error) {
        last = error;
      }
    }
    for (const { peerId, note } of found.toSorted((a, b) => b.size - a.size)) {
      try {
        await ask(peerId, (client) => mend({ note, source: client.source(id) }, told));
        return nameOf(peerId);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async #fetchBlock(hash: Buffer, findings: Findings): Promise<string> {
    const { blocks, feeds, ask, nameOf } = this.#o;
    if (!blocks.isDamaged(hash)) return 'it came anew';
    // It may be the only copy there is: what was read wrongly once is not given up for that.
    if (await blocks.readsWell(hash)) return 'it reads well again';
    let last: unknown = new MeshError(
      'RECORD_MISSING',
      'no feed that is held here names the block',
    );
    let isNamed = false;
    // An entry that is not applied yet may name it, and this may be the only copy there is.
    let isKnown = true;
    for (const feed of feeds.opened) {
      if (!(await feed.view.owns(hash))) {
        const isAwaited = await this.#isAwaited(feed, hash, findings);
        if (isAwaited === undefined) isKnown = false;
        if (!isAwaited) continue;
      }
      isNamed = true;
      for (const peerId of this.#o.peers(feed)) {
        try {
          const cid = { codec: 0x55 as const, hash };
          const [bytes] = await ask(peerId, (client) => client.blocks(feed.id, [cid]));
          if (!bytes) continue;
          verifyBlock(cid, bytes);
          await blocks.put([{ hash, bytes }], true);
          return nameOf(peerId);
        } catch (error) {
          last = error;
        }
      }
      last = new MeshError('PEER_UNREACHABLE', `no connected member gave a block of ${feed.path}`);
    }
    if (isNamed || !isKnown) throw last;
    // What was found may be from before a record came that names it: before it is taken away, all is looked at once more.
    findings.clear();
    for (const feed of feeds.opened) {
      if (await feed.view.owns(hash)) throw last;
      if ((await this.#isAwaited(feed, hash, findings)) !== false) throw last;
    }
    // Nobody ever asks for it.
    await blocks.drop([hash]);
    return 'nothing names it: it was taken away';
  }

  async #isAwaited(feed: OpenFeed, hash: Buffer, findings: Findings): Promise<boolean | undefined> {
    return !this.#o.isCopied(feed) && isNamedUnapplied(feed, hash, this.#o.blocks, findings);
  }
}

async function settle(work: Promise<unknown>): Promise<{ isDone: boolean }> {
  try {
    await work;
    return { isDone: true };
  } catch (error) {
    if (isMeshError(error)) return { isDone: false };
    throw error;
  }
}
