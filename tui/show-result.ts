// The one way a command that changes something says what came of it: one sentence in text, the same report as of any
// other command in the formats for machines.

import type { Invocation } from './command-context.ts';
import type { Column } from './format/cell.ts';
import { displayText } from './format/display-text.ts';
import { renderReport } from './format/report.ts';

export interface ActionResult<R extends object> {
  readonly sentence: string;
  /** Lines below it, in text. */
  readonly more?: readonly string[];
  /** Plural noun for the rows. */
  readonly title: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
}

export async function showResult<R extends object>(
  { context, client, options, output }: Invocation,
  { sentence, more = [], title, columns, rows }: ActionResult<R>,
): Promise<void> {
  if (options.format === 'text') {
    await output.write([sentence, ...more].map((line) => `${displayText(line)}\n`).join(''));
    return;
  }
  const nowMs = context.now();
  // The thing is done: its report must not depend on one more question to the node, such as for its name.
  const report = { title, columns, rows, asOf: nowMs, target: client.home };
  await output.write(renderReport(report, { format: options.format, nowMs }));
}

/** Columns for machines alone: each property under its own name. */
export function plainColumns<R extends object>(...keys: (keyof R & string)[]): Column<R>[] {
  return keys.map((key) => ({ key, title: key }));
}
