// The terminal while the overview is shown: an own screen that leaves what was there before as it was, drawn whole each
// time, and keys. Whatever ends the program, the terminal is put back.

import type { Readable } from 'node:stream';
import type { OutputStream } from '../terminal.ts';

export interface ScreenOptions {
  readonly stdout: OutputStream;
  readonly stdin: Readable;
  /** q or ctrl-c. */
  readonly onQuit: () => void;
  /** The window has another size now. */
  readonly onResize: () => void;
}

export interface Screen {
  size(): { readonly columns: number; readonly rows: number };
  draw(lines: readonly string[]): void;
  close(): void;
}

/** Own screen, no cursor, and no wrapping: a glyph that is wider than thought then spoils one line only. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** Between these two a terminal that knows them shows nothing half drawn. */
const BEGIN_FRAME = '\x1b[?2026h\x1b[H';
const END_FRAME = '\x1b[?2026l';

/** Without signals from the terminal ctrl-c is a key like any other. */
const QUIT_KEYS = ['q', 'Q', '\x03'];

type KeyStream = Readable & { isTTY?: boolean; setRawMode?: (isRaw: boolean) => unknown };
type Window = OutputStream & { rows?: number };

export function openScreen({ stdout, stdin, onQuit, onResize }: ScreenOptions): Screen {
  const window: Window = stdout;
  const keys: KeyStream = stdin;
  const hasKeys = keys.isTTY === true && keys.setRawMode !== undefined;
  const onKeys = (typed: Buffer): void => {
    if (QUIT_KEYS.some((key) => typed.includes(key))) onQuit();
  };
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    stdout.off('resize', onResize);
    process.off('exit', close);
    if (hasKeys) {
      keys.off('data', onKeys);
      keys.setRawMode?.(false);
      keys.pause();
    }
    stdout.write(LEAVE);
  };
  process.once('exit', close);
  stdout.on('resize', onResize);
  if (hasKeys) {
    // Typed letters must not appear in the picture; ctrl-c comes as a key then.
    keys.setRawMode?.(true);
    keys.on('data', onKeys).resume();
  }
  stdout.write(ENTER);
  const size: Screen['size'] = () => ({ columns: window.columns ?? 80, rows: window.rows ?? 24 });
  return {
    size,
    draw: (lines) => {
      if (!isOpen) return;
      // Each row is erased before it is written: after a full line the cursor still stands on its last cell.
      const rows = Array.from({ length: size().rows }, (_, row) => `\x1b[K${lines[row] ?? ''}`);
      stdout.write(BEGIN_FRAME + rows.join('\r\n') + END_FRAME);
    },
    close,
  };
}
