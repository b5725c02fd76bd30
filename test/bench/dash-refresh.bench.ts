// One refresh of the dashboard at 200x50: fifty of a thousand spaces are others, and the screen shows it. Counted from when
// the screen is told to when the last byte is written. Beside it, Ink painting the very same lines without anything of ours.

import { EventEmitter } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Session } from '../../tui/dash/session.ts';
import { moved } from './fake-node.ts';
import { type BenchOptions, type Figure, median, percentile } from './measurement.ts';

const [COLUMNS, ROWS] = [200, 50];
const TARGET_MS = 40;
const CHANGED = 50;
const POLL_MS = 2_000;
/** Ink paints at most thirty times a second. */
const FRAME_MS = 45;

type Frame = readonly string[];

export async function* dashRefresh({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const rounds = isQuick ? 60 : 200;
  // React looks at NODE_ENV once, when it is loaded.
  process.env['NODE_ENV'] = 'production';
  const { frames, samples, cpuMs } = await ours(rounds);
  const floor = await bare(frames);
  yield {
    ...{ name: 'dash-refresh', unit: 'ms (p95)', better: 'lower', target: TARGET_MS },
    ...{ ours: percentile(samples, 0.95), floor: percentile(floor, 0.95) },
    detail: {
      ...{ rounds, medianMs: median(samples), slowestMs: percentile(samples, 1) },
      ...{ floorMedianMs: median(floor), cpuWithAnswersMs: cpuMs, size: `${COLUMNS}x${ROWS}` },
    },
  };
}

async function ours(rounds: number) {
  const [{ runDashboard }, { testClock, settled }, { doubleTerminal }, { createWorld }] =
    await Promise.all([
      import('../../tui/dash/run.ts'),
      import('../tui/dash/harness.ts'),
      import('../tui/dash/double-terminal.ts'),
      import('../tui/dash/world.ts'),
    ]);
  const world = createWorld();
  const clock = testClock();
  world.tell(() => clock.now());
  let writtenMs = 0;
  const terminal = doubleTerminal(COLUMNS, ROWS, () => {
    writtenMs = performance.now();
  });
  let toldMs = 0;
  let frame: Frame = [];
  const running = runDashboard({
    ...{ home: '/nowhere', createClient: () => world.client, clock, user: 'barry' },
    stdin: terminal.stdin as unknown as NodeJS.ReadStream,
    ...{ stdout: terminal.stdout, stderr: terminal.stdout },
    signal: new AbortController().signal,
    ...{ theme: 'dark', ascii: false, allowChanges: false, fullRepaint: false },
    writeFile: async () => undefined,
    prepare: (session) => {
      watch(session, () => {
        toldMs = performance.now();
      });
      const { lines } = session;
      Object.assign(session, { lines: () => (frame = lines()) });
    },
  });
  const health = await world.client.get<object>('/v1/health');
  let look = 0;
  world.instead.set('/v1/health', () => ({
    ...moved(health, look++, CHANGED),
    asOf: new Date(clock.now()).toISOString(),
  }));
  const samples: number[] = [];
  const frames: Frame[] = [];
  let cpu = process.cpuUsage();
  await settled();
  terminal.type('1');
  for (let round = -5; round < rounds; round++) {
    // Somebody is there: while nobody types, questions are further apart.
    if (round % 20 === 0) {
      terminal.type('Z');
      await clock.advance(POLL_MS);
      await running.flush();
    }
    await wait(FRAME_MS);
    if (round === 0) cpu = process.cpuUsage();
    await clock.advance(POLL_MS);
    await running.flush();
    if (round < 0) continue;
    samples.push(writtenMs - toldMs);
    frames.push(frame);
  }
  const { user, system } = process.cpuUsage(cpu);
  running.stop();
  await running.ended;
  return { samples, frames, cpuMs: (user + system) / 1000 / rounds };
}

/** Called whenever the screen is told that something changed. */
function watch(session: Session, told: () => void): void {
  const { subscribe } = session;
  Object.assign(session, {
    subscribe: (call: () => void) =>
      subscribe(() => {
        told();
        call();
      }),
  });
}

async function bare(frames: readonly Frame[]): Promise<number[]> {
  const [{ render }, { createElement }, { App }, { settled }, { doubleTerminal }] =
    await Promise.all([
      import('ink'),
      import('react'),
      import('../../tui/dash/app.ts'),
      import('../tui/dash/harness.ts'),
      import('../tui/dash/double-terminal.ts'),
    ]);
  let writtenMs = 0;
  const terminal = doubleTerminal(COLUMNS, ROWS, () => {
    writtenMs = performance.now();
  });
  let frame: Frame = frames[0]!;
  const screen = new EventEmitter();
  const session = {
    lines: () => frame,
    subscribe: (call: () => void) => void screen.removeAllListeners().on('told', call),
  } as unknown as Session;
  const app = render(createElement(App, { session, generation: 0, lend: {} }), {
    stdin: terminal.stdin as unknown as NodeJS.ReadStream,
    stdout: terminal.stdout as unknown as NodeJS.WriteStream,
    ...{ alternateScreen: true, interactive: true, exitOnCtrlC: false, patchConsole: false },
    ...{ incrementalRendering: true, maxFps: 30 },
  });
  const samples: number[] = [];
  for (const next of frames.slice(1)) {
    await wait(FRAME_MS);
    frame = next;
    const toldMs = performance.now();
    screen.emit('told');
    await settled();
    await app.waitUntilRenderFlush();
    samples.push(writtenMs - toldMs);
  }
  app.unmount();
  await app.waitUntilExit();
  return samples;
}
