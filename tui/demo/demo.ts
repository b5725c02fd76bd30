// The demo from beginning to end: a folder, a mesh, the scenarios, and then either the result or a live overview until
// somebody has seen enough. Whatever happens, every process it started is stopped.

import { MeshError } from '../../protocols/errors.ts';
import type { Invocation } from '../command-context.ts';
import { describeTerminal } from '../terminal.ts';
import { type DemoFolder, openDemoFolder } from './folder.ts';
import { live } from './life.ts';
import { DemoMesh, MESH_NAME, SPACES } from './mesh.ts';
import { renderOverview } from './overview.ts';
import { createPrinter, type Printer, readyLine } from './printer.ts';
import { createProcesses } from './processes.ts';
import { type DemoResult, failureText, isKept, resultDocument, summaryLine } from './result.ts';
import { type Outcome, playScenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { openScreen } from './screen.ts';
import { setUp } from './setup.ts';
import { createObserver, type World } from './world.ts';

export interface DemoOptions {
  readonly dir: string;
  /** Ends after the scenarios. */
  readonly once: boolean;
  readonly ascii: boolean;
}

const REFRESH_MS = 1_000;

export async function runDemo(invocation: Invocation, options: DemoOptions): Promise<void> {
  const { context, output, options: shared } = invocation;
  const ending = new AbortController();
  const signal = AbortSignal.any([invocation.signal, ending.signal]);
  const folder = await openDemoFolder(options.dir, { ...context, signal });
  const processes = createProcesses(folder.logs, { ...process.env, ...context.env });
  try {
    const mesh = new DemoMesh({ folder, processes, context, signal });
    const voice = createVoice(invocation, options.ascii);
    const result = await playAll(mesh, folder, voice.printer);
    voice.printer.line('');
    voice.printer.line(summaryLine(result));
    await voice.finish(resultDocument(result, context.now()));
    if (!isKept(result)) {
      context.exit.code = 1;
      for (const outcome of result.outcomes) {
        if (outcome.failure !== null)
          output.say(`odcm: ${failureText(outcome)}. Logs: ${folder.logs}`);
      }
    }
    if (!options.once) await showLive(invocation, options, mesh, result.outcomes);
  } finally {
    ending.abort();
    if (shared.format === 'text' && invocation.terminal.isTerminal)
      output.say('Stopping all nodes.');
    await processes.stopAll();
    await folder.release();
  }
}

async function playAll(mesh: DemoMesh, folder: DemoFolder, printer: Printer): Promise<DemoResult> {
  const startedMs = performance.now();
  printer.line(
    `A mesh named ${MESH_NAME} with an ODCM and ${SPACES.length - 1} more spaces, as processes of this machine`,
  );
  await setUp(mesh, printer.phase);
  const setupMs = Math.round(performance.now() - startedMs);
  printer.line(readyLine(SPACES.length, folder.dir, setupMs));
  const outcomes: Outcome[] = [];
  for (const scenario of SCENARIOS) outcomes.push(await playScenario(scenario, mesh, printer));
  return {
    meshName: MESH_NAME,
    folder: folder.dir,
    logs: folder.logs,
    spaces: SPACES,
    setupMs,
    elapsedMs: Math.round(performance.now() - startedMs),
    outcomes,
  };
}

interface Voice {
  readonly printer: Printer;
  /** Writes the result where the printer has not done so already. */
  finish(document: string): Promise<void>;
}

/** Text goes out as it comes, unless to a file; beside any other result it is shown on standard error, if on a terminal. */
function createVoice(
  { context, options, output, terminal, signal }: Invocation,
  ascii: boolean,
): Voice {
  const { stdout, stderr, env } = context;
  const isResult = options.format === 'text' && options.output === undefined;
  const shownOn = isResult ? stdout : stderr;
  const shown = isResult ? terminal : describeTerminal(stderr, env);
  const look = { ...shown, ascii: shown.ascii || ascii };
  const isMute = !isResult && !shown.isTerminal;
  const lines: string[] = [];
  const keep = options.format === 'text' && options.output !== undefined;
  const printer = createPrinter({
    write: (text) => {
      if (keep) lines.push(text);
      else if (!isMute) shownOn.write(text);
    },
    look: keep ? { maxColumns: undefined, colour: false, ascii } : look,
    canErase: !keep && shown.isTerminal && env['TERM'] !== 'dumb',
    signal,
  });
  return {
    printer,
    finish: async (document) => {
      if (isResult) return;
      await output.write(keep ? lines.join('') : document);
    },
  };
}

/** The overview, with some life in the mesh, until ctrl-c or q. */
async function showLive(
  invocation: Invocation,
  options: DemoOptions,
  mesh: DemoMesh,
  outcomes: readonly Outcome[],
): Promise<void> {
  const { context, terminal, signal: interrupt } = invocation;
  const quit = new AbortController();
  const signal = AbortSignal.any([interrupt, quit.signal]);
  const startedMs = performance.now();
  const observer = createObserver(mesh);
  let world: World | undefined;
  const draw = (): void => {
    if (world === undefined) return;
    const ascii = terminal.ascii || options.ascii;
    screen.draw(renderOverview(world, { ...screen.size(), colour: terminal.colour, ascii }));
  };
  const screen = openScreen({
    stdout: context.stdout,
    stdin: context.stdin,
    onQuit: () => quit.abort(),
    onResize: draw,
  });
  const living = live(mesh, context.delay, signal);
  try {
    while (!signal.aborted) {
      const beganMs = performance.now();
      const seen = await observer.look();
      const upMs = performance.now() - startedMs;
      world = { meshName: MESH_NAME, folder: mesh.folder.dir, upMs, outcomes, ...seen };
      if (!signal.aborted) draw();
      const restMs = Math.max(50, REFRESH_MS - (performance.now() - beganMs));
      await Promise.race([living, context.delay(restMs, signal).catch(() => undefined)]);
    }
    await living;
  } finally {
    quit.abort();
    screen.close();
  }
}

/** Where a live overview makes no sense, the demo ends after its scenarios. */
export function endsByItself({ options, terminal, context }: Invocation): boolean {
  return options.format !== 'text' || !terminal.isTerminal || context.env['TERM'] === 'dumb';
}

/** Outcomes are one thing, not rows. */
export function assertDemoFormat({ options }: Invocation): void {
  if (options.format === 'text' || options.format === 'json') return;
  throw new MeshError('USAGE', `odcm demo has no rows for --format ${options.format}`, {
    next: 'Use --format text or --format json.',
  });
}
