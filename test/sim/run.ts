// `npm run sim [-- --seeds 10000] [--from 1] [--threads 2] [--seed 17] [--forget]`: the nemesis on many seeds, or one again. A
// seed that fails is printed and joins seeds.json, from where every later run takes it. Exit code 1 when one failed.

import { parseArgs } from 'node:util';
import { makePermanent, permanentSeeds, runSeeds } from './campaign.ts';
import { explain } from './nemesis.ts';

const PROGRESS = 100;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

function numberOf(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name} wants a number`);
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      threads: { type: 'string', default: '2' },
      seed: { type: 'string' },
      forget: { type: 'boolean', default: false },
    },
  });
  const from = numberOf('from', values.from);
  const count = numberOf('seeds', values.seeds);
  const several = Array.from({ length: count }, (_, i) => from + i);
  const isOne = values.seed !== undefined;
  const seeds = isOne
    ? [numberOf('seed', values.seed!)]
    : [...new Set([...(await permanentSeeds()), ...several])];
  const startMs = performance.now();
  const campaign = await runSeeds({
    seeds,
    threads: isOne ? 1 : Math.max(1, numberOf('threads', values.threads)),
    onVerdict: (verdict, done) => {
      if (verdict.wrong.length > 0) say(explain(verdict));
      else if (isOne) say(`seed ${verdict.seed} is sound: ${verdict.fingerprint}`);
      if (done % PROGRESS === 0) process.stderr.write(`${done} of ${seeds.length} seeds\n`);
    },
  });
  const seconds = (performance.now() - startMs) / 1000;
  const { failed, acknowledged, slowestLevelMs } = campaign;
  say(
    `${seeds.length} seeds, ${failed.length} failed, ${acknowledged} entries acknowledged, level again after ` +
      `${slowestLevelMs / 1000} s at most (virtual); ${(seeds.length / seconds).toFixed(1)} seeds/s`,
  );
  if (failed.length === 0) return;
  process.exitCode = 1;
  if (!values.forget) await makePermanent(failed.map(({ seed }) => seed));
}

try {
  await run();
} catch (error) {
  process.stderr.write(`sim: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
