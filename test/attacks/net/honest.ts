// What an honest member notices while a host is attacked: how long it takes until it is in and answered, and how long until
// what is told arrives. With the processes that attack and are attacked.

import { createHost, type Host } from '../../../node/net/host.ts';
import { directoryTopic } from '../../../protocols/gossip.ts';
import { Child } from '../../bench/child.ts';
import { percentile } from '../../bench/measurement.ts';
import type { Target } from './attacker.ts';
import { HEADS_TOPIC, MESH, type SampleHeads } from './heads.ts';
import type { StartOrder, Usage } from './victim.ts';

const WITHIN_MS = 5_000;

export interface Attacked extends Target {
  readonly victim: Child;
  readonly attacker: Child;
  usage(): Promise<Usage>;
}

/** Starts a host to be attacked and a process that attacks; both have ended when it resolves. */
export async function attacked<T>(
  sample: SampleHeads,
  order: Omit<StartOrder, 'spaces'>,
  work: (it: Attacked) => Promise<T>,
): Promise<T> {
  const [victim, attacker] = [
    new Child('../attacks/net/victim.ts'),
    new Child('../attacks/net/attacker.ts'),
  ];
  try {
    const address = await victim.ask<string>('start', { ...order, spaces: sample.spaces.length });
    const { peerId } = sample.spaces[order.self ?? 0]!;
    const usage = (): Promise<Usage> => victim.ask<Usage>('usage');
    return await work({ victim, attacker, peerId, address, usage });
  } finally {
    await Promise.all([victim.stop(), attacker.stop()]);
  }
}

/** A member of the sample, in this process. */
export async function honestHost(sample: SampleHeads, self: number): Promise<Host> {
  const host = await createHost({
    ...{ privateKeyPem: sample.spaces[self]!.pem, meshId: MESH, listen: [] },
    membership: { isMember: () => true, isMemberHost: () => true },
    topics: [{ name: HEADS_TOPIC }, { name: directoryTopic(MESH) }],
  });
  await host.start();
  return host;
}

export interface Dials {
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Connects, asks something, gets it answered, and leaves, so many times; waits `pauseMs` in between. */
export async function honestDials(
  sample: SampleHeads,
  self: number,
  { peerId, address }: Target,
  { count, pauseMs }: { readonly count: number; readonly pauseMs: number },
): Promise<Dials> {
  const host = await honestHost(sample, self);
  const tookMs: number[] = [];
  let failed = 0;
  try {
    // The first one pays for what is compiled then.
    for (let i = -1; i < count; i++) {
      const startMs = performance.now();
      try {
        await host.dial(peerId, [address], AbortSignal.timeout(WITHIN_MS));
        const channel = await host.open(peerId, '/odcm/test/echo');
        await channel.send(Buffer.from('hello'));
        const said = await channel.read({ signal: AbortSignal.timeout(WITHIN_MS) });
        if (String(said) !== 'hello') throw new Error('another answer');
        if (i >= 0) tookMs.push(performance.now() - startMs);
      } catch {
        if (i >= 0) failed++;
      }
      await host.hangUp(peerId).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } finally {
    await host.stop();
  }
  return { failed, p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99) };
}

export const ms = (value: number): string => `${value.toFixed(0)} ms`;
export const MiB = 1024 * 1024;
