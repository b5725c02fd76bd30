// How far a long piece of work is, on standard error when that is a terminal, and nothing at all elsewhere. Draws when
// told of progress, at most ten times a second; a clock of its own would keep the process alive.

import { formatBytes } from './format/bytes.ts';
import { displayText } from './format/display-text.ts';
import { formatDuration } from './format/duration.ts';
import { bar } from './format/sparkline.ts';
import { cut } from './format/width.ts';
import { describeTerminal, type OutputStream } from './terminal.ts';

export interface Progress {
  /** So much is done now, of so much in all when that is known. */
  update(done: number, total?: number): void;
  /** The work is done: the bar becomes one line that stays. */
  finish(): void;
  /** The work ended otherwise: the bar goes away, so that the error stands on a line of its own. */
  clear(): void;
}

export interface ProgressOptions {
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly label: string;
  readonly unit: 'bytes' | 'count';
  readonly total?: number;
}

const REDRAW_MS = 100;
/** The rate is that of the last seconds: an average over all of it would not show that it stalls. */
const RATE_WINDOW_MS = 5_000;
const BAR_COLUMNS = 24;
const ERASE_LINE = '\r\x1b[K';

const SILENT: Progress = {
  update: () => undefined,
  finish: () => undefined,
  clear: () => undefined,
};

export function createProgress(options: ProgressOptions): Progress {
  const { stderr, now, unit } = options;
  const terminal = describeTerminal(stderr, options.env);
  if (!terminal.isTerminal) return SILENT;
  const amount = (value: number): string =>
    unit === 'bytes' ? formatBytes(value) : Math.round(value).toLocaleString('en-US');
  const label = displayText(options.label, 40);
  const startedMs = now();
  let done = 0;
  let total = options.total;
  let drawnMs = Number.NEGATIVE_INFINITY;
  const samples: { readonly atMs: number; readonly done: number }[] = [
    { atMs: startedMs, done: 0 },
  ];
  let isOver = false;

  const line = (): string => {
    const first = samples[0]!;
    const perSecond = ((done - first.done) * 1000) / Math.max(1, now() - first.atMs);
    const rate = `${amount(perSecond)}/s`;
    if (total === undefined || total <= 0) return `${label}  ${amount(done)}  ${rate}`;
    const share = Math.min(1, done / total);
    const left = perSecond > 0 ? formatDuration(((total - done) / perSecond) * 1000) : '-';
    const drawn = bar(share, BAR_COLUMNS, { ascii: terminal.ascii });
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    return `${label}  ${drawn} ${percent}  ${amount(done)} of ${amount(total)}  ${rate}  ${left} left`;
  };
  const end = (text: string): void => {
    if (isOver) return;
    isOver = true;
    stderr.write(ERASE_LINE + text);
  };
  return {
    update: (newDone, newTotal) => {
      done = newDone;
      total = newTotal ?? total;
      const atMs = now();
      if (isOver || atMs - drawnMs < REDRAW_MS) return;
      drawnMs = atMs;
      samples.push({ atMs, done });
      while (samples.length > 2 && atMs - samples[1]!.atMs > RATE_WINDOW_MS) samples.shift();
      // One column stays free: a full line would wrap and the next drawing would start below it.
      stderr.write(ERASE_LINE + cut(line(), (terminal.maxColumns ?? 80) - 1));
    },
    finish: () => {
      const tookMs = now() - startedMs;
      const rate = tookMs > 0 ? ` (${amount((done * 1000) / tookMs)}/s)` : '';
      end(`${label}  ${amount(done)} in ${formatDuration(tookMs)}${rate}\n`);
    },
    clear: () => end(''),
  };
}

/** The chunks as they are, counted on their way. */
export async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of chunks) {
    done += chunk.byteLength;
    yield chunk;
    progress.update(done);
  }
}
