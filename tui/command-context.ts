// What every command gets from outside, so that a test can hand it other streams, another clock and another client;
// and what a command reads from its command line before it does anything: the options that all commands share.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { MeshError } from '../protocols/errors.ts';
import { createClient, type MeshClient } from './client.ts';
import { parseDuration } from './format/duration.ts';
import type { Format, Selection } from './format/report.ts';
import { createOutput, type Output } from './output.ts';
import { createProgress, type Progress } from './progress.ts';
import { describeTerminal, type OutputStream, type Terminal } from './terminal.ts';
import { type Delay, delay } from './watch.ts';

export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly now: () => number;
  readonly delay: Delay;
  /** Aborted by ctrl-c: a command that goes on for long ends in good order. */
  readonly signal: AbortSignal;
  readonly createClient: (options: { readonly home: string }) => MeshClient;
  /** What the process ends with when nothing is thrown. */
  readonly exit: { code: number };
}

/** Adds one command, or a group of them, to the program. */
export type Register = (program: Command, context: CommandContext) => void;

/** The context of the real process. The first ctrl-c asks, the second one ends it as usual. */
export function processContext(): CommandContext {
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    delay,
    signal: interrupt.signal,
    createClient,
    exit: { code: 0 },
  };
}

export interface GlobalOptions extends Selection {
  /** The node's folder as an absolute path. */
  readonly home: string;
  readonly format: Format;
  /** File for the result instead of standard output. */
  readonly output: string | undefined;
  readonly watchMs: number | undefined;
  readonly failOn: string | undefined;
}

const WATCH_MIN_MS = 1_000;

/** Options may stand before the command and after it; what stands nearer to the command wins. */
function globalOptions(command: Command, env: CommandContext['env']): GlobalOptions {
  const typed: Record<string, unknown> = {};
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const [key, value] of Object.entries(at.opts())) typed[key] ??= value;
  }
  const text = (key: string): string | undefined => {
    const value = typed[key];
    if (value === '') throw new MeshError('USAGE', `--${key} is empty`);
    return typeof value === 'string' ? value : undefined;
  };
  const watch = text('watch');
  return {
    home: resolve(text('home') ?? (env['ODCM_HOME'] || join(homedir(), '.odcm'))),
    format: formatOf(text('format') as Format | undefined, typed['json'] === true),
    columns: text('columns'),
    sort: text('sort'),
    filter: text('filter'),
    output: text('output'),
    watchMs: watch === undefined ? undefined : watchInterval(watch),
    failOn: text('failOn'),
  };
}

function formatOf(format: Format | undefined, json: boolean): Format {
  if (json && format !== undefined && format !== 'json') {
    throw new MeshError('USAGE', `--json and --format ${format} contradict each other`, {
      next: 'Give one of them.',
    });
  }
  return json ? 'json' : (format ?? 'text');
}

function watchInterval(text: string): number {
  const everyMs = parseDuration(text);
  if (everyMs >= WATCH_MIN_MS) return everyMs;
  throw new MeshError('USAGE', '--watch is shorter than a second', { next: 'Try: --watch 5s' });
}

/** Everything one command works with, once its command line has been read. */
export interface Invocation {
  readonly context: CommandContext;
  readonly options: GlobalOptions;
  readonly client: MeshClient;
  readonly output: Output;
  /** What the result is shown on; a file is no terminal. */
  readonly terminal: Terminal;
  /** Ends by ctrl-c, or when nobody reads the result any more. */
  readonly signal: AbortSignal;
  /** A bar on standard error for long work; nothing where that is no terminal. */
  readonly progress: (label: string, unit: 'bytes' | 'count', total?: number) => Progress;
}

export function invoke(command: Command, context: CommandContext): Invocation {
  const options = globalOptions(command, context.env);
  const { stdout, stderr, env, now } = context;
  const output = createOutput({ stdout, stderr, file: options.output });
  const shown = describeTerminal(stdout, env);
  return {
    context,
    options,
    client: context.createClient({ home: options.home }),
    output,
    terminal:
      options.output === undefined
        ? shown
        : { ...shown, isTerminal: false, maxColumns: undefined, colour: false },
    signal: AbortSignal.any([context.signal, output.closed]),
    progress: (label, unit, total) =>
      createProgress({
        stderr,
        env,
        now,
        label,
        unit,
        ...(total === undefined ? {} : { total }),
      }),
  };
}
