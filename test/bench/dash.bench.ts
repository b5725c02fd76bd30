// The dashboard as a process on a real terminal, before a node of a thousand spaces: how soon it shows them, how soon a key
// is on the screen, what it costs while nobody touches it. Beside it, a bare Ink program of one line on the same terminal.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { repository } from '../docs/repository.ts';
import { type FakeNode, startFakeNode } from './fake-node.ts';
import { type BenchOptions, type Figure, median, percentile } from './measurement.ts';
import { Terminal } from './terminal.ts';

const SIZE = { columns: 200, rows: 50 };
const DASH = /1,000 spaces/;
const BARE = /bare answered/;
/** A row in inversion: the one that the cursor is on. */
const CURSOR = /\u00ab/;
/** After a minute without a key nobody is there. */
const SETTLE_MS = 65_000;
const QUICK_SETTLE_MS = 5_000;

interface Stage {
  readonly home: string;
  readonly node: FakeNode;
  readonly dash: () => Terminal;
  readonly bare: (...flags: string[]) => Terminal;
}

/** A node and its folder; every terminal is closed at the end. */
async function onStage<T>(work: (stage: Stage) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const node = await startFakeNode(home);
  const opened: Terminal[] = [];
  const open = (command: readonly string[]): Terminal => {
    const terminal = new Terminal(command, {
      ...SIZE,
      env: { XDG_STATE_HOME: home, NODE_ENV: '' },
    });
    opened.push(terminal);
    return terminal;
  };
  const program = (path: string) => [process.execPath, join(repository, path)];
  try {
    return await work({
      ...{ home, node },
      dash: () => open([...program('node/odcm.mjs'), 'dash', '--home', home]),
      bare: (...flags) => open([...program('test/bench/bare-ink.ts'), home, ...flags]),
    });
  } finally {
    await Promise.all(opened.map((terminal) => terminal.stop()));
    await node.stop();
    await rm(home, { recursive: true });
  }
}

export async function* dashFirstPaint({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const rounds = isQuick ? 2 : 12;
  const start = { ours: [] as number[], floor: [] as number[] };
  const paint = { ours: [] as number[], floor: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['floor', 'ours'] as const) {
      await onStage(async ({ node, dash, bare }) => {
        const terminal = kind === 'ours' ? dash() : bare();
        const answered = node.firstAnswerMs('/v1/overview');
        const shownMs = await terminal.shows(kind === 'ours' ? DASH : BARE);
        start[kind].push(shownMs - terminal.startedMs);
        paint[kind].push(shownMs - (await answered));
      });
    }
  }
  const detail = (samples: readonly number[]) => ({
    ...{ rounds, slowestMs: percentile(samples, 1), size: `${SIZE.columns}x${SIZE.rows}` },
  });
  yield {
    ...{ name: 'dash-first-paint', unit: 'ms', better: 'lower', target: 400 },
    ...{ ours: median(paint.ours), floor: median(paint.floor), detail: detail(paint.ours) },
  };
  yield {
    ...{ name: 'dash-start', unit: 'ms', better: 'lower', target: 700 },
    ...{ ours: median(start.ours), floor: median(start.floor), detail: detail(start.ours) },
  };
}

export async function* dashKey({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const presses = isQuick ? 20 : 200;
  const [ours, floor] = await onStage(async ({ dash, bare }) => {
    const own = dash();
    await own.shows(DASH);
    own.type('1');
    await own.shows(CURSOR);
    const ink = bare();
    await ink.shows(BARE);
    return [await press(own, presses), await press(ink, presses)] as const;
  });
  yield {
    ...{ name: 'dash-key', unit: 'ms (p95)', better: 'lower', target: 50 },
    ...{ ours: percentile(ours, 0.95), floor: percentile(floor, 0.95) },
    detail: { presses, medianMs: median(ours), slowestMs: percentile(ours, 1) },
  };
}

/** One at a time, as a person does who looks at what came of it. */
async function press(terminal: Terminal, presses: number): Promise<number[]> {
  const samples: number[] = [];
  await wait(1_000);
  for (let at = 0; at < presses; at++) {
    const sentMs = terminal.type(at % 60 < 30 ? 'j' : 'k');
    samples.push((await terminal.shows(CURSOR)) - sentMs);
    await wait(60);
  }
  return samples;
}

export async function* dashIdle({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const lengthMs = isQuick ? 6_000 : 40_000;
  for (const isBusy of [false, true]) {
    const shares = await onStage(async ({ node, dash, bare }) => {
      node.change(isBusy ? 50 : 0);
      const screens = ['0', '1', '7'];
      const terminals = [...screens.map(() => dash()), isBusy ? bare('--tick') : bare()];
      await Promise.all(terminals.map((one) => one.shows(/1,000 spaces|bare answered/)));
      for (const [at, key] of screens.entries()) terminals[at]!.type(key);
      const tick = isBusy ? setInterval(() => node.tell(), 1_000) : undefined;
      await wait(isQuick ? QUICK_SETTLE_MS : SETTLE_MS);
      const before = terminals.map((one) => one.cpuSeconds());
      await wait(lengthMs);
      clearInterval(tick);
      return terminals.map((one, at) => ((one.cpuSeconds() - before[at]!) * 100_000) / lengthMs);
    });
    const [overview = 0, spaces = 0, alerts = 0, floor = 0] = shares;
    yield {
      ...{ name: isBusy ? 'dash-updates' : 'dash-idle', unit: '% of a core', better: 'lower' },
      ...{ ours: Math.max(overview, spaces, alerts), floor, target: isBusy ? 6 : 1 },
      detail: { overview, spaces, alerts, seconds: lengthMs / 1000 },
    };
  }
}

export async function* dashMemory({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  // Each part takes this long: the first settles, the second and the last are compared.
  const partMs = isQuick ? 2_000 : 60_000;
  const [ours, floor] = await onStage(async ({ node, dash, bare }) => {
    node.change(50);
    const terminals = [dash(), bare('--tick')];
    await Promise.all(terminals.map((one) => one.shows(/1,000 spaces|bare answered/)));
    terminals[0]!.type('1');
    const tick = setInterval(() => node.tell(), 1_000);
    const minutes = terminals.map((): number[] => []);
    for (let minute = 0; minute < 10; minute++) {
      const samples = terminals.map((): number[] => []);
      for (let second = 0; second < 60; second++) {
        await wait(partMs / 60);
        for (const [at, one] of terminals.entries()) samples[at]!.push(one.memoryMiB());
        if (second % 10 === 0) terminals[0]!.type(second % 20 === 0 ? 'j' : 'k');
      }
      for (const [at, some] of samples.entries()) minutes[at]!.push(median(some));
    }
    clearInterval(tick);
    return minutes;
  });
  const growth = (minutes: readonly number[]) => minutes[9]! - minutes[1]!;
  yield {
    ...{ name: 'dash-memory', unit: 'MiB more after 10 min than after 2', better: 'lower' },
    ...{ ours: growth(ours!), floor: growth(floor!), target: 20 },
    detail: { byMinuteMiB: ours!.map(Math.round), bareByMinuteMiB: floor!.map(Math.round) },
  };
}
