// The nemesis as tests. The seeds are dealt to several files, so that they run beside each other.

import { describe, expect, it } from 'vitest';
import { explain, runSeed } from './nemesis.ts';
import { seedsOf } from './seeds.ts';

/** Seeds in `npm test`. */
const SEEDS = 200;
const HANDS = 4;

export function testHand(hand: number): void {
  const all = seedsOf('nemesis', SEEDS);
  const dealt = all.filter((_, i) => i % HANDS === hand);
  const seeds = dealt.length > 0 ? dealt : all;
  describe('a mesh in which everything goes wrong for a while', () => {
    it.each(seeds)('is level afterwards, and nothing is lost or false (seed %i)', async (seed) => {
      const verdict = await runSeed(seed);
      if (verdict.wrong.length > 0) expect.fail(explain(verdict));
    });
  });
}
