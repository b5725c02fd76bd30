// `npm run bench [-- NAME…] [--quick] [--json]`: runs benchmarks one after the other. Each figure is one line of JSON on
// standard output; a table for people goes to standard error, unless --json is given.

import { setFlagsFromString } from 'node:v8';
import { LATE_FLAGS } from '../../node/v8-flags.ts';
import { announce } from './announce.bench.ts';
import { catchUp } from './catch-up.bench.ts';
import { control } from './control.bench.ts';
import { cork } from './cork.bench.ts';
import { dashFirstPaint, dashIdle, dashKey, dashMemory } from './dash.bench.ts';
import { dashRefresh } from './dash-refresh.bench.ts';
import { floodDials, floodGossip } from './flood.bench.ts';
import { gap, gapLarge } from './gap.bench.ts';
import { heads } from './heads.bench.ts';
import { type Bench, describeMachine, type Measurement, measurementOf } from './measurement.ts';
import { publish } from './publish.bench.ts';
import { report } from './report.bench.ts';
import { reportSpaces } from './report-spaces.bench.ts';
import { revoke } from './revoke.bench.ts';
import { seal } from './seal.bench.ts';
import { startUp } from './start-up.bench.ts';

// What is measured in this process is measured as it runs in every node's.
for (const flag of LATE_FLAGS) setFlagsFromString(flag);

const BENCHES: Readonly<Record<string, Bench>> = {
  publish,
  'catch-up': catchUp,
  announce,
  seal,
  'start-up': startUp,
  revoke,
  cork,
  report,
  'report-spaces': reportSpaces,
  control,
  gap,
  'gap-large': gapLarge,
  heads,
  flood: floodGossip,
  'flood-dials': floodDials,
  'dash-first-paint': dashFirstPaint,
  'dash-refresh': dashRefresh,
  'dash-key': dashKey,
  'dash-idle': dashIdle,
  'dash-memory': dashMemory,
};

const HELP = `Runs benchmarks one after the other: each figure as a line of JSON, then a table for people on standard error.

usage: npm run bench -- [NAME...] [options]

  --quick   smaller numbers: for seeing that it works, not for comparing
  --json    no table
  names     ${Object.keys(BENCHES).join(' ')}

examples:
  npm run bench
  npm run bench -- publish catch-up
  npm run --silent bench -- seal --quick --json

Exit code 2 for a wrong option or name.
`;

const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('--'));
const unknown = [
  ...args.filter((arg) => arg.startsWith('--') && arg !== '--quick' && arg !== '--json'),
  ...names.filter((name) => !Object.hasOwn(BENCHES, name)),
];
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(HELP);
} else if (unknown.length > 0) {
  const known = Object.keys(BENCHES).join(', ');
  process.stderr.write(`bench: unknown ${unknown.join(', ')}; there are: ${known}\n`);
  process.exitCode = 2;
} else {
  await run(names.length > 0 ? names : Object.keys(BENCHES));
}

async function run(chosen: readonly string[]): Promise<void> {
  const machine = describeMachine();
  const rows: Measurement[] = [];
  for (const name of chosen) {
    for await (const figure of BENCHES[name]!({ isQuick: args.includes('--quick') })) {
      const row = measurementOf(figure, machine);
      rows.push(row);
      process.stdout.write(`${JSON.stringify(row)}\n`);
    }
  }
  if (!args.includes('--json')) process.stderr.write(table(rows));
}

function table(rows: readonly Measurement[]): string {
  const head = ['', 'ours', 'floor', 'ratio', 'target', ''];
  const show = (value: number | null): string => value?.toLocaleString('en-US') ?? '-';
  const cells = rows.map((row) => [
    `${row.name} (${row.unit})`,
    ...[row.ours, row.floor, row.ratio, row.target].map(show),
    row.isMet === null ? '' : row.isMet ? 'met' : 'not met',
  ]);
  const lines = [head, ...cells];
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const format = (line: readonly string[]) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
  return `${lines.map((line) => format(line).join('  ').trimEnd()).join('\n')}\n`;
}
