// Examples below the help of one command: what to type, and what that does. Text only.

export function examples(rows: readonly (readonly [line: string, meaning: string])[]): string {
  const width = Math.max(...rows.map(([line]) => line.length));
  const lines = rows.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}\n`);
  return `\nExamples:\n${lines.join('')}`;
}
