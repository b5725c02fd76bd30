// Reports of a node: which feeds of inventory and deployments it counts, keeps their counts level with their logs, and says
// of every space that is missing why. Knows grants and subscriptions through the node; how things are counted is elsewhere.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { asMeshError, type MeshError } from '../../protocols/errors.ts';
import type { FeedId, SpaceId, SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  type Inventory,
  InventoryPayload,
  REPORT_CONTEXTS,
  type ReportContext,
  targetCount,
} from '../../protocols/reports.ts';
import type { Background } from '../background.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { InventoryFacts, SpaceInventory } from '../health/inventory-facts.ts';
import type { MeshNode } from '../node.ts';
import { Counter } from './counter.ts';
import type { ListedFeed } from './deployment-list.ts';
import { FeedCounts } from './feed-counts.ts';
import { RowCache } from './row-cache.ts';
import type { HappenedRow } from './sum-reader.ts';

/** A report waits for this many entries to be counted; more are counted behind it, and it says that they are missing. */
const WAIT_ENTRIES = 5_000;

export type Missing = RouteResult<'reportDeployments'>['missing'][number];

/** A feed whose counts are part of the reports. */
export interface Counted extends ListedFeed {
  readonly feed: OpenFeed;
}

/** The newest inventory of a space and the entry that says so. */
export interface NewestInventory {
  readonly feed: OpenFeed;
  readonly index: number;
  readonly takenAtMs: number;
  readonly inventory: Inventory;
}

export interface ReportsOptions {
  readonly node: Pick<
    MeshNode,
    'views' | 'blocks' | 'directory' | 'feeds' | 'subscriptions' | 'home' | 'clock' | 'intent'
  >;
  readonly background: Background;
  readonly stopped: AbortSignal;
}

interface Kept {
  readonly feed: OpenFeed;
  readonly counter: Counter;
  /** Of feeds of inventory. */
  newest: NewestInventory | undefined;
  trouble: MeshError | undefined;
}

export class Reports implements InventoryFacts {
  readonly #o: ReportsOptions;
  readonly #kept = new Map<FeedId, Kept>();
  /** Rows of counts that the reports of all feeds share in memory. */
  readonly #rows = new RowCache();
  readonly #inventories = new Map<SpaceId, Set<Kept>>();
  /** Feeds with new entries whose counting begins in a moment: they are told one by one and counted together. */
  readonly #grown = new Set<FeedId>();

  constructor(options: ReportsOptions) {
    this.#o = options;
  }

  /** Counts what was applied while nobody counted, and learns what the spaces are. */
  start(): void {
    for (const row of this.#o.node.directory.state.feeds.values()) {
      if (isReport(row.context) && this.#whyNot(row) === undefined)
        this.#o.background.run(this.#o.node.feeds.open(row.id).then((feed) => this.#catchUp(feed)));
    }
  }

  /** Told of every feed that has new applied entries; most are none of its business. */
  onGrown(feed: OpenFeed): void {
    const { id, context } = feed.row;
    if (!isReport(context) || this.#grown.has(id)) return;
    this.#grown.add(id);
    const work = async (): Promise<void> => {
      this.#grown.delete(id);
      await this.#catchUp(feed);
    };
    this.#o.background.run(Promise.resolve().then(work));
  }

  /** A row of the counts of a log is damaged: they are made anew. */
  async forgetCounts(log: Buffer): Promise<void> {
    for (const { feed, counter } of this.#kept.values()) {
      if (!feed.log.prefix.equals(log)) continue;
      await counter.counts.clear();
      this.#o.background.run(this.#catchUp(feed));
    }
  }

  /** What a space is, out of its newest inventory; undefined when none is known here, or it is not ours to use. */
  of(space: SpaceName): SpaceInventory | undefined {
    const id = this.#o.node.directory.state.spaceNamed(space)?.id;
    const newest = id && this.newestOf(id);
    if (!newest) return undefined;
    const { serverVersion, projects, tags = [] } = newest.inventory;
    return { serverVersion, projects, targets: targetCount(newest.inventory), tags };
  }

  newestOf(space: SpaceId): NewestInventory | undefined {
    let best: NewestInventory | undefined;
    for (const { feed, newest } of this.#inventories.get(space) ?? []) {
      if (!newest || this.#whyNot(feed.row) !== undefined) continue;
      if (!best || newest.takenAtMs > best.takenAtMs) best = newest;
    }
    return best;
  }

  /** The feeds of a context that are counted, their counts level with what was applied, and what is not in them. */
  async feeds(
    context: ReportContext,
    space: SpaceId | undefined,
  ): Promise<{ readonly counted: Counted[]; readonly missing: Missing[] }> {
    const { directory, feeds } = this.#o.node;
    const counted: Counted[] = [];
    const missing: Missing[] = [];
    for (const row of directory.state.feeds.values()) {
      if (row.context !== context || (space !== undefined && row.space !== space)) continue;
      const name = directory.state.spaces.get(row.space)?.name ?? row.space;
      const why = this.#whyNot(row);
      if (why !== undefined) {
        missing.push({ space: name, why });
        continue;
      }
      const feed = await feeds.open(row.id);
      const kept = this.#keep(feed);
      for (const gap of await this.#level(kept)) missing.push({ space: name, why: gap });
      counted.push({ space: name, path: feed.path, feed, counts: kept.counter.counts });
    }
    return { counted, missing };
  }

  /** Why a feed is not counted at all; undefined when it is. */
  #whyNot(row: FeedRow): string | undefined {
    const { directory, subscriptions, home, intent } = this.#o.node;
    const path = directory.state.feedPath(row);
    const revoked = directory.state.spaces.get(row.space)?.revoked;
    if (revoked) return `${path} is not counted: the space was revoked`;
    if (row.space === home.config.space) return undefined;
    if (!intent.grantOf(row)) return `there is no grant for ${path}`;
    if (!subscriptions.get(row.id))
      return `${path} is not taken; take it with: odcm subscribe ${path}`;
    return undefined;
  }

  #keep(feed: OpenFeed): Kept {
    let kept = this.#kept.get(feed.row.id);
    if (!kept) {
      const { views, blocks } = this.#o.node;
      const counts = new FeedCounts(
        views,
        feed.log.prefix,
        feed.row.context as ReportContext,
        this.#rows,
      );
      const counter = new Counter(feed, counts, views, blocks);
      kept = { feed, counter, newest: undefined, trouble: undefined };
      this.#kept.set(feed.row.id, kept);
      if (feed.row.context === 'inventory') {
        const ofSpace = this.#inventories.get(feed.row.space) ?? new Set();
        this.#inventories.set(feed.row.space, ofSpace.add(kept));
      }
    }
    return kept;
  }

  async #catchUp(feed: OpenFeed): Promise<void> {
    const kept = this.#keep(feed);
    try {
      await kept.counter.catchUp(this.#o.stopped);
      if (feed.row.context === 'inventory')
        kept.newest = newestOf(feed, await kept.counter.counts.newest());
      kept.trouble = undefined;
    } catch (error) {
      kept.trouble = asMeshError(error);
      throw error;
    }
  }

  /** Counts what waits, when that is soon done; and says what is not in the counts. */
  async #level(kept: Kept): Promise<string[]> {
    const { feed, counter } = kept;
    const { path, log, view, head, isFrozen } = feed;
    const work = this.#catchUp(feed).catch(() => undefined);
    this.#o.background.run(work);
    if ((await counter.behind()) <= WAIT_ENTRIES) await work;
    const { next, uncounted } = await counter.counts.cursor();
    const gaps: string[] = [];
    if (isFrozen) gaps.push(`${path} is frozen: two histories of it were seen`);
    if (!head && log.size === 0 && !feed.publisher) gaps.push(`nothing of ${path} has arrived yet`);
    const absent = (head?.size ?? 0) - view.applied;
    if (absent > 0) gaps.push(`${entries(absent)} of ${path} have not arrived yet`);
    const waiting = Math.min(view.applied, log.size) - next;
    if (waiting > 0) gaps.push(`${entries(waiting)} of ${path} are not counted yet`);
    if (kept.trouble) gaps.push(`${path}: ${kept.trouble.code}: ${kept.trouble.message}`);
    const [first] = uncounted > 0 ? await counter.counts.uncounted(1) : [];
    if (first) {
      const { index, code, message } = first;
      gaps.push(
        `${entries(uncounted)} of ${path} cannot be counted, such as ${index}: ${code}: ${message}`,
      );
    }
    return gaps;
  }

  /** A space that has not told for long may be another by now. */
  isStale({ takenAtMs }: NewestInventory): boolean {
    return this.#o.node.clock.nowMs() - takenAtMs > LIMITS.inventoryFreshMs;
  }
}

function newestOf(feed: OpenFeed, row: HappenedRow | undefined): NewestInventory | undefined {
  if (!row) return undefined;
  const inventory = InventoryPayload.parse(JSON.parse(row.value.toString('utf8')));
  return { feed, index: row.index, takenAtMs: row.timeMs, inventory };
}

const isReport = (context: string): context is ReportContext =>
  (REPORT_CONTEXTS as readonly string[]).includes(context);

const entries = (count: number): string => `${count} ${count === 1 ? 'entry' : 'entries'}`;
