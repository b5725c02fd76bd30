// `odcm get --evidence`: what proves an item, down to the signed checkpoint. Evidence is exact: in JSON nothing is
// removed from it, and what could act on a terminal is escaped instead.

import type { RouteResult } from '../../protocols/control-api.ts';
import { ask } from '../ask.ts';
import type { Invocation } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { renderReport } from '../format/report.ts';
import type { ItemQuery } from './get.ts';

type Evidence = RouteResult<'item'>;

const COLUMNS: readonly Column<Evidence>[] = [
  { key: 'item', title: 'item' },
  { key: 'version', title: 'version', kind: 'number' },
  { key: 'event', title: 'event' },
  { key: 'time', title: 'published', kind: 'time' },
  { key: 'withdrawn', title: 'withdrawn' },
  { key: 'mediaType', title: 'media type' },
  { key: 'sizeBytes', title: 'size', kind: 'bytes' },
  { key: 'sha256', title: 'sha256' },
  { key: 'index', title: 'entry', kind: 'number' },
  { key: 'leafHash', title: 'leaf hash' },
  { key: 'leaf', title: 'leaf' },
  { key: 'checkpoint', title: 'checkpoint' },
  { key: 'envelope', title: 'envelope' },
];

export async function showEvidence(invocation: Invocation, query: ItemQuery): Promise<void> {
  const { context, options, output, terminal } = invocation;
  const [evidence, status] = await Promise.all([
    ask(invocation, 'item', { query }),
    ask(invocation, 'status'),
  ]);
  const nowMs = context.now();
  const now = new Date(nowMs).toISOString();
  if (options.format === 'json') {
    const document = { version: 1, generatedAt: now, asOf: now, target: status.name };
    await output.write(exactJson({ ...document, rows: [evidence] }, 2));
    return;
  }
  if (options.format === 'jsonl') {
    await output.write(exactJson(evidence));
    return;
  }
  const report = {
    title: 'items',
    columns: COLUMNS,
    rows: [evidence],
    asOf: nowMs,
    target: status.name,
    layout: 'record' as const,
  };
  const { maxColumns, colour } = terminal;
  await output.write(renderReport(report, { format: options.format, nowMs, maxColumns, colour }));
}

/** The same value for every reader of JSON, in plain ASCII. */
function exactJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  const escaped = text.replace(
    /[^\x20-\x7e\n]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${escaped}\n`;
}
