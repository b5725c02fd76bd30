// Runs the dashboard on a terminal until it is quit: alternate screen, resizes, ctrl-z, and a terminal that is left as
// it was found whatever happens. Loaded only when the dashboard is really opened, since Ink takes its time.

import type { Readable } from 'node:stream';
import { render } from 'ink';
import { createElement as h } from 'react';
import type { OutputStream } from '../terminal.ts';
import { App, type AppProps } from './app.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';
import type { Size } from './state.ts';

export interface RunOptions extends Omit<SessionOptions, 'host' | 'size'> {
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly signal: AbortSignal;
  /** Who is at the keyboard. */
  readonly user: string;
  readonly writeFile: (file: string, text: string) => Promise<void>;
  /** Every frame is written whole, for terminals that the partial ones confuse. */
  readonly fullRepaint: boolean;
  /** Each write is one whole frame, for tests. */
  readonly debug?: boolean;
  readonly prepare?: (session: Session) => void;
  /** Ends when the shell has let this process go on; the process is really stopped unless a test says otherwise. */
  readonly stopped?: () => Promise<void>;
}

export interface Running {
  readonly session: Session;
  /** Ends when the dashboard is left; throws what ended it otherwise. */
  readonly ended: Promise<void>;
  readonly flush: () => Promise<void>;
  readonly stop: () => void;
}

const RESIZE_QUIET_MS = 50;
const ERASE_SCREEN = '\x1b[2J\x1b[H';

export function runDashboard(options: RunOptions): Running {
  const { stdin, stdout, stderr, signal, clock } = options;
  let generation = 0;
  let isSuspended = false;
  let quiet: (() => void) | undefined;
  const lend: AppProps['lend'] = {};

  const session = createSession({
    ...options,
    size: sizeOf(stdout),
    host: {
      write: (sequence) => void stdout.write(sequence),
      writeFile: options.writeFile,
      repaint: () => repaint(),
      suspend: () => void suspend(),
      exit: () => app.unmount(),
      user: options.user,
    },
  });
  options.prepare?.(session);
  // What was typed while the program was loading stands in front of the cursor, and the first frame begins there.
  rawMode(stdin, true);
  if (!options.debug) stdout.write('\r');
  const element = () => h(App, { session, generation, lend });
  const app = render(element(), {
    stdin: stdin as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    debug: options.debug ?? false,
    alternateScreen: true,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
    incrementalRendering: !options.fullRepaint,
    // A key waits for the frame before it: twice as many as the eye needs halve that wait, and are only made when keys come.
    maxFps: 60,
  });

  /** Partial frames count on what the terminal shows; after a resize that is no longer known. */
  const repaint = (): void => {
    if (isSuspended) return;
    generation += 1;
    app.clear();
    if (!options.debug) stdout.write(ERASE_SCREEN);
    app.rerender(element());
  };
  const resized = (): void => {
    session.resize(sizeOf(stdout));
    quiet?.();
    quiet = clock.later(RESIZE_QUIET_MS, repaint);
  };
  const suspend = async (): Promise<void> => {
    if (isSuspended || process.platform === 'win32') return;
    isSuspended = true;
    await lend.terminal?.(options.stopped ?? stopped);
    isSuspended = false;
    resized();
  };
  const leave = (): void => app.unmount();

  stdout.on('resize', resized);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  const ended = (async () => {
    try {
      await app.waitUntilExit();
    } finally {
      rawMode(stdin, false);
      quiet?.();
      stdout.off('resize', resized);
      signal.removeEventListener('abort', leave);
      session.stop();
    }
  })();
  return { session, ended, flush: () => app.waitUntilRenderFlush(), stop: leave };
}

function rawMode(stdin: Readable, isOn: boolean): void {
  if ('setRawMode' in stdin && typeof stdin.setRawMode === 'function') stdin.setRawMode(isOn);
}

function sizeOf(stdout: OutputStream): Size {
  const rows = 'rows' in stdout && typeof stdout.rows === 'number' ? stdout.rows : 24;
  // A frame as high as the window makes the consoles of Windows clear everything each time.
  return { columns: stdout.columns ?? 80, rows: process.platform === 'win32' ? rows - 1 : rows };
}

/** Stops this process as the shell expects it, and comes back when the shell says so. */
function stopped(): Promise<void> {
  return new Promise((resolve) => {
    // Time stands still while this process does; where no shell could let it go on, the signal does nothing at all.
    const goOn = (): void => {
      clearTimeout(unheeded);
      process.off('SIGCONT', goOn);
      resolve();
    };
    const unheeded = setTimeout(goOn, 500);
    process.once('SIGCONT', goOn);
    // The whole group, as the terminal itself would: a wrapper that waits for this process must stop as well.
    process.kill(0, 'SIGTSTP');
  });
}
