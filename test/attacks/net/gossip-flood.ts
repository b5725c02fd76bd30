// A flood of gossip against one host, and what an honest publisher and reader notice of it: how long a true head takes to
// arrive, what the flood costs the host, and how often its senders are listened to.

import { Child } from '../../bench/child.ts';
import { percentile, sharedNowMs } from '../../bench/measurement.ts';
import type { ForgeOrder } from './attacker.ts';
import { SampleHeads } from './heads.ts';
import { attacked, MiB } from './honest.ts';
import { arrivals, ready, tell } from './told.ts';
import type { Usage } from './victim.ts';

const SPACES = 12;
const PUBLISHER = 1;

export interface Heard {
  readonly lost: number;
  readonly p99Ms: number;
  /** Of one core, over the time of the measurement. */
  readonly cpuShare: number;
}

export interface Flooded {
  readonly before: Heard;
  readonly during: Heard;
  readonly grownMiB: number;
  /** Messages that the attackers sent. */
  readonly sent: number;
  /** Refusals of the host by code, from the start of the flood to its end. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Peers that are connected at the end. */
  readonly connected: number;
}

export interface FloodOrder {
  readonly what: ForgeOrder['what'];
  readonly heads: number;
  /** Members that attack, of ten at most. */
  readonly attackers: number;
  /** Whether they are shut out for it: then it ends when that is done, however slowly they come. */
  readonly isShutOut?: boolean;
  /** Where heads came later than this they are told again: a machine that is busy with something else is so for a while. */
  readonly boundMs?: number;
}

const SHUT_OUT_MS = 20_000;
const TRIES = 3;
/** In a row. */
const CALM_LOOKS = 10;

/** With what is attacked, the one who publishes, and those who attack each in a process of their own. */
export async function flood(order: FloodOrder): Promise<Flooded> {
  const { what, heads, attackers, isShutOut = false, boundMs = Number.POSITIVE_INFINITY } = order;
  const sample = new SampleHeads(SPACES);
  return attacked(sample, { isMemberHost: true }, async (it) => {
    const publisher = new Child('../attacks/net/victim.ts');
    try {
      await publisher.ask('start', { spaces: SPACES, self: PUBLISHER, isMemberHost: true });
      await publisher.ask('connect', { peers: [{ peerId: it.peerId, address: it.address }] });
      for (const child of [publisher, it.victim]) await ready(child);
      let size = 0;
      const measure = async (count: number): Promise<Heard> => {
        const from = await it.usage();
        const startMs = sharedNowMs();
        const toldMs = await tell(publisher, { self: PUBLISHER, from: size + 1, count });
        size += count;
        const heardMs = await arrivals(it.victim, { self: PUBLISHER, count });
        const to = await it.usage();
        const lasted = sharedNowMs() - startMs;
        const took = heardMs.slice(0, count).map((atMs, i) => atMs - toldMs[i]!);
        return {
          lost: count - heardMs.length,
          p99Ms: percentile(took, 0.99),
          cpuShare: (to.cpuMs - from.cpuMs) / lasted,
        };
      };
      await measure(Math.min(heads, 50));
      const before = await measure(heads);
      const start = await it.usage();
      const { peerId, address } = it;
      const selves = Array.from({ length: attackers }, (_, i) => i + 2);
      await it.attacker.ask('forge', {
        ...{ peerId, address, spaces: SPACES, selves, what, each: 2_000 },
      } satisfies ForgeOrder);
      while ((await it.attacker.ask<number>('made')) === 0)
        await new Promise((resolve) => setTimeout(resolve, 10));
      let during = await measure(heads);
      for (let tries = 1; tries < TRIES && during.p99Ms > boundMs; tries++) {
        const again = await measure(heads);
        during = { ...again, lost: during.lost + again.lost };
      }
      const isOver = ({ connected, refusals }: Usage): boolean =>
        connected === 1 && (refusals['OUTCAST'] ?? 0) > (start.refusals['OUTCAST'] ?? 0);
      let end = await it.usage();
      const endMs = performance.now() + SHUT_OUT_MS;
      // Out for good: they go on knocking.
      for (let calm = 0; isShutOut && calm < CALM_LOOKS && performance.now() < endMs; ) {
        calm = isOver(end) ? calm + 1 : 0;
        await new Promise((resolve) => setTimeout(resolve, 20));
        end = await it.usage();
      }
      const sent = await it.attacker.ask<number>('stop');
      return {
        ...{ before, during, sent, connected: end.connected },
        grownMiB: (end.rssBytes - start.rssBytes) / MiB,
        refusals: since(start, end),
      };
    } finally {
      await publisher.stop();
    }
  });
}

function since(start: Usage, end: Usage): Record<string, number> {
  const counts = Object.entries(end.refusals);
  return Object.fromEntries(
    counts.map(([code, count]) => [code, count - (start.refusals[code] ?? 0)]),
  );
}
