// `npm run attacks [-- --long] [--only T01,G*] [--json] [--seeds N] [--mutations N] [--kills N]`: makes the attacks of the
// catalogue and shows what came of each. Exit code 1 when one failed or has no row, 2 for a wrong option.

import { parseArgs } from 'node:util';
import { CATALOGUE, LATER } from './catalogue.ts';
import {
  findRows,
  LONG,
  missing,
  missingOf,
  type Numbers,
  picker,
  QUICK,
  type Result,
  runRow,
} from './suite.ts';

const HELP = `Makes the attacks of the catalogue and shows what came of each.

usage: npm run attacks -- [options]

  --only IDS      only these, by id or beginning: T01,G*
  --long          the numbers of the long run: ${LONG.seeds} seeds, ${LONG.mutations} mutations, ${LONG.kills} kills at each
                  place (otherwise ${QUICK.seeds}, ${QUICK.mutations} and ${QUICK.kills}); all of it takes many hours
  --seeds N       seeds of each simulation
  --mutations N   inputs of each fuzzer
  --kills N       SIGKILLs at each named place
  --json          the results as JSON on standard output, the table on standard error

examples:
  npm run attacks
  npm run attacks -- --only 'L*,C04'
  npm run attacks -- --long --only C01 --kills 3
  npm run --silent attacks -- --json > attacks.json

Exit code 1 when an attack came through or has no row, 2 for a wrong option.
`;

interface Options {
  readonly numbers: Numbers;
  readonly isPicked: (id: string) => boolean;
  readonly isJson: boolean;
}

/** Undefined where only the usage is asked for. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      long: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      seeds: { type: 'string' },
      mutations: { type: 'string' },
      kills: { type: 'string' },
    },
  });
  if (values.help) return undefined;
  const size = values.long ? LONG : QUICK;
  const number = (name: 'seeds' | 'mutations' | 'kills'): number => {
    const text = values[name] ?? String(size[name]);
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} wants a number from 1`);
    return Number(text);
  };
  const isPicked = picker(values.only);
  if (!CATALOGUE.some(({ id }) => isPicked(id)))
    throw new Error(`--only ${values.only} names nothing in the catalogue`);
  const counts = { seeds: number('seeds'), mutations: number('mutations'), kills: number('kills') };
  return { numbers: { isLong: size.isLong, ...counts }, isPicked, isJson: values.json };
}

const WIDTHS = [4, 9, 8, 9, 58, 38] as const;

const line = (cells: readonly string[]): string =>
  `${cells
    .map((cell, i) => (i === 3 ? cell.padStart(WIDTHS[i]!) : cell.padEnd(WIDTHS[i] ?? 0)))
    .join('  ')
    .trimEnd()}\n`;

const show = (one: Result): string =>
  line([
    ...[one.id, one.how ?? '-', one.state, one.tookMs > 0 ? `${one.tookMs} ms` : ''],
    ...[one.what, one.expected, one.measured],
  ]);

async function run({ numbers, isPicked, isJson }: Options): Promise<void> {
  // With --json, standard output carries nothing else.
  const table = isJson ? process.stderr : process.stdout;
  const { rows, broken } = await findRows();
  const { seeds, mutations, kills, isLong } = numbers;
  table.write(`${isLong ? 'long' : 'quick'} run: ${seeds} seeds, ${mutations} mutations, `);
  table.write(`${kills} kills\n\n`);
  table.write(line(['id', 'how', 'result', 'time', 'attack', 'expected', 'measured']));
  const results: Result[] = [];
  const add = (result: Result): void => {
    results.push(result);
    table.write(show(result));
  };
  for (const row of rows.filter(({ id }) => isPicked(id)))
    add(await runRow(row, numbers, (text) => process.stderr.write(`  ${row.id}: ${text}\n`)));
  for (const one of missingOf(rows).filter(({ id }) => isPicked(id))) add(missing(one));
  for (const one of broken) add(one);
  table.write(`\n${summary(results)}`);
  for (const { ids, comesWith } of LATER) table.write(`${ids} come with ${comesWith}\n`);
  if (isJson) process.stdout.write(`${JSON.stringify({ ...numbers, results }, null, 2)}\n`);
  process.exitCode = results.some(({ state }) => state === 'failed' || state === 'missing') ? 1 : 0;
}

function summary(results: readonly Result[]): string {
  const count = (state: Result['state']) => results.filter((one) => one.state === state).length;
  const others = (['failed', 'not here', 'missing'] as const)
    .map((state) => `${count(state)} ${state}`)
    .join(', ');
  return `${count('passed')} of ${results.length} passed; not passed: ${others}\n`;
}

try {
  const options = readOptions();
  if (options) await run(options);
  else process.stdout.write(HELP);
} catch (error) {
  process.stderr.write(`attacks: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
