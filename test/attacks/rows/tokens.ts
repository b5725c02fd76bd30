// Join tokens in the wrong hands: many take one at the same moment, one comes late, one goes to another mesh.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { codeOf, init, joinWith, type Odcm, startOdcm } from '../../node/enrol/mesh.ts';
import type { Row } from '../row.ts';

const RACERS = 100;
const TTL_MS = 60_000;

interface Places {
  readonly folder: string;
  readonly odcm: Odcm;
  readonly other: Odcm;
  readonly skipMs: (ms: number) => void;
}

/** Two meshes; the clock of the first can be set forward. */
async function withMeshes<T>(folder: string, work: (places: Places) => Promise<T>): Promise<T> {
  const dirs = [join(folder, 'odcm'), join(folder, 'other')] as const;
  await Promise.all(dirs.map((dir) => init({ dir })));
  let skippedMs = 0;
  const clock = { nowMs: () => Date.now() + skippedMs };
  const odcm = await startOdcm(dirs[0], { clock });
  const other = await startOdcm(dirs[1]);
  const skipMs = (ms: number) => {
    skippedMs += ms;
  };
  try {
    return await work({ folder, odcm, other, skipMs });
  } finally {
    await odcm.stop();
    await other.stop();
  }
}

/** ODCM speaks with a few at once: who is turned away at the door comes again, after a pause, and not for ever. */
export async function joinInTurn(
  join: () => Promise<string>,
  { tries, pauseMs } = { tries: 300, pauseMs: 200 },
): Promise<string> {
  for (let left = tries - 1; ; left--) {
    const code = await join();
    if (code !== 'ODCM_UNREACHABLE' || left <= 0) return code;
    await setTimeout(pauseMs);
  }
}

const joined = (...args: Parameters<typeof joinWith>): Promise<string> =>
  joinInTurn(() => codeOf(joinWith(...args)));

/** How many of those that use one token at once are let in, and what else is left of them. */
async function race({ folder, odcm }: Places, count: number) {
  const token = await odcm.token('race');
  const places = Array.from({ length: count }, (_, i) => join(folder, `race-${i}`));
  const codes = await Promise.all(places.map((place) => joined(place, token)));
  const winners = codes.filter((code) => code === 'done').length;
  const losers = codes.filter((code) => code === 'TOKEN_USED').length;
  const folders = places.filter((place) => existsSync(place)).length;
  const again = await joined(join(folder, 'again'), token);
  const isClean = losers === count - 1 && folders === 1 && again === 'TOKEN_USED';
  const told = [...new Set(codes)].map(
    (code) => `${codes.filter((c) => c === code).length} ${code}`,
  );
  return { winners, isClean, left: `${told.join(', ')}; ${folders} folders` };
}

async function misuse({ folder, odcm, other, skipMs }: Places): Promise<string[]> {
  const foreign = await other.token('foreign');
  const codes = [await joined(join(folder, 'foreign'), foreign, { at: odcm.endpoint })];
  const [real, guess] = [await odcm.token('real'), await odcm.token('guess')];
  const parts = real.split('.');
  const guessed = [parts[0], guess.split('.')[1], ...parts.slice(2)].join('.');
  codes.push(await joined(join(folder, 'guessed'), guessed));
  const late = await odcm.token('late', TTL_MS);
  skipMs(TTL_MS);
  codes.push(await joined(join(folder, 'late'), late));
  return codes;
}

export const rows: readonly Row[] = [
  {
    id: 'G08',
    what: 'a join token raced for, used again, late, guessed, taken to another mesh',
    how: 'processes',
    expected: `1 of ${RACERS} racers (quick: 8), the rest refused`,
    run: ({ isLong, folder }) =>
      withMeshes(folder, async (places) => {
        const count = isLong ? RACERS : 8;
        const { isClean, winners, left } = await race(places, count);
        const codes = await misuse(places);
        const isRefused = codes.join() === 'WRONG_MESH,TOKEN_UNKNOWN,TOKEN_EXPIRED';
        const measured = `${left}; ${codes.join(', ')}`;
        return { measured, pass: winners === 1 && isClean && isRefused };
      }),
  },
];
