// Golden screens: a file of keys gives frames, which lie beside it as they must look. One line of keys is one chunk as
// the terminal would deliver it, `save NAME` keeps the frame, `wait 2s` moves the clock, `resize 60x20` the window.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDuration } from '../../../tui/format/duration.ts';
import { type Bench, openBench } from './harness.ts';

export const SCREENS_FOLDER = join(import.meta.dirname, '../screens');

export interface Variant {
  readonly name: string;
  readonly columns: number;
  readonly rows: number;
  readonly ascii: boolean;
}

export const VARIANTS: readonly Variant[] = [
  { name: '100x30', columns: 100, rows: 30, ascii: false },
  { name: '200x50', columns: 200, rows: 50, ascii: false },
  { name: '60x20', columns: 60, rows: 20, ascii: false },
  { name: '100x30-ascii', columns: 100, rows: 30, ascii: true },
];

export const scripts = (): string[] =>
  readdirSync(SCREENS_FOLDER)
    .filter((file) => file.endsWith('.keys'))
    .map((file) => file.slice(0, -'.keys'.length))
    .toSorted();

const NAMED: Readonly<Record<string, string>> = {
  enter: '\r',
  esc: '\x1b',
  tab: '\t',
  up: '\x1b[A',
  down: '\x1b[B',
  pgdn: '\x1b[6~',
  backspace: '\x7f',
  space: ' ',
};

/** The frames that a script saves, by name. */
export async function playScript(script: string, variant: Variant): Promise<Map<string, string>> {
  const { columns, rows, ascii } = variant;
  const saved = new Map<string, string>();
  const bench = await openBench({
    columns,
    rows,
    ascii,
    allowChanges: script.startsWith('changes'),
  });
  try {
    for (const line of readFileSync(join(SCREENS_FOLDER, `${script}.keys`), 'utf8').split('\n')) {
      await playLine(bench, line, saved);
    }
  } finally {
    await bench.stop();
  }
  return saved;
}

async function playLine(bench: Bench, line: string, saved: Map<string, string>): Promise<void> {
  const [word = '', ...rest] = line.split(' ');
  const argument = rest.join(' ');
  if (word === '' || word.startsWith('#')) return;
  if (word === 'save') saved.set(argument, `${bench.text()}\n`);
  else if (word === 'wait') await bench.advance(parseDuration(argument));
  else if (word === 'away') bench.world.leave();
  else if (word === 'text') await bench.type(argument);
  else if (word === 'keys') await bench.type(...rest.map((key) => NAMED[key] ?? key));
  else throw new Error(`${line} is no line of a key script`);
}
