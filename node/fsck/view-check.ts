// Views: what the rows of items say must be what the log says. The log is applied once more, by the code that nodes run,
// into a database of the check's own, and both are compared row by row.

import { Reader } from '../../protocols/codec.ts';
import type { FeedIdentity } from '../feed/apply.ts';
import type { Blocks } from '../feed/blocks.ts';
import { FeedLog } from '../feed/log.ts';
import type { Opener } from '../feed/opener.ts';
import { FeedView } from '../feed/view.ts';
import { hashOfOwnedKey, indexOfKey, nameOfItemKey, tableRange } from '../store/keys.ts';
import type { Row, Store } from '../store/store.ts';
import type { Report } from './report.ts';

export const VIEWS_NEXT =
  'Delete store/views and store/views.initialised: the node makes them again from its logs.';

/** How far a view is, as its cursor says. */
export interface ViewCursor {
  readonly applied: number;
  readonly deadLetters: number;
}

export function decodeCursor(value: Buffer): ViewCursor {
  const r = new Reader(value);
  r.tuple(2);
  const applied = r.uint();
  const deadLetters = r.uint();
  r.end();
  return { applied, deadLetters };
}

export interface ViewCheck {
  readonly report: Report;
  readonly logs: Store;
  readonly blocks: Blocks;
  readonly views: Store;
  /** An empty database. */
  readonly scratch: Store;
  readonly signal: AbortSignal;
  /** What opens the entries of a log that is sealed. */
  readonly openerOf?: (prefix: Buffer, log: FeedLog) => Promise<Opener | undefined>;
}

/** Compares the view of a sound log whose records are all here, up to its cursor. */
export async function checkView(
  check: ViewCheck,
  { prefix, name }: { readonly prefix: Buffer; readonly name: string },
  identity: FeedIdentity,
  cursor: ViewCursor,
): Promise<void> {
  const { report, logs, blocks, scratch, signal } = check;
  const log = await FeedLog.open(logs, prefix.subarray(0, 16), prefix.readUInt16BE(16));
  const opener = await check.openerOf?.(prefix, log);
  const onApplied = () => signal.throwIfAborted();
  const replay = await FeedView.open(scratch, log, blocks, identity, onApplied, opener);
  await replay.catchUp(cursor.applied);
  const problem = (what: string) => report.problem('STORE_DAMAGED', what, VIEWS_NEXT);
  for await (const key of differences(check, 'i', prefix, (a, b) => a.equals(b))) {
    problem(`the row of ${JSON.stringify(nameOfItemKey(key))} is not what ${name} says of it`);
  }
  // The words of a refusal may change with the program; that the entry was refused may not.
  for await (const key of differences(check, 'd', prefix, () => true)) {
    problem(
      `entry ${indexOfKey(key)} of ${name} is a dead letter in its view or in its log, not in both`,
    );
  }
  for await (const key of differences(check, 'o', prefix, (a, b) => a.equals(b))) {
    const block = hashOfOwnedKey(key).toString('hex');
    problem(`block ${block} belongs to ${name} in its view or in its log, not in both`);
  }
  if (replay.deadLetterCount !== cursor.deadLetters) {
    problem(
      `the view of ${name} counts ${cursor.deadLetters} dead letters of ${replay.deadLetterCount}`,
    );
  }
}

/** Keys of one table of a log that only one side has, or that have different values. */
export async function* differences(
  { views, scratch }: Pick<ViewCheck, 'views' | 'scratch'>,
  table: string,
  prefix: Buffer,
  isSame: (a: Buffer, b: Buffer) => boolean,
): AsyncGenerator<Buffer> {
  const sides = [views, scratch].map((store) => store.range(tableRange(table, prefix)));
  const [stored, made] = sides as [AsyncGenerator<Row>, AsyncGenerator<Row>];
  try {
    let a = (await stored.next()).value as Row | undefined;
    let b = (await made.next()).value as Row | undefined;
    while (a || b) {
      const order = !a ? 1 : !b ? -1 : Buffer.compare(a.key, b.key);
      if (order !== 0 || !isSame(a!.value, b!.value)) yield order <= 0 ? a!.key : b!.key;
      if (order <= 0) a = (await stored.next()).value as Row | undefined;
      if (order >= 0) b = (await made.next()).value as Row | undefined;
    }
  } finally {
    for (const side of sides) await side.return(undefined);
  }
}
