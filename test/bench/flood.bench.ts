// What an honest member notices of an attack: how long until a head arrives and what it costs the one who is attacked, under a
// flood of forged signatures; how long a dial takes under unknown identities and idle sockets. The same without, beside.

import { flood } from '../attacks/net/gossip-flood.ts';
import { SampleHeads } from '../attacks/net/heads.ts';
import { attacked, honestDials } from '../attacks/net/honest.ts';
import type { BenchOptions, Figure } from './measurement.ts';

const DIAL_P99_MS = 100;
const CORES = 1;

export async function* floodGossip({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const attackers = 10;
  const { before, during, grownMiB, sent, refusals } = await flood({
    ...{ what: 'forged', attackers, heads: isQuick ? 20 : 300 },
  });
  const verified = refusals['BAD_SIGNATURE'] ?? 0;
  const detail = { attackers, sent, verified, lost: during.lost, grownMiB: Math.round(grownMiB) };
  yield {
    ...{ name: 'flood-honest-p99', unit: 'ms', better: 'lower' },
    ...{ ours: during.p99Ms, floor: before.p99Ms, target: null, detail },
  };
  yield {
    ...{ name: 'flood-cpu', unit: 'cores', better: 'lower' },
    ...{ ours: during.cpuShare, floor: before.cpuShare, target: CORES, detail },
  };
}

const FIFTY = Array.from({ length: 50 }, (_, i) => `127.0.1.${i + 1}`);
const ATTACKS = [
  { name: 'none', order: undefined },
  { name: 'idle', order: { perSecond: 40, from: ['127.0.0.1'] } },
  { name: 'idle', order: { perSecond: 40, from: FIFTY } },
  { name: 'bogus', order: { atOnce: 1, count: 10_000 } },
] as const;
const NAMES = ['', 'dial-p99-idle-one', 'dial-p99-idle-fifty', 'dial-p99-bogus'];

export async function* floodDials({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const sample = new SampleHeads(2);
  let floor = Number.NaN;
  for (const [i, { name, order }] of ATTACKS.entries()) {
    const figure = await attacked(sample, { isMemberHost: true }, async (it) => {
      const { attacker, peerId, address } = it;
      const target = { peerId, address };
      await honestDials(sample, 1, target, { count: 20, pauseMs: 0 });
      if (order) await attacker.ask(name, { ...target, ...order });
      const plan = { count: isQuick ? 10 : 200, pauseMs: 10 };
      const dials = await honestDials(sample, 1, target, plan);
      return { ...dials, made: await attacker.ask<number>('stop') };
    });
    const { p99Ms, p50Ms, failed, made } = figure;
    if (!order) {
      floor = p99Ms;
      continue;
    }
    yield {
      ...{ name: NAMES[i]!, unit: 'ms', better: 'lower', target: DIAL_P99_MS },
      ...{ ours: p99Ms, floor, detail: { p50Ms: Math.round(p50Ms), failed, made } },
    };
  }
}
