// Every metric by name, with what it means. Labels are few and their values bounded: a name out of the mesh becomes a
// label only for feeds that this node publishes or takes, and of those only for so many.

import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

const PUBLISH_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

export function createMetrics(registry: Registry) {
  collectDefaultMetrics({ register: registry, prefix: 'odcm_' });
  const common = { registers: [registry] };
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ ...common, name: `odcm_${name}`, help, labelNames });
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ ...common, name: `odcm_${name}`, help, labelNames });
  return {
    info: gauge('node_info', 'Always 1; the labels say which node it is', [
      ...(['mesh', 'space', 'version', 'role'] as const),
    ]),
    storeBytes: gauge('store_bytes', 'Size of the files of each database', ['store']),
    diskFreeBytes: gauge('disk_free_bytes', 'Free for this node on the disk of its folder'),
    diskSizeBytes: gauge('disk_size_bytes', 'Size of the disk of its folder'),
    writes: counter('file_writes_total', 'Writes of the process to the file system'),

    storeDamaged: gauge('store_damaged', 'Found damaged in the store and not repaired yet'),
    storeRepaired: counter('store_repaired_total', 'Found damaged in the store and repaired'),
    scrubBytes: gauge('scrub_bytes', 'Read by the round of the scrub that is under way'),
    scrubAge: gauge('scrub_age_seconds', 'Since the last round of the scrub ended'),
    diskState: gauge('disk_state', 'Room on the disk: 0 ok, 1 low, 2 scarce, 3 full'),

    peers: gauge('peers', 'Members by whether this node is connected to them', ['state']),
    gossip: counter('gossip_messages_total', 'Gossip messages that came, by what they were', [
      'result',
    ]),
    refusals: counter('refusals_total', 'What was refused, by code', ['code']),
    exchanges: counter('exchanges_total', 'Streams of the sync protocol opened to peers', [
      'result',
    ]),
    tcpBytes: counter('tcp_bytes_total', 'Bytes over all TCP connections of the process', [
      'direction',
    ]),
    directoryAge: gauge('directory_age_seconds', 'Since ODCM last vouched for the directory'),
    directoryEntries: gauge('directory_entries', 'Entries of the directory that is held'),

    feedSize: gauge('feed_entries', 'Entries of the newest known head of a feed', ['feed']),
    feedHeld: gauge('feed_held_entries', 'Of these, verified and stored here', ['feed']),
    feedApplied: gauge('feed_applied_entries', 'Of these, turned into items', ['feed']),
    feedBehind: gauge('feed_behind_entries', 'Entries that are missing here', ['feed']),
    feedLag: gauge('feed_lag_seconds', 'Age of the oldest entry that is missing', ['feed']),
    feedDeadLetters: gauge('feed_dead_letters', 'Entries that break their contract', ['feed']),
    feedCarriers: gauge('feed_carriers', 'Carriers known to hold some of a feed', ['feed']),
    feedCarriersComplete: gauge('feed_carriers_complete', 'Of these, with all of it', ['feed']),
    feedCarriersWanted: gauge('feed_carriers_wanted', 'Carriers that the feed wants', ['feed']),
    carriedBytes: gauge('carried_bytes', 'Kept on the disk for other spaces'),
    carryQuotaBytes: gauge('carry_quota_bytes', 'Most that is kept for other spaces'),

    spaces: gauge('spaces', 'Spaces of the mesh by state', ['state']),
    observerWaits: gauge(
      'observer_waits',
      'How many times longer than usual the node waits before it calls others gone: 1 when it is well itself',
    ),
    alerts: gauge('alerts', 'Alerts that are open and not looked after, by level', ['level']),
    routes: gauge('alert_route_up', 'Whether an alert route works: 1 yes, 0 no', ['route']),
    routeQueued: gauge('alert_route_queued', 'Messages that wait for a route', ['route']),

    published: counter('publishes_total', 'Requests to publish, by what came of them', ['result']),
    publishSeconds: new Histogram({
      ...common,
      name: 'odcm_publish_seconds',
      help: 'From the request to publish until everything is durable',
      buckets: PUBLISH_SECONDS,
    }),
    controlSeconds: new Histogram({
      ...common,
      name: 'odcm_control_seconds',
      help: 'Questions to the control API',
      labelNames: ['route'],
      buckets: PUBLISH_SECONDS,
    }),
  };
}
