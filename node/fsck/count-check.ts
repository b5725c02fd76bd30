// Counts of reports: what their rows say must be what the log says. The log is counted once more, by the code that nodes
// run, into the check's own database, and both are compared row by row.

import type { ContextName } from '../../protocols/ids.ts';
import { REPORT_CONTEXTS, type ReportContext } from '../../protocols/reports.ts';
import { FeedLog } from '../feed/log.ts';
import { decodeCursor } from '../reports/count-rows.ts';
import { Counter } from '../reports/counter.ts';
import { COUNT_TABLES, FeedCounts } from '../reports/feed-counts.ts';
import { countedKey } from '../store/keys.ts';
import { differences, VIEWS_NEXT, type ViewCheck, type ViewCursor } from './view-check.ts';

/** For a view that was compared just now: its dead letters, which are not counted, lie in the check's own database. */
export async function checkCounts(
  check: ViewCheck,
  { prefix, name }: { readonly prefix: Buffer; readonly name: string },
  context: ContextName,
  { applied }: ViewCursor,
): Promise<void> {
  if (!(REPORT_CONTEXTS as readonly string[]).includes(context)) return;
  const { report, logs, blocks, views, scratch, signal } = check;
  const bytes = await views.get(countedKey(prefix));
  const cursor = bytes && decodeCursor(bytes);
  // The node makes again what is missing, what another version made, and what is ahead of its view.
  if (!cursor || cursor.next > applied) return;
  const log = await FeedLog.open(logs, prefix.subarray(0, 16), prefix.readUInt16BE(16));
  const counts = new FeedCounts(scratch, prefix, context as ReportContext);
  const view = { applied: cursor.next, catchUp: () => Promise.resolve([]) };
  const opener = await check.openerOf?.(prefix, log);
  await new Counter(
    { path: name, log, view, opener, publisher: undefined },
    counts,
    scratch,
    blocks,
  ).catchUp(signal);
  const wrong = new Set<string>();
  for (const table of COUNT_TABLES) {
    // Words may change with the program; that an entry is not counted may not.
    const isSame = (a: Buffer, b: Buffer) => table === 'f' || a.equals(b);
    for await (const key of differences(check, table, prefix, isSame))
      wrong.add(key.toString('hex'));
  }
  if (wrong.size === 0) return;
  const what = `${wrong.size} rows of the counts of ${name} are not what its log says`;
  report.problem('STORE_DAMAGED', what, VIEWS_NEXT);
}
