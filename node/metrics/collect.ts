// Fills the metrics in when somebody asks, out of the same answers that the control API gives. Counters that the node
// keeps itself are carried over as they stand.

import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Counter, Gauge } from 'prom-client';
import { ALERT_LEVELS } from '../../protocols/control-alerts.ts';
import type { RouteResult } from '../../protocols/control-api.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { feedListHandlers } from '../control/feed-list-handlers.ts';
import { healthRows } from '../control/health-handlers.ts';
import type { MeshNode } from '../node.ts';
import type { Metrics } from './catalogue.ts';

type Feed = RouteResult<'feeds'>;

/** Everything but what is counted as it happens. */
export async function collect(node: MeshNode, metrics: Metrics): Promise<void> {
  collectMesh(node, metrics);
  collectSpaces(node, metrics);
  collectAlerts(node, metrics);
  collectStore(node, metrics);
  await Promise.all([collectFeeds(node, metrics), collectDisk(node, metrics)]);
}

function collectMesh(node: MeshNode, metrics: Metrics): void {
  const { directory, host } = node;
  const connected = host.connectedPeers().length;
  metrics.peers.set({ state: 'connected' }, connected);
  metrics.peers.set({ state: 'away' }, Math.max(0, directory.state.spaces.size - 1 - connected));
  for (const [code, count] of Object.entries(node.allRefusals()))
    carry(metrics.refusals, { code }, count);
  metrics.directoryEntries.set(directory.state.size);
  // Never heard of is no age at all.
  metrics.directoryAge.set(directory.ageMs === null ? Number.NaN : directory.ageMs / 1000);
  carry(metrics.writes, {}, process.resourceUsage().fsWrite);
}

const DISK_LEVELS = { ok: 0, low: 1, scarce: 2, full: 3 } as const;

function collectStore({ care, clock }: MeshNode, metrics: Metrics): void {
  const { board, scrub, disk } = care;
  metrics.storeDamaged.set(board.open.length);
  carry(metrics.storeRepaired, {}, board.repaired);
  metrics.scrubBytes.set(scrub.round?.bytes ?? 0);
  const { last } = scrub;
  metrics.scrubAge.set(last ? (clock.nowMs() - last.finishedMs) / 1000 : Number.NaN);
  metrics.diskState.set(DISK_LEVELS[disk.state]);
}

const STATES = ['self', 'online', 'suspected', 'offline', 'unknown', 'revoked'] as const;

function collectSpaces(node: MeshNode, metrics: Metrics): void {
  const rows = healthRows(node);
  metrics.observerWaits.set(node.health.local.multiplier);
  for (const state of STATES)
    metrics.spaces.set({ state }, rows.filter((row) => row.state === state).length);
}

function collectAlerts(node: MeshNode, metrics: Metrics): void {
  const open = node.alerts?.list('open').filter(({ state }) => state === 'open') ?? [];
  for (const level of ALERT_LEVELS)
    metrics.alerts.set({ level }, open.filter((alert) => alert.level === level).length);
  metrics.routes.reset();
  metrics.routeQueued.reset();
  for (const { name, state, queued } of node.alerts?.routes ?? []) {
    metrics.routes.set({ route: name }, state === 'failing' ? 0 : 1);
    metrics.routeQueued.set({ route: name }, queued);
  }
}

/** Feeds beyond the bound are summed up under one name that no feed can have. */
const OTHERS = '(others)';

async function collectFeeds(node: MeshNode, metrics: Metrics): Promise<void> {
  const rows = await feedListHandlers.feeds({
    ...{ node, query: undefined, body: undefined, mediaType: '' },
    stream: Readable.from([]),
    signal: new AbortController().signal,
  });
  const ours = rows
    .filter(({ subscribed, grant }) => subscribed || grant === 'own')
    .sort((a, b) => (a.feed < b.feed ? -1 : 1));
  const gauges: readonly (readonly [Gauge<'feed'>, (row: Feed) => number | null])[] = [
    [metrics.feedSize, (row) => row.size ?? row.held],
    [metrics.feedHeld, (row) => row.held],
    [metrics.feedApplied, (row) => row.applied],
    [metrics.feedBehind, (row) => row.behind],
    [metrics.feedLag, (row) => (row.lagMs ?? 0) / 1000],
    [metrics.feedDeadLetters, (row) => row.deadLetters],
    [metrics.feedCarriers, (row) => row.carriers],
    [metrics.feedCarriersComplete, (row) => row.carriersComplete],
    [metrics.feedCarriersWanted, (row) => row.carriersWanted],
  ];
  const named = ours.slice(0, LIMITS.metricFeeds);
  const others = ours.slice(LIMITS.metricFeeds);
  for (const [gauge, figure] of gauges) {
    gauge.reset();
    for (const row of named) {
      const value = figure(row);
      // What is not known has no sample, in place of nought.
      if (value !== null) gauge.set({ feed: row.feed }, value);
    }
    const figures = others.map(figure).filter((value) => value !== null);
    if (figures.length === 0) continue;
    // Ages do not add up.
    const isAge = gauge === metrics.feedLag;
    const sum = isAge ? Math.max(...figures) : figures.reduce((a, b) => a + b, 0);
    gauge.set({ feed: OTHERS }, sum);
  }
}

async function collectDisk({ home, carrying }: MeshNode, metrics: Metrics): Promise<void> {
  const { carriedBytes, quotaBytes } = carrying.carry;
  metrics.carriedBytes.set(carriedBytes);
  if (quotaBytes !== null && quotaBytes < Number.MAX_SAFE_INTEGER)
    metrics.carryQuotaBytes.set(quotaBytes);
  const { paths } = home;
  const { log, blocks, packs, views, peers } = paths;
  const stores = { log, blocks, packs, views, peers };
  await Promise.all(
    Object.entries(stores).map(async ([store, path]) =>
      metrics.storeBytes.set({ store }, await folderBytes(path)),
    ),
  );
  const disk = await statfs(home.dir).catch(() => undefined);
  if (!disk) return;
  metrics.diskFreeBytes.set(disk.bavail * disk.bsize);
  metrics.diskSizeBytes.set(disk.blocks * disk.bsize);
}

/** Of the files in it; what the database removes meanwhile counts nothing. */
async function folderBytes(path: string): Promise<number> {
  const names = await readdir(path).catch((): string[] => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(path, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

const carried = new WeakMap<Counter<string>, Map<string, number>>();

/** Brings a counter to where the node's own count stands; one that began anew counts on from here. */
export function carry<L extends string>(
  counter: Counter<L>,
  labels: Partial<Record<L, string>>,
  total: number,
): void {
  const known = carried.get(counter as Counter<string>) ?? new Map<string, number>();
  carried.set(counter as Counter<string>, known);
  const key = JSON.stringify(labels);
  const before = known.get(key) ?? 0;
  known.set(key, total);
  counter.inc(labels, total >= before ? total - before : total);
}
