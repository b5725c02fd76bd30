// `--fail-on 'offline>0,expiry<14d'` for monitoring: tests on the figures of a report; the command line ends with
// exit code 10 when one of them is met. Text and figures in, the tests that are met out.

import { MeshError } from '../protocols/errors.ts';
import { quote } from '../protocols/ids.ts';
import { formatBytes } from './format/bytes.ts';
import { type Kind, parseOperand } from './format/cell.ts';
import { formatDuration } from './format/duration.ts';
import { matches, type Operator } from './format/filter.ts';

/** Monitoring systems tell this code from a fault of the command itself. */
export const FAIL_ON_EXIT_CODE = 10;

/** A plain number is a count; null means that there is nothing to measure, which meets no test. */
export type Figure =
  | number
  | null
  | { readonly value: number | null; readonly kind: 'number' | 'bytes' | 'duration' };
export type Figures = Readonly<Record<string, Figure>>;

export interface MetTest {
  readonly test: string;
  readonly name: string;
  /** The figure as people read it. */
  readonly value: string;
}

const TEST = /^\s*([A-Za-z][\w-]*)\s*([!<>]=|[=<>])\s*([^\s=<>!]+)\s*$/;

/** The tests that are met. All of them are read first: a slip in the second is refused even when the first is met. */
export function checkFailOn(text: string, figures: Figures): MetTest[] {
  const tests = text.split(',').map((part) => readTest(part, figures));
  return tests
    .filter(({ value, operator, limit }) => value !== null && matches(operator, value - limit))
    .map(({ part, name, kind, value }) => ({ test: part, name, value: shown(kind, value!) }));
}

function readTest(part: string, figures: Figures) {
  const match = TEST.exec(part);
  if (match === null) {
    throw new MeshError('USAGE', `--fail-on has no test in ${quote(part)}`, {
      next: "Write a figure, an operator and a value, with commas between tests: 'offline>0,expiry<14d'",
    });
  }
  const [, wanted, operator, operand] = match;
  const name = Object.keys(figures).find((key) => key.toLowerCase() === wanted!.toLowerCase());
  if (name === undefined) {
    throw new MeshError('USAGE', `--fail-on knows no figure ${quote(wanted!)} here`, {
      next: `Figures: ${Object.keys(figures).join(', ')}.`,
    });
  }
  const figure = figures[name] ?? null;
  const { value, kind } =
    figure === null || typeof figure === 'number'
      ? { value: figure, kind: 'number' as const }
      : figure;
  const limit = Number(parseOperand(kind, operand!));
  return { part: part.trim(), name, kind, value, operator: operator as Operator, limit };
}

function shown(kind: Kind, value: number): string {
  if (kind === 'duration') return formatDuration(value);
  return kind === 'bytes' ? formatBytes(value) : String(value);
}
