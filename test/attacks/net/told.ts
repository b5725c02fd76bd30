// Heads that one process tells and another hears, and when.

import type { Child } from '../../bench/child.ts';

const EVERY_MS = 20;

export async function ready(child: Child, others = 1): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!(await child.ask<boolean>('isReady', { others }))) {
    if (performance.now() > endMs) throw new Error('gossip does not begin');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** When each was told. Sizes grow, so no head is older than one before it. */
export async function tell(
  publisher: Child,
  { self, from, count }: { readonly self: number; readonly from: number; readonly count: number },
): Promise<number[]> {
  const toldMs: number[] = [];
  for (let i = 0; i < count; i++) {
    const dueMs = performance.now() + EVERY_MS;
    toldMs.push(await publisher.ask<number>('tell', { self, size: from + i }));
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return toldMs;
}

/** When each came, in order; those that do not come within seconds are lost. */
export async function arrivals(
  reader: Child,
  { self, count }: { readonly self: number; readonly count: number },
): Promise<number[]> {
  const endMs = performance.now() + 5_000;
  const heardMs: number[] = [];
  for (;;) {
    heardMs.push(...(await reader.ask<number[]>('heard', { from: self })));
    if (heardMs.length >= count || performance.now() > endMs) return heardMs;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
