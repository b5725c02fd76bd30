// A terminal that is none: a screen of fixed size that keeps the newest frame, and a keyboard that types what it is told.

import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';

export interface DoubleTerminal {
  readonly stdin: EventEmitter & { readonly isTTY: true };
  readonly stdout: Writable & { columns: number; rows: number; readonly isTTY: true };
  readonly writes: string[];
  type(chunk: string): void;
  resize(columns: number, rows: number): void;
}

export function doubleTerminal(
  columns: number,
  rows: number,
  show?: (text: string) => void,
): DoubleTerminal {
  const writes: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _encoding, done) => {
      const text = chunk.toString();
      if (text !== '') writes.push(text);
      show?.(text);
      done();
    },
  });
  const stdout = Object.assign(stream, { columns, rows, isTTY: true as const });
  let pending: string | null = null;
  const stdin = Object.assign(new EventEmitter(), {
    isTTY: true as const,
    setEncoding: () => undefined,
    setRawMode: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
    read: () => {
      const chunk = pending;
      pending = null;
      return chunk;
    },
  });
  return {
    stdin,
    stdout,
    writes,
    type: (chunk) => {
      pending = chunk;
      stdin.emit('readable');
    },
    resize: (nextColumns, nextRows) => {
      Object.assign(stdout, { columns: nextColumns, rows: nextRows });
      stdout.emit('resize');
    },
  };
}
