// docs/LIMITS.md out of the tables of bounds: names, headings and reasons are those of the source, values are read from the
// running module.

import { LIMITS } from '../../protocols/limits.ts';

const HEAD = `# Limits

<!-- Made from protocols/limits/ with: npm run docs. Do not edit here. -->

Everything that one peer, one file or one person can make a node do is bounded. These are the bounds. They are not settings:
a bound that two nodes do not share would split the mesh. Where several bounds stand together, the reason is at the first.
`;

/** @param sources of the tables, in the order of the page */
export function limitPage(sources: readonly string[]): string {
  const table = sources.map((source) => source.slice(source.indexOf('export const'))).join('\n');
  const lines: string[] = [];
  let reason = '';
  for (const line of table.split('\n')) {
    const heading = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    const comment = /^ {2}\/\*\* (.+) \*\/$/.exec(line)?.[1];
    const name = /^ {2}(\w+): /.exec(line)?.[1];
    if (heading !== undefined) {
      lines.push('', `## ${heading}`, '', '| bound | value | why |', '| --- | --- | --- |');
    } else if (comment !== undefined) reason = comment;
    else if (name !== undefined) {
      const value = LIMITS[name as keyof typeof LIMITS];
      lines.push(`| \`${name}\` | ${format(name, value)} | ${reason} |`);
      reason = '';
    }
  }
  return `${HEAD}${lines.join('\n')}\n`;
}

const digits = (value: number): string => value.toLocaleString('en-US');

/** The end of a name is its unit. */
function format(name: string, value: number): string {
  if (name.endsWith('Ms')) return duration(value);
  if (name.endsWith('Chars')) return `${digits(value)} characters`;
  if (!name.endsWith('Bytes')) return digits(value);
  for (const [unit, size] of [
    ['MiB', 1024 * 1024],
    ['KiB', 1024],
  ] as const) {
    if (value >= size && value % size === 0) return `${value / size} ${unit}`;
  }
  return `${digits(value)} B`;
}

function duration(ms: number): string {
  for (const [unit, size] of [
    ['days', 86_400_000],
    ['hours', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms > size && ms % size === 0) return `${ms / size} ${unit}`;
  }
  return `${digits(ms)} ms`;
}
