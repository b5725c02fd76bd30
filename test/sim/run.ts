// `npm run sim [-- --seeds 10000] [--from 1] [--threads 2] [--seed 17] [--forget]`: the nemesis on many seeds, or one again. A
// seed that fails is printed and joins seeds.json, from where every later run takes it. Exit code 1 when one failed.

import { parseArgs } from 'node:util';
import { makePermanent, permanentSeeds, runSeeds } from './campaign.ts';
import { explain } from './nemesis.ts';

const HELP = `Runs a whole mesh on virtual time under random faults, once for each seed, and looks for what is wrong afterwards.

usage: npm run sim -- [options]

  --seeds N     so many seeds (200), beside the permanent ones of seeds.json
  --from N      the first of them (1)
  --threads N   side by side (2)
  --seed N      this one alone, with what it came to
  --forget      a seed that fails does not join seeds.json

examples:
  npm run sim
  npm run sim -- --seeds 10000 --threads 4
  npm run sim -- --seed 17 --forget

Exit code 1 when a seed failed, 2 for a wrong option.
`;

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
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
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
