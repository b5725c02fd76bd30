// The whole dashboard on a double terminal, a fixed world and a clock that stands still until it is moved.

import type { Readable } from 'node:stream';
import './production.ts';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '../../../tui/dash/clock.ts';
import type { Key } from '../../../tui/dash/keys.ts';
import { type Running, type RunOptions, runDashboard } from '../../../tui/dash/run.ts';
import type { OutputStream } from '../../../tui/terminal.ts';
import { type DoubleTerminal, doubleTerminal } from './double-terminal.ts';
import { createWorld, WORLD_MS, type World } from './world.ts';

export interface TestClock extends Clock {
  /** Moves on, calling back whatever falls due on the way. */
  advance(ms: number): Promise<void>;
}

export function testClock(startMs = WORLD_MS): TestClock {
  let nowMs = startMs;
  let timers: { readonly atMs: number; readonly call: () => void }[] = [];
  return {
    now: () => nowMs,
    later: (ms, call) => {
      const timer = { atMs: nowMs + ms, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance: async (ms) => {
      const endMs = nowMs + ms;
      await settled();
      for (;;) {
        const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined || next.atMs > endMs) break;
        timers = timers.filter((timer) => timer !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.call();
        await settled();
      }
      nowMs = endMs;
      await settled();
    },
  };
}

/** Everything that was only waiting for its turn has had it. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await setImmediate();
}

/** Turns after which a frame that should be there never comes: far more than React takes on a machine that stalls. */
const FRAME_TURNS = 1_000;
const BUSY_LOOK_MS = 2;
const BUSY_LOOKS = 500;

export interface Bench {
  readonly world: World;
  readonly clock: TestClock;
  readonly terminal: DoubleTerminal;
  readonly running: Running;
  readonly files: Map<string, string>;
  /** Types chunk by chunk and waits until each is on the screen. */
  type(...chunks: readonly string[]): Promise<void>;
  advance(ms: number): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Lines of the newest frame, without attributes and without spaces at the end. */
  screen(): string[];
  text(): string;
  /** What the session last gave to be painted. */
  painted(): readonly string[];
  stop(): Promise<void>;
}

export interface BenchOptions
  extends Partial<Pick<RunOptions, 'ascii' | 'theme' | 'allowChanges' | 'debug' | 'fullRepaint'>> {
  readonly columns?: number;
  readonly rows?: number;
  readonly world?: World;
  readonly bare?: boolean;
  readonly show?: (text: string) => void;
}

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const { columns = 100, rows = 30, world = createWorld(), show, ...rest } = options;
  const clock = testClock();
  const terminal = doubleTerminal(columns, rows, show);
  const files = new Map<string, string>();
  let pressed = 0;
  let painted: readonly string[] = [];
  let isBusy = (): boolean => false;
  const running = runDashboard({
    home: '/nowhere',
    createClient: () => world.client,
    clock,
    stdin: terminal.stdin as unknown as Readable,
    stdout: terminal.stdout as unknown as OutputStream,
    stderr: terminal.stdout as unknown as OutputStream,
    signal: new AbortController().signal,
    user: 'barry',
    theme: 'mono',
    ascii: false,
    allowChanges: false,
    fullRepaint: false,
    debug: true,
    bare: true,
    prepare: (session) => {
      const { press, lines } = session;
      isBusy = () => session.isBusy();
      Object.assign(session, {
        lines: () => {
          painted = lines();
          return painted;
        },
        press: (key: Key) => {
          pressed += 1;
          press(key);
        },
      });
    },
    writeFile: async (name, text) => {
      files.set(name, text);
    },
    ...rest,
  });
  // React gives its turn away when it was held up: how many turns a frame takes depends on the machine.
  const isShown = (): boolean =>
    options.debug === false || rowsOf(painted.join('\n')).join('\n').trim() === bench.text().trim();
  const settle = async (): Promise<void> => {
    await settled();
    // Something that looks at files takes the time that the disk takes; an answer that never comes is not waited for.
    for (let look = 0; look < BUSY_LOOKS && isBusy(); look += 1) await setTimeout(BUSY_LOOK_MS);
    await clock.advance(300);
    await running.flush();
    for (let turn = 0; turn < FRAME_TURNS && !isShown(); turn += 1) await setImmediate();
  };
  const bench: Bench = {
    world,
    clock,
    terminal,
    running,
    files,
    type: async (...chunks) => {
      for (const chunk of chunks) {
        const before = pressed;
        terminal.type(chunk);
        // A single escape is held back until it is sure that no sequence begins with it.
        while (chunk === '\x1b' && pressed === before) await setImmediate();
        await settle();
      }
    },
    advance: async (ms) => {
      await clock.advance(ms);
      await settle();
    },
    resize: async (nextColumns, nextRows) => {
      terminal.resize(nextColumns, nextRows);
      await settle();
    },
    screen: () => rowsOf(frames(terminal).at(-1) ?? ''),
    painted: () => painted,
    text: () => bench.screen().join('\n'),
    stop: async () => {
      running.stop();
      await running.ended.catch(() => undefined);
    },
  };
  await settle();
  return bench;
}

/** Lines without attributes and without spaces at the end. */
const rowsOf = (text: string): string[] =>
  stripVTControlCharacters(text)
    .split('\n')
    .map((line) => line.trimEnd());

/** In debug mode each write is one frame; sequences that Ink or the dashboard write besides are none. */
const frames = ({ writes }: DoubleTerminal): string[] =>
  writes.filter((text) => text.includes('\n'));
