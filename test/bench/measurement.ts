// What a benchmark prints: one figure of ours beside its floor from the same run, with the machine it belongs to.

import { cpus, platform, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** The same work by the bare parts below; null where there is nothing to compare with. */
  readonly floor: number | null;
  readonly better: 'higher' | 'lower';
  readonly target: number | null;
  /** How it was measured: counts, sizes, other figures of the same run. */
  readonly detail: Readonly<Record<string, number | string | readonly number[]>>;
}

export interface Measurement extends Figure {
  /** Ours as a multiple of the floor. */
  readonly ratio: number | null;
  readonly isMet: boolean | null;
  readonly at: string;
  readonly machine: Machine;
}

export interface BenchOptions {
  /** Small counts, to see that a benchmark works; its figures mean nothing. */
  readonly isQuick: boolean;
}

export type Bench = (options: BenchOptions) => AsyncIterable<Figure>;

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()}`,
    node: process.version,
  };
}

export function measurementOf(figure: Figure, machine: Machine): Measurement {
  const { ours, floor, target, better } = figure;
  const isMet = target === null ? null : better === 'higher' ? ours >= target : ours <= target;
  const ratio = floor === null || floor === 0 ? null : rounded(ours / floor);
  return {
    ...figure,
    ours: rounded(ours),
    floor: floor === null ? null : rounded(floor),
    target: target === null ? null : rounded(target),
    ratio,
    isMet,
    at: new Date().toISOString(),
    machine,
  };
}

/** Four digits are more than a measurement is worth. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** The value below which this share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** Milliseconds on a clock that all processes of a machine share. */
export const sharedNowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const LOOK_MS = 50;
const QUIET_SHARE = 0.1;
const MOST_LOOKS = 20;

/**
 * Waits until nothing of this process is at work behind what was awaited: databases go on merging tables after a write.
 * Resolves with how long that was, in milliseconds; {@link MOST_LOOKS} times {@link LOOK_MS} when it had not ended by then.
 */
export async function settled(): Promise<number> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const before = process.cpuUsage();
    await sleep(LOOK_MS);
    const { user, system } = process.cpuUsage(before);
    if (user + system < LOOK_MS * 1000 * QUIET_SHARE) return look * LOOK_MS;
  }
  return MOST_LOOKS * LOOK_MS;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = sharedNowMs();
  await work();
  return sharedNowMs() - startedMs;
}
