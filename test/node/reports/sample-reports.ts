// Deployments and inventories of six spaces as they might really be: more by day than by night, mostly well, now and then a
// bad hour in which nearly everything fails. The same seed gives the same.

import type { Deployment, Inventory, Outcome } from '../../../protocols/reports.ts';

/** A generator of numbers in [0, 1) that a test can repeat (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const SPACES: Readonly<Record<string, readonly string[]>> = {
  library: ['catalogue', 'lending', 'search'],
  platform: ['gateway', 'certificates', 'queues', 'monitoring'],
  payments: ['cards', 'transfers', 'fraud', 'statements', 'web'],
  shipping: ['labels', 'tracking', 'depots', 'web'],
  ledger: ['postings', 'closing', 'audit'],
  identity: ['sign-in', 'directory', 'tokens'],
};

const ENVIRONMENTS = ['development', 'test', 'staging', 'production'];
const PEOPLE = ['Barry', 'Lisa', 'Bob', 'Geoff'];
const DAY_MS = 24 * 3_600_000;

export interface SampleSpan {
  readonly space: string;
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly seed: number;
}

/** In order of their ends. */
export function* sampleDeployments(span: SampleSpan): Generator<Deployment> {
  const { space, count, fromMs, toMs, seed } = span;
  const random = dice(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const projects = SPACES[space] ?? ['web'];
  const step = (toMs - fromMs) / count;
  for (let i = 0; i < count; i++) {
    const evenMs = fromMs + (i + random()) * step;
    // Nights are quiet: what would fall into them moves into the working day after.
    const hour = (evenMs % DAY_MS) / 3_600_000;
    const isNight = (hour < 6 || hour > 20) && random() < 0.8;
    const endedMs = Math.floor(Math.min(toMs - 1, isNight ? evenMs + 8 * 3_600_000 : evenMs));
    const durationMs = Math.floor(Math.exp(3 + 4.5 * random()) * 1000);
    yield {
      id: `ServerTasks-${space}-${i}`,
      project: pick(projects),
      release: `${1 + Math.floor(i / 500)}.${i % 500}.0`,
      environment: pick(ENVIRONMENTS),
      outcome: outcomeAt(endedMs, random),
      startedAt: new Date(endedMs - durationMs).toISOString(),
      endedAt: new Date(endedMs).toISOString(),
      by: pick(PEOPLE),
    };
  }
}

function outcomeAt(ms: number, random: () => number): Outcome {
  const isBadHour = Math.floor(ms / 3_600_000) % 97 === 0;
  const roll = random();
  if (roll < 0.02) return 'cancelled';
  return roll < (isBadHour ? 0.85 : 0.07) ? 'failed' : 'ok';
}

export function sampleInventory(takenAtMs: number, changes: Partial<Inventory> = {}): Inventory {
  return {
    serverVersion: '2026.3.1204',
    serverUrl: 'https://octopus.example.org/',
    projects: 42,
    targets: { healthy: 118, unhealthy: 3, disabled: 2, warnings: 1, unavailable: 0, unknown: 0 },
    tags: ['production'],
    takenAt: new Date(takenAtMs).toISOString(),
    ...changes,
  };
}
