// The filter language of reports and the dashboard: words on the name, `a|b`, `!not`, tests on columns (`lag>60s`,
// `status=offline|lagging`, `version<2026.3`), all parts must hold, quotes make text literal. Text in, predicate out.

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import {
  type Column,
  cellOrder,
  cellWords,
  compareOrder,
  findColumn,
  parseOperand,
} from './cell.ts';

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type Predicate<R extends object> = (row: R, asOfMs: number) => boolean;

const OPERATOR = /[!<>]=|[=<>]/y;

/** One alternative of a part: a word, or a column, an operator and a value. */
interface Atom {
  readonly left: string;
  readonly operator: Operator | undefined;
  readonly right: string;
}

interface Part {
  readonly negated: boolean;
  readonly atoms: readonly Atom[];
}

/** `name` is the column that plain words are looked for in: the first one unless said otherwise. */
export function parseFilter<R extends object>(
  text: string,
  columns: readonly Column<R>[],
  name: Column<R> | undefined = columns[0],
): Predicate<R> {
  const parts = readParts(text).map((part) => {
    const any = alternatives(part.atoms, columns, name);
    return (row: R, asOfMs: number) => any.some((test) => test(row, asOfMs)) !== part.negated;
  });
  return (row, asOfMs) => parts.every((part) => part(row, asOfMs));
}

export function matches(operator: Operator, order: number): boolean {
  if (operator === '=') return order === 0;
  if (operator === '!=') return order !== 0;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

function refuse(message: string): never {
  throw new MeshError('USAGE', `the filter ${message}`, {
    next: "Write words on the name, a|b, !not, or tests such as lag>60s and status=offline; quote it for the shell: --filter 'lag>60s'",
  });
}

/** A bare word after `column=value|` is one more value of that column, not a name. */
function alternatives<R extends object>(
  atoms: readonly Atom[],
  columns: readonly Column<R>[],
  name: Column<R> | undefined,
): Predicate<R>[] {
  const tests: Predicate<R>[] = [];
  for (let index = 0; index < atoms.length; ) {
    const { left, operator, right } = atoms[index]!;
    index += 1;
    if (operator === undefined) {
      tests.push(wordTest(left, name));
      continue;
    }
    const values = [right];
    while (index < atoms.length && atoms[index]!.operator === undefined) {
      values.push(atoms[index]!.left);
      index += 1;
    }
    tests.push(columnTest(findColumn(columns, left), operator, values));
  }
  return tests;
}

function wordTest<R extends object>(word: string, name: Column<R> | undefined): Predicate<R> {
  if (name === undefined) return refuse(`has the word ${quote(word)}, but there is no name here`);
  const wanted = fold(word);
  return (row) => cellWords(name, row).some((text) => fold(text).includes(wanted));
}

function columnTest<R extends object>(
  column: Column<R>,
  operator: Operator,
  values: readonly string[],
): Predicate<R> {
  if (operator === '=' || operator === '!=') {
    const tests = values.map((value) => equalTest(column, value));
    const wanted = operator === '=';
    return (row, asOfMs) => tests.some((test) => test(row, asOfMs)) === wanted;
  }
  const [value, second] = values;
  if (value === '') return refuse(`has no value after ${quote(column.key + operator)}`);
  if (second !== undefined) {
    return refuse(
      `compares ${quote(column.key)} with more than one value; | goes with = and != only`,
    );
  }
  const operand = parseOperand(column.kind, value!);
  return (row, asOfMs) => {
    const cell = cellOrder(column, row, asOfMs);
    return cell !== null && matches(operator, compareOrder(cell, operand));
  };
}

/** `owner=` finds the rows that have none; text is equal without regard to capitals, lists when one element is. */
function equalTest<R extends object>(column: Column<R>, value: string): Predicate<R> {
  if (value === '') return (row, asOfMs) => cellOrder(column, row, asOfMs) === null;
  const kind = column.kind ?? 'text';
  if (kind === 'text') {
    const wanted = fold(value);
    return (row) => cellWords(column, row).some((text) => fold(text) === wanted);
  }
  const operand = parseOperand(kind, value);
  return (row, asOfMs) => cellOrder(column, row, asOfMs) === operand;
}

const fold = (text: string): string => text.normalize('NFC').toLowerCase();

function readParts(text: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  const skipSpace = (): void => {
    while (at < text.length && /\s/.test(text[at]!)) at += 1;
  };
  for (skipSpace(); at < text.length; skipSpace()) {
    const negated = text[at] === '!';
    if (negated) at += 1;
    const atoms: Atom[] = [];
    do {
      if (atoms.length > 0) at += 1;
      const [atom, end] = readAtom(text, at);
      atoms.push(atom);
      at = end;
    } while (text[at] === '|');
    parts.push({ negated, atoms });
  }
  return parts;
}

/** Reads up to the next bare `|` or space; inside double quotes nothing has a meaning. */
function readAtom(text: string, start: number): [Atom, number] {
  let at = start;
  let left = '';
  let right = '';
  let operator: Operator | undefined;
  while (at < text.length && !/[\s|]/.test(text[at]!)) {
    let taken = text[at]!;
    let size = 1;
    OPERATOR.lastIndex = at;
    const found = operator === undefined ? OPERATOR.exec(text)?.[0] : undefined;
    if (taken === '"') {
      const end = text.indexOf('"', at + 1);
      if (end < 0) refuse('has a quote that never ends');
      taken = text.slice(at + 1, end);
      size = end + 1 - at;
    } else if (found !== undefined) {
      operator = found as Operator;
      taken = '';
      size = found.length;
    }
    if (operator === undefined) left += taken;
    else right += taken;
    at += size;
  }
  if (left === '') {
    refuse(
      operator === undefined ? 'has an empty part' : `has no column before ${quote(operator)}`,
    );
  }
  return [{ left, operator, right }, at];
}
