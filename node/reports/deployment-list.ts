// The deployments behind a figure: those of a window that match, newest first, over all feeds, page by page.

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import type { Outcome } from '../../protocols/reports.ts';
import type { CountedFeed } from './deployment-report.ts';
import type { HappenedRow } from './sum-reader.ts';
import { OUTCOME_NUMBERS } from './sums.ts';

export interface ListedFeed extends CountedFeed {
  /** SPACE/FEED: of deployments that ended in the same instant, those of the first feed come first. */
  readonly path: string;
}

export interface ListQuestion {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly project: string | undefined;
  readonly environment: string | undefined;
  readonly outcome: Outcome | undefined;
  /** Only what comes behind this place. */
  readonly before: Place | undefined;
}

/** A place in the list; without a feed, before everything that ended in that instant or later. */
export interface Place {
  readonly timeMs: number;
  readonly entry: { readonly path: string; readonly index: number } | undefined;
}

/** `2026-11-20T10:41:58.000Z`, or with `~payments/deployments~17` behind it. @throws USAGE */
export function parsePlace(text: string): Place {
  const [time = '', path, index, ...more] = text.split('~');
  const timeMs = /^\d{4}-.*Z$/.test(time) ? Date.parse(time) : Number.NaN;
  const isWhole = path === undefined || (/^\d{1,15}$/.test(index ?? '') && more.length === 0);
  if (Number.isNaN(timeMs) || timeMs < 0 || !isWhole) {
    throw new MeshError('USAGE', `${quote(text)} is no place in a list of deployments`, {
      next: 'Give endedAt of a row, or endedAt~feed~index.',
    });
  }
  return { timeMs, entry: path === undefined ? undefined : { path, index: Number(index) } };
}

export interface ListedEntry<F extends ListedFeed> {
  readonly feed: F;
  readonly timeMs: number;
  readonly index: number;
}

export async function listDeployments<F extends ListedFeed>(
  feeds: readonly F[],
  question: ListQuestion,
  limit: number,
): Promise<ListedEntry<F>[]> {
  const heads: { feed: F; rows: AsyncGenerator<HappenedRow>; row: HappenedRow }[] = [];
  const out: ListedEntry<F>[] = [];
  try {
    for (const feed of feeds) {
      const rows = behind(feed, await matching(feed, question), question.before);
      const { value: row, done } = await rows.next();
      if (!done) heads.push({ feed, rows, row });
    }
    while (out.length < limit && heads.length > 0) {
      const head = heads.reduce((a, b) => (isFirst(b, a) ? b : a));
      out.push({ feed: head.feed, timeMs: head.row.timeMs, index: head.row.index });
      const { value: row, done } = await head.rows.next();
      if (done) heads.splice(heads.indexOf(head), 1);
      else head.row = row;
    }
    return out;
  } finally {
    for (const { rows } of heads) await rows.return(undefined);
  }
}

interface Head {
  readonly feed: ListedFeed;
  readonly row: HappenedRow;
}

const isFirst = (a: Head, b: Head): boolean =>
  a.row.timeMs !== b.row.timeMs ? a.row.timeMs > b.row.timeMs : a.feed.path < b.feed.path;

async function matching(
  { counts }: ListedFeed,
  { sinceMs, untilMs, project, environment, outcome, before }: ListQuestion,
): Promise<AsyncGenerator<HappenedRow>> {
  // An instant of which some rows were shown is read again.
  const end = before ? before.timeMs + (before.entry ? 1 : 0) : untilMs;
  const toMs = Math.min(untilMs, end);
  if (project === undefined && environment === undefined && outcome === undefined)
    return counts.happened(sinceMs, Math.max(sinceMs, toMs), { reverse: true });
  const groups = await counts.groups();
  const wanted = outcome && OUTCOME_NUMBERS[outcome];
  return counts.matching(sinceMs, Math.max(sinceMs, toMs), (number, found) => {
    const group = groups[number];
    return (
      (wanted === undefined || wanted === found) &&
      (project === undefined || project === group?.project) &&
      (environment === undefined || environment === group?.environment)
    );
  });
}

async function* behind(
  { path }: ListedFeed,
  rows: AsyncGenerator<HappenedRow>,
  before: Place | undefined,
): AsyncGenerator<HappenedRow> {
  for await (const row of rows) {
    const { entry, timeMs } = before ?? {};
    const isShown =
      entry !== undefined &&
      row.timeMs === timeMs &&
      (path < entry.path || (path === entry.path && row.index >= entry.index));
    if (!isShown) yield row;
  }
}
