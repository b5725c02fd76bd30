import { Terminal } from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import { type Bench, openBench } from './harness.ts';
import { createWorld } from './world.ts';

/** The same numbers for the same seed, in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const KEYS = [
  '0',
  '1',
  '2',
  '3',
  '4',
  '5',
  '7',
  '8',
  'j',
  'jj',
  'k',
  'G',
  'g',
  '\t',
  '\r',
  'o',
  'pay',
  '\x1b',
  '?',
  's',
  'S',
  'w',
  ' ',
  '[',
  ']',
  'x',
  '/',
  'lag>1s',
  ':',
  'spaces\r',
  'p',
  'e',
  '\x0c',
  '\x1b[B',
  '\x1b[6~',
];
const SIZES = [
  [100, 30],
  [120, 40],
  [80, 24],
  [61, 16],
  [160, 45],
  [40, 12],
] as const;

const shownBy = (terminal: Terminal): string[] =>
  Array.from(
    { length: terminal.rows },
    (_, row) => terminal.buffer.active.getLine(row)?.translateToString(true).trimEnd() ?? '',
  );

const written = (terminal: Terminal): Promise<void> =>
  new Promise((resolve) => terminal.write('', resolve));

async function walk(seed: number, steps: number, fullRepaint: boolean): Promise<void> {
  const random = randomFrom(seed);
  const terminal = new Terminal({ cols: 100, rows: 30, allowProposedApi: true, convertEol: true });
  const bench: Bench = await openBench({
    world: createWorld(120),
    debug: false,
    bare: false,
    theme: 'dark',
    fullRepaint,
    show: (text) => terminal.write(text),
  });
  const history: string[] = [];
  try {
    for (let step = 0; step < steps; step += 1) {
      const what = random(10);
      if (what === 0) {
        const [columns, rows] = SIZES[random(SIZES.length)] ?? [100, 30];
        history.push(`resize ${columns}x${rows}`);
        await written(terminal);
        terminal.resize(columns, rows);
        await bench.resize(columns, rows);
      } else if (what < 3) {
        history.push('wait');
        await bench.advance(1_000 + random(3_000));
      } else {
        const key = KEYS[random(KEYS.length)] ?? 'j';
        history.push(JSON.stringify(key));
        await bench.type(key);
      }
      await written(terminal);
      const wanted = bench.painted().map((line) => stripped(line));
      expect(
        shownBy(terminal),
        `seed ${seed}, step ${step}: ${history.slice(-8).join(', ')}`,
      ).toEqual(wanted);
      expect(terminal.buffer.active.type).toBe('alternate');
    }
  } finally {
    await bench.stop();
    await written(terminal);
  }
  expect(terminal.buffer.active.type).toBe('normal');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: takes the attributes away, which the comparison is not about
const stripped = (line: string): string => line.replaceAll(/\x1b\[[\d;]*m/g, '').trimEnd();

describe('a real terminal', () => {
  it.each([1, 2, 3])(
    'shows the frame after keys, answers and resizes, with partial frames (seed %i)',
    async (seed) => {
      await walk(seed, 100, false);
    },
    60_000,
  );

  it('shows the frame when each is written whole', async () => {
    await walk(4, 60, true);
  }, 60_000);

  it('shows the first frame from its first column, whatever was typed while the program was loading', async () => {
    const terminal = new Terminal({
      cols: 100,
      rows: 30,
      allowProposedApi: true,
      convertEol: true,
    });
    terminal.write('$ odcm dash\njjjj');
    const world = createWorld(14);
    const bench = await openBench({ world, debug: false, show: (text) => terminal.write(text) });
    await bench.advance(2_000);
    await written(terminal);
    expect(shownBy(terminal)).toEqual(bench.painted().map((line) => stripped(line)));
    await bench.stop();
  });

  it('shows wide and combining letters where they belong', async () => {
    const terminal = new Terminal({
      cols: 100,
      rows: 30,
      allowProposedApi: true,
      convertEol: true,
    });
    const world = createWorld(14);
    const bench = await openBench({ world, debug: false, show: (text) => terminal.write(text) });
    await bench.type('1', ':sort name\r', 'g');
    await written(terminal);
    expect(shownBy(terminal)).toEqual(bench.painted().map((line) => stripped(line)));
    await bench.stop();
  });
});
