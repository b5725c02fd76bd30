// The care of a node's store: whatever is found damaged, by a reader or by the scrub, goes to the repairer, and is shown.
// Also sees to own feeds whose database was set aside: nothing is published before they were asked for elsewhere.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { MeshError } from '../../protocols/errors.ts';
import { formatUuid, parseFeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Timers } from '../clock.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { FeedLog } from '../feed/log.ts';
import { faultOfLog } from '../feed/log-survey.ts';
import { damagedLog } from '../feed/stored-segments.ts';
import { STARTED } from '../fork/release-gate.ts';
import type { MeshNode } from '../node.ts';
import type { DiskGuard } from '../store/disk-guard.ts';
import { hashOfOwnedKey, isLastingMark, logOfKey, markKey, tableOf } from '../store/keys.ts';
import type { Row, Store } from '../store/store.ts';
import { DamageBoard } from './damage-board.ts';
import { logInUse, openedOf } from './log-of-row.ts';
import { Orphans } from './orphans.ts';
import { Refetch, refetchMark } from './refetch.ts';
import { Repairer } from './repairer.ts';
import { Scrub } from './scrub.ts';
import { tendPacks } from './tend-packs.ts';

export interface StoreCareOptions {
  readonly node: MeshNode;
  readonly stores: { readonly logs: Store; readonly blockStore: Store; readonly views: Store };
  readonly disk: DiskGuard;
  readonly timers: Timers;
}

/** Tables of what a log is made of. */
const LOG_TABLES = 'hst';
const CLEAN = markKey('stopped cleanly');
const NO_BYTES = Buffer.alloc(0);
/** After a crash the logs are read in pieces of this size, with a pause after each. */
const BREATH_BYTES = 512 * 1024;
const BREATH_MS = 20;

export class StoreCare {
  readonly board: DamageBoard;
  readonly disk: DiskGuard;
  readonly scrub: Scrub;
  readonly refetch: Refetch;
  readonly #repairer: Repairer;
  readonly #orphans: Orphans;
  readonly #node: MeshNode;
  readonly #stores: StoreCareOptions['stores'];
  #isStopped = false;
  readonly #timers: Timers;
  readonly #work = new Set<Promise<void>>();

  constructor({ node, stores, disk, timers }: StoreCareOptions) {
    const { clock, log, directory, feeds, blocks, replicator, members } = node;
    this.#node = node;
    this.#stores = stores;
    this.disk = disk;
    this.#timers = timers;
    this.board = new DamageBoard(clock);
    const peers = (feed: OpenFeed | undefined) => this.#peersFor(feed);
    const ask: typeof replicator.ask = (peerId, work) => replicator.ask(peerId, work);
    this.#repairer = new Repairer({
      ...{
        board: this.board,
        logs: stores.logs,
        directory,
        feeds,
        blocks,
        timers,
        log,
        peers,
        ask,
      },
      isCopied: ({ row }) => node.carrying.carry.isCopied(row.id),
      nameOf: (peerId) => members.spaceOf(peerId)?.name ?? peerId,
    });
    this.refetch = new Refetch({ node, timers, peers });
    this.#orphans = new Orphans({ ...stores, blocks, nowMs: () => clock.nowMs() });
    this.scrub = new Scrub({
      stores: { log: stores.logs, blocks: stores.blockStore, views: stores.views },
      ...{ clock, timers, log },
      everyMs: LIMITS.scrubEveryMs,
      bytesPerSecond: LIMITS.scrubBytesPerSecond,
      checkLogs: (pace) => this.#checkLogs(pace),
      onRow: (database, row) => this.#look(database, row),
      onDamaged: (database, key) => this.#rowDamaged(database, key),
      sweepOrphans: async (pace) => {
        const swept = await this.#orphans.sweep(pace);
        await tendPacks({ ...stores, blocks, pace, log, hasRoom: () => disk.mayTake });
        return swept;
      },
      found: () => this.board.found,
    });
    blocks.onDamaged = (hash) => this.#repairer.block(hash);
    directory.log.onDamaged = (damage) => this.#repairer.directory(damage.message);
  }

  /** Something of a feed was found damaged, by whoever read it. */
  feedDamaged(feed: OpenFeed, damage: MeshError): void {
    if (feed.log.damage) this.#repairer.log(feed, damage.message);
    else this.#repairer.view(feed, damage.message);
  }

  async start(): Promise<void> {
    const { damage } = this.#node.directory.log;
    if (damage) this.#repairer.directory(damage.message);
    await this.disk.start().catch((error: unknown) => {
      this.#node.log.warn({ reason: String(error) }, 'the space on the disk is not known');
    });
    await this.#orphans.start();
    await this.scrub.start();
    this.refetch.start();
    const toRefill = refetchMark(this.#node.home.paths.blocks);
    if (existsSync(toRefill)) {
      this.scrub.begin();
      await rm(toRefill, { force: true });
    }
    if (!(await this.#takeCleanMark())) this.#background(this.#checkAfterCrash());
  }

  /** Written at an orderly stop, taken away at the start: what a crash leaves is looked at entry by entry. */
  async #takeCleanMark(): Promise<boolean> {
    const { logs } = this.#stores;
    const wasClean = (await logs.get(CLEAN)) !== undefined;
    if (wasClean) await logs.write([{ type: 'del', key: CLEAN }]);
    return wasClean;
  }

  async #checkAfterCrash(): Promise<void> {
    let bytes = 0;
    await this.#checkLogs(async (more) => {
      bytes += more;
      if (this.#isStopped) throw new Error('the node stops');
      if (bytes < BREATH_BYTES) return;
      bytes = 0;
      await new Promise<void>((resolve) => this.#timers.setTimeout(resolve, BREATH_MS));
    });
  }

  /** A member came: it may have what is missing. */
  connected(): void {
    this.#repairer.kick();
    this.refetch.kick();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.disk.stop();
    await this.scrub.stop();
    await this.refetch.stop();
    await this.#repairer.stop();
    await Promise.allSettled(this.#work);
  }

  /** Once nobody writes any more: the next start need not look through the logs. */
  async leave(): Promise<void> {
    await this.#orphans.stop();
    const { damage } = this.#node.directory.log;
    const isWhole = !damage && this.board.open.length === 0;
    if (isWhole) await this.#stores.logs.write([{ type: 'put', key: CLEAN, value: NO_BYTES }]);
  }

  #peersFor(feed: OpenFeed | undefined): string[] {
    const { host, carriers, neighbours } = this.#node;
    const connected = host.connectedPeers();
    const first = feed ? carriers.of(feed.row.id) : [neighbours.odcmPeer ?? ''];
    const publisher = feed && neighbours.peerOf(feed.row.space);
    const all = new Set([...(publisher ? [publisher] : []), ...first, ...connected]);
    return [...all].filter((peerId) => connected.includes(peerId));
  }

  async #checkLogs(pace: (bytes: number) => Promise<void>): Promise<void> {
    const { directory, feeds } = this.#node;
    const logs: FeedLog[] = [directory.log, ...[...feeds.opened].map(({ log }) => log)];
    for (const log of logs) {
      if (log.damage) continue;
      const fault = await faultOfLog(
        this.#stores.logs,
        log.prefix,
        { size: log.size, root: log.root() },
        { pace },
      );
      if (fault) log.markDamaged(fault);
    }
  }

  #rowDamaged(database: 'log' | 'blocks' | 'views', key: Buffer): void {
    const table = tableOf(key) ?? '';
    const name = key.toString('hex');
    const what = `the row ${name} of store/${database} is damaged`;
    const store = this.#storeOf(database);
    const forget = (): Promise<void> =>
      store.write([
        key.equals(STARTED) ? { type: 'put', key, value: Buffer.alloc(0) } : { type: 'del', key },
      ]);
    if (database === 'blocks' && (table === 'b' || table === 'j')) {
      this.#node.blocks.markDamaged(key.subarray(1));
      return;
    }
    if (database === 'views' || LOG_TABLES.includes(table)) {
      this.#background(this.#logRowDamaged(database, table, key, what));
      return;
    }
    const lost = table === 'u' || table === 'x';
    this.#repairer.add('row', name, what, async () => {
      if (table === 'u') {
        await this.#node.subscriptions.restore(parseFeedId(formatUuid(key.subarray(1))));
        return 'the subscription as it is in use';
      }
      // The evidence of a fork says by being there that the feed is frozen: it stays.
      if (lost) return 'it goes on to say that the feed is frozen';
      // Neither is a number of the air gap given twice: the damage stays open, and what needs the row is refused.
      if (isLastingMark(key)) return this.#requireSound(store, key);
      await forget();
      return 'it was forgotten';
    });
  }

  /** @throws STORE_DAMAGED while it is not */
  async #requireSound(store: Store, key: Buffer): Promise<string> {
    await store.get(key);
    return 'it was made anew';
  }

  /** A block that a row names lies in its pack; one that an applied entry names was here. Resolves to bytes read besides. */
  async #look(database: 'log' | 'blocks' | 'views', { key }: Row): Promise<number> {
    const { blocks } = this.#node;
    const table = `${database} ${tableOf(key)}`;
    const hash = table === 'views o' ? hashOfOwnedKey(key) : key.subarray(1);
    if (table === 'blocks j') return (await blocks.get({ codec: 0x55, hash }))?.length ?? 0;
    if (table === 'views o' && !(await blocks.has({ codec: 0x55, hash }))) blocks.markDamaged(hash);
    return 0;
  }

  #storeOf(database: 'log' | 'blocks' | 'views'): Store {
    const { logs, blockStore, views } = this.#stores;
    return database === 'log' ? logs : database === 'blocks' ? blockStore : views;
  }

  #background(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        const reason = String(error);
        if (!this.#isStopped)
          this.#node.log.warn({ reason }, 'the care of the store was cut short');
      })
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  /** A row of a log or of what is made from it. */
  async #logRowDamaged(
    database: 'log' | 'views' | 'blocks',
    table: string,
    key: Buffer,
    what: string,
  ): Promise<void> {
    const { directory } = this.#node;
    const forget = () => this.#storeOf(database).write([{ type: 'del', key }]);
    const prefix = logOfKey(key);
    if (table === 'r' || table === 'n' || table === 'l' || table === '') {
      this.#repairer.add('row', key.toString('hex'), what, async () => {
        await forget();
        await directory.copyAnew();
        return 'the row that it is a copy of';
      });
      return;
    }
    const isDirectory = prefix.subarray(0, 16).equals(DIRECTORY_LOG);
    if (isDirectory && database === 'log') {
      // What is kept of an epoch that is over is evidence: nobody serves it, and nothing of it is taken away.
      if (prefix.equals(directory.log.prefix)) directory.log.markDamaged(damagedLog(prefix, what));
      return;
    }
    const feed = isDirectory ? undefined : await openedOf(this.#node, prefix);
    if (feed && database === 'log') feed.log.markDamaged(damagedLog(prefix, what));
    else if (feed && 'iadop'.includes(table)) feed.view.markDamaged(damagedLog(prefix, what));
    else
      this.#repairer.add('row', key.toString('hex'), what, async () => {
        const log = database === 'log' ? await logInUse(this.#node, prefix) : undefined;
        log?.markDamaged(damagedLog(prefix, what));
        if (log) return 'its log is mended as a whole';
        // Counts are made anew as a whole when a row of them is missing or wrong; other logs are not in use.
        await this.#node.reports.forgetCounts(prefix);
        await forget();
        return 'it is made anew';
      });
  }

  /** @throws while nothing of this space's own may be written */
  readonly requireRoom = (): void => {
    this.disk.requireRoom();
    this.refetch.requireDone();
  };
}
