// The demo from beginning to end: a folder, a mesh, the scenarios, and then either the result or the dashboard until
// somebody has seen enough. Whatever happens, every process it started is stopped.

import { MeshError } from '../../protocols/errors.ts';
import type { Invocation } from '../command-context.ts';
import { canShow, openDashboard } from '../dash/command.ts';
import { counted } from '../format/number.ts';
import { describeTerminal } from '../terminal.ts';
import { type DemoFolder, openDemoFolder } from './folder.ts';
import { live } from './life.ts';
import { DemoMesh, MESH_NAME, ODCM, SPACES } from './mesh.ts';
import { createPrinter, type Printer, readyLine } from './printer.ts';
import { createProcesses } from './processes.ts';
import { type DemoResult, failureText, isKept, resultDocument, summaryLine } from './result.ts';
import { type Outcome, playScenario, type Scenario } from './scenario.ts';
import { OPENING, SCENARIOS } from './scenarios/index.ts';
import { setUp } from './setup.ts';

export interface DemoOptions {
  readonly dir: string;
  /** Ends after the scenarios. */
  readonly once: boolean;
  readonly ascii: boolean;
}

export async function runDemo(invocation: Invocation, options: DemoOptions): Promise<void> {
  const { context, output, options: shared } = invocation;
  const ending = new AbortController();
  const signal = AbortSignal.any([invocation.signal, ending.signal]);
  const folder = await openDemoFolder(options.dir, { ...context, signal });
  const processes = createProcesses(folder.logs, {
    ...{ ...process.env, ...context.env },
    CREDENTIALS_DIRECTORY: folder.credentials,
  });
  try {
    const mesh = new DemoMesh({ folder, processes, context, signal });
    const voice = createVoice(invocation, options);
    const scenarios = options.once ? SCENARIOS : OPENING;
    const result = await playAll(mesh, folder, scenarios, voice.printer);
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
    if (!options.once) await showLive(invocation, options, mesh);
  } finally {
    ending.abort();
    const isSeen = shared.format === 'text' && invocation.terminal.isTerminal;
    if (isSeen) output.say('Stopping all nodes.');
    const stopped = await processes.stopAll();
    await folder.release();
    if (isSeen)
      output.say(`${counted(stopped, 'node')} stopped; nothing of the demo runs any more.`);
  }
}

async function playAll(
  mesh: DemoMesh,
  folder: DemoFolder,
  scenarios: readonly Scenario[],
  printer: Printer,
): Promise<DemoResult> {
  const startedMs = performance.now();
  printer.line(
    `A mesh named ${MESH_NAME} with an ODCM and ${SPACES.length - 1} more spaces, as processes of this machine`,
  );
  await setUp(mesh, printer.phase);
  const setupMs = Math.round(performance.now() - startedMs);
  printer.line(readyLine(SPACES.length, folder.dir, setupMs));
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) outcomes.push(await playScenario(scenario, mesh, printer));
  mesh.arrivals.stop();
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
  { ascii, once }: DemoOptions,
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
    isBrief: !once,
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

/** The dashboard on the node of ODCM, with life in the mesh, until it is left. */
async function showLive(
  { context, signal: interrupt }: Invocation,
  { ascii }: DemoOptions,
  mesh: DemoMesh,
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([interrupt, over.signal]);
  const living = live(mesh, context.delay, signal).finally(() => over.abort());
  // It is waited for below; until then the terminal is not ours to speak on.
  living.catch(() => undefined);
  try {
    const here = { ...context, signal };
    await openDashboard(here, mesh.home(ODCM), ascii ? { ascii } : {});
  } finally {
    over.abort();
    // What went wrong with the life is worth knowing now that the terminal is free again.
    await living;
  }
}

/** Where the dashboard cannot be shown, the demo ends after its scenarios. */
export function endsByItself({
  options,
  terminal,
  context,
}: Pick<Invocation, 'context' | 'options' | 'terminal'>): boolean {
  return options.format !== 'text' || !terminal.isTerminal || !canShow(context);
}

/** Outcomes are one thing, not rows. */
export function assertDemoFormat({ options }: Invocation): void {
  if (options.format === 'text' || options.format === 'json') return;
  throw new MeshError('USAGE', `odcm demo has no rows for --format ${options.format}`, {
    next: 'Use --format text or --format json.',
  });
}
