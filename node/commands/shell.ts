// What the commands that work on the node's folder itself get from the command line around them. The program hands it
// in, so that nothing here has to know how options are read or results are shown.

import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';

export interface Shell {
  /** Heading of the command list under which both commands stand. */
  readonly group: string;
  /** Shared options as they were typed, where results go, and ctrl-c. */
  invoke(command: Command): {
    readonly options: { readonly home: string; readonly format: string };
    readonly output: { write(text: string): Promise<void>; say(line: string): void };
    readonly signal: AbortSignal;
  };
}

/** How far long work is: something on standard error where that is a terminal. */
export interface Progress {
  update(done: number): void;
  /** Takes the bar away, so that what follows stands on a line of its own. */
  clear(): void;
}

/** For commands that take long. */
export interface LongShell extends Shell {
  invoke(command: Command): ReturnType<Shell['invoke']> & {
    readonly progress: (label: string, unit: 'bytes' | 'count') => Progress;
  };
}

/** A result that is one thing, as text or as JSON. */
export function render(format: string, fields: object, text: readonly string[]): string {
  if (format === 'text') return `${text.join('\n')}\n`;
  if (format === 'json') return `${JSON.stringify(fields, null, 2)}\n`;
  if (format === 'jsonl') return `${JSON.stringify(fields)}\n`;
  throw new MeshError('USAGE', `this command has no rows for --format ${format}`, {
    next: 'Use --format text or --format json.',
  });
}

/** Formats are checked before anything is made. */
export function assertFormat(format: string): void {
  render(format, {}, []);
}

export const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];

export function wholeNumber(name: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
    throw new MeshError('USAGE', `${name} is a whole number from 1`);
  };
}

/** For the lines that say what to type next; quoted only where a shell would need it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
