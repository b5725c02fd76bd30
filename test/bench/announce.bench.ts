// How long after an announcement an entry is stored and readable everywhere: ten real nodes in five processes, one of them
// publishing at a steady rate. Beside it bare gossipsub of the same settings in the same topology, before and after.

import { TestMesh } from '../e2e/mesh.ts';
import { type Child, reached, withChildren } from './child.ts';
import { type BenchOptions, type Figure, percentile } from './measurement.ts';
import { RECORD_BYTES } from './sample-data.ts';

export interface PublishOrder {
  readonly count: number;
  readonly intervalMs: number;
  readonly sizeBytes: number;
}

export interface Sent {
  readonly seq: number;
  /** When the publisher was asked, and when it gave the announcement to gossip. */
  readonly calledMs: number;
  readonly announcedMs: number;
}

/** Of one node: number of the message and when it was there. */
export type Arrivals = readonly (readonly [number, number])[];

interface Latencies {
  readonly fromAnnounced: number[];
  readonly fromCalled: number[];
  lost: number;
}

const PROCESSES = 5;
const NODES = 10;
const PER_PROCESS = NODES / PROCESSES;
const INTERVAL_MS = 50;
/**
 * Rounds before the one that is measured, of floor and mesh alike. A node runs for weeks: its code is compiled and its
 * connections have settled, which takes some hundred messages.
 */
const WARM_UPS = { least: 3, most: 6, messages: 200, intervalMs: 20 };

export async function* announce({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const count = isQuick ? 10 : 300;
  const bare = none();
  add(bare, await measureBare(count));
  const ours = await measureMesh(count);
  add(bare, await measureBare(count));
  const p = (latencies: Latencies, share: number) => percentile(latencies.fromAnnounced, share);
  const common = { unit: 'ms', better: 'lower' } as const;
  const detail = {
    ...{ nodes: NODES, processes: PROCESSES, perSecond: 1000 / INTERVAL_MS, messages: count },
    ...{ recordBytes: RECORD_BYTES, lost: ours.lost, floorLost: bare.lost },
  };
  for (const [name, share] of [
    ['announce-p50', 0.5],
    ['announce-p99', 0.99],
  ] as const) {
    const floor = p(bare, share);
    const target = share === 0.99 ? 2 * floor : null;
    const fromPublishMs = percentile(ours.fromCalled, share);
    yield {
      ...{ name, ...common, ours: p(ours, share), floor, target },
      detail: { ...detail, fromPublishMs },
    };
  }
}

const none = (): Latencies => ({ fromAnnounced: [], fromCalled: [], lost: 0 });

function add(to: Latencies, more: Latencies): void {
  to.fromAnnounced.push(...more.fromAnnounced);
  to.fromCalled.push(...more.fromCalled);
  to.lost += more.lost;
}

function measureBare(count: number): Promise<Latencies> {
  return withChildren('gossip-child.ts', PROCESSES, async (children) => {
    const started = children.map((child) => child.ask<string[]>('start', { count: PER_PROCESS }));
    const addresses = (await Promise.all(started)).flat();
    for (const child of children) await child.ask('connect', { addresses });
    return measure(children, count);
  });
}

async function measureMesh(count: number): Promise<Latencies> {
  const mesh = new TestMesh();
  try {
    await mesh.init();
    const names = Array.from({ length: NODES }, (_, i) => `space-${i}`);
    // Making keys takes all of a core: side by side they would only time out.
    for (const name of names) await mesh.enlist(name);
    return await withChildren('mesh-child.ts', PROCESSES, async (children) => {
      const starts = children.map((child, i) => {
        const own = names.slice(i * PER_PROCESS, (i + 1) * PER_PROCESS);
        return child.ask('start', { homes: own.map((name) => mesh.home(name)) });
      });
      await Promise.all(starts);
      // ODCM is one more peer as long as it runs.
      await allReady(children, NODES);
      const id = await children[0]!.ask<string>('createFeed', { name: 'bulk' });
      for (const child of children) await child.ask('subscribe', { id });
      await mesh.stop('odcm');
      // Each keeps room on the one disk of all, once, half a minute after its start; where there is none to keep, none does.
      await allSay(children, 'hasBallast').catch(() => {});
      return measure(children, count);
    });
  } finally {
    await mesh.close();
  }
}

const allReady = (children: readonly Child[], others: number): Promise<void> =>
  allSay(children, 'isReady', { others });

function allSay(children: readonly Child[], question: string, arg?: unknown): Promise<void> {
  return reached(`all nodes say ${question}`, async () => {
    const answers = children.map((child) => child.ask<boolean>(question, arg));
    return (await Promise.all(answers)).every(Boolean);
  });
}

/** What goes out before everything arrives is not counted: topologies form while it runs. */
async function measure(children: readonly Child[], count: number): Promise<Latencies> {
  await allReady(children, NODES - 1);
  const order = { count, intervalMs: INTERVAL_MS, sizeBytes: RECORD_BYTES };
  const { least, most, messages, intervalMs } = WARM_UPS;
  for (let round = 1; round <= most; round++) {
    const { lost } = await send(children, {
      ...{ ...order, intervalMs },
      count: Math.min(count, messages),
    });
    if (lost === 0 && round >= least) break;
  }
  return send(children, order);
}

async function send(children: readonly Child[], order: PublishOrder): Promise<Latencies> {
  const sent = await children[0]!.ask<Sent[]>('publish', order);
  const bySeq = new Map(sent.map((one) => [one.seq, one]));
  const latencies = none();
  const wanted = sent.length * (NODES - 1);
  const collect = async () => {
    const all = await Promise.all(children.map((child) => child.ask<Arrivals[]>('arrivals')));
    // The first node of the first process is the one that published.
    for (const [seq, atMs] of all.flat().slice(1).flat()) {
      const one = bySeq.get(seq);
      if (!one) continue;
      latencies.fromAnnounced.push(atMs - one.announcedMs);
      latencies.fromCalled.push(atMs - one.calledMs);
    }
    return latencies.fromAnnounced.length >= wanted;
  };
  // What does not come within seconds is lost, and counted as that.
  await reached('all messages arrive', collect, 10_000).catch(() => {});
  latencies.lost = wanted - latencies.fromAnnounced.length;
  return latencies;
}
