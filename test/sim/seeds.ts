// Which seeds a test runs, and what it says of one that fails. `ODCM_SEED=17` runs that one alone, `ODCM_LONG=1000` so many;
// seeds that once failed are in seeds.json and run for ever.

import { expect } from 'vitest';
import { differences, type Ended, faults } from './checks.ts';
import permanent from './seeds.json' with { type: 'json' };
import type { World } from './world.ts';

/** Seeds of one scenario: the first few, and those that once failed in it. */
export function seedsOf(scenario: keyof typeof permanent, count: number): number[] {
  const one = process.env['ODCM_SEED'];
  if (one !== undefined) return [Number(one)];
  const total = Number(process.env['ODCM_LONG'] ?? count);
  const first = Array.from({ length: total }, (_, i) => i + 1);
  return [...new Set([...permanent[scenario], ...first])];
}

/** After this, connections are up again, and everybody has asked everybody for what is new. */
const HEALED_MS = 150_000;

/** The mesh becomes level in time, and nothing in it is wrong. */
export async function expectSound(
  world: World,
  { withinMs = HEALED_MS, ...ended }: Ended & { withinMs?: number } = {},
): Promise<void> {
  let left: string[] = [];
  const tookMs = await world.time.until(async () => {
    left = await differences(world, ended);
    return left.length === 0;
  }, withinMs);
  const wrong =
    tookMs === undefined
      ? [...left, ...world.wrongs]
      : await world.time.during(faults(world, ended));
  if (wrong.length === 0) return;
  const { currentTestName, testPath } = expect.getState();
  expect.fail(
    [
      `seed ${world.seed} of ${currentTestName}`,
      `again: ODCM_SEED=${world.seed} npx vitest run --project sim ${testPath}`,
      ...[...new Set(wrong)].slice(0, 12).map((line) => `  ${line}`),
      'last lines of the nodes:',
      ...world.lines.slice(-Number(process.env['ODCM_LINES'] ?? 12)).map((line) => `  ${line}`),
    ].join('\n'),
  );
}
