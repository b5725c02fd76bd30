// What a space could read and must be changed at its source, as far as this node can tell: feeds of everybody by the grants of
// the directory, items of this space's own feeds. What was read cannot be called back; only a new value ends it.

import type { RouteResult } from '../protocols/control-api.ts';
import type { FeedRow, SpaceRow } from '../protocols/directory.ts';
import { LIMITS } from '../protocols/limits.ts';
import { type Reach, reachOf } from './directory/reach.ts';
import { exposure } from './feed/exposure.ts';
import type { MeshNode } from './node.ts';

type Exposure = RouteResult<'exposure'>;
type ExposureLine = Exposure['rows'][number];

const iso = (ms: number): string => new Date(ms).toISOString();

export async function exposureOf(node: MeshNode, space: SpaceRow): Promise<Exposure> {
  const { state } = node.directory;
  const nowMs = node.clock.nowMs();
  const feeds: Exposure['feeds'] = [];
  const lines: ExposureLine[] = [];
  for (const feed of state.feeds.values()) {
    const reach = reachOf(state, space.id, feed, nowMs);
    if (!reach) continue;
    const isOwn = feed.space === node.home.config.space;
    const owner = state.spaces.get(feed.space)?.name ?? feed.space;
    const { isSealed } = feed;
    feeds.push({ feed: state.feedPath(feed), owner, isOwn, isSealed, ...reach });
    if (isOwn) lines.push(...(await itemsOf(node, feed, reach, space)));
  }
  lines.sort(byUrgency);
  const readable = lines.filter(({ state: at }) => at === 'readable');
  return {
    ...{ asOf: iso(nowMs), space: space.name, feeds, total: lines.length },
    revokedAt: space.revoked ? space.since : null,
    rows: lines.slice(0, LIMITS.pageRows),
    readable: readable.length,
    sensitive: readable.filter(({ isSensitive }) => isSensitive).length,
  };
}

interface Counted {
  /** What was looked at: while it is the same, so are the figures. */
  readonly of: string;
  readonly figures: Pick<Exposure, 'readable' | 'sensitive'>;
}

const COUNTED = new WeakMap<MeshNode, Map<string, Counted>>();
/** How much is left to change. */
export async function exposureFigures(
  node: MeshNode,
  space: SpaceRow | undefined,
): Promise<Partial<Counted['figures']>> {
  if (!space || space.id === node.home.config.space) return {};
  const counted = COUNTED.get(node) ?? new Map<string, Counted>();
  COUNTED.set(node, counted);
  const own = [...node.feeds.opened].filter(({ publisher }) => publisher);
  const sizes = own.map(({ path, log }) => `${path} ${log.size}`);
  const of = [node.directory.state.size, ...sizes].join();
  const known = counted.get(space.id);
  if (known?.of === of) return known.figures;
  const { readable, sensitive } = await exposureOf(node, space);
  const figures = { readable, sensitive };
  counted.set(space.id, { of, figures });
  return figures;
}

async function itemsOf(
  node: MeshNode,
  row: FeedRow,
  reach: Reach,
  space: SpaceRow,
): Promise<ExposureLine[]> {
  const feed = await node.feeds.open(row.id);
  const owner = node.home.config.name;
  const nowMs = node.clock.nowMs();
  const lines: ExposureLine[] = [];
  // What is sealed tells by its keys who could read it, whatever the clocks say.
  const exchangeKeys = space.keys.map(({ exchangeKey }) => exchangeKey);
  const untilMs = reach.until === null ? Number.POSITIVE_INFINITY : Date.parse(reach.until);
  for await (const one of exposure({ feed, exchangeKeys, untilMs })) {
    const { item, version, timeMs, isSensitive, isCurrent } = one;
    const [publishedAt, ageMs] = [iso(timeMs), Math.max(0, nowMs - timeMs)];
    const at = isCurrent ? 'readable' : 'changed';
    lines.push({
      ...{ feed: feed.path, owner, item, version, publishedAt, ageMs, isSensitive, state: at },
    });
  }
  return lines;
}

/** What is not changed first, of these what is sensitive, then the oldest. */
function byUrgency(a: ExposureLine, b: ExposureLine): number {
  const rank = ({ state, isSensitive }: ExposureLine) =>
    (state === 'readable' ? 0 : 2) + (isSensitive ? 0 : 1);
  return rank(a) - rank(b) || b.ageMs - a.ageMs || (a.item < b.item ? -1 : 1);
}
