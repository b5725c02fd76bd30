// `odcm history FEED [ITEM]`: the entries of a feed or of one item, newest first.

import type { RouteResult, Rows } from '../../protocols/control-api.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ask, askRows } from '../ask.ts';
import type { Invocation, Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { FEED_HELP, parseCount } from './arguments.ts';

type Entry = RouteResult<'history'>;

const COLUMNS: readonly Column<Entry>[] = [
  { key: 'item', title: 'item' },
  { key: 'index', title: 'entry', kind: 'number' },
  { key: 'time', title: 'time', kind: 'time' },
  { key: 'kind', title: 'kind' },
  { key: 'version', title: 'version', kind: 'number' },
  { key: 'sizeBytes', title: 'size', kind: 'bytes' },
  { key: 'event', title: 'event' },
  { key: 'record', title: 'record', wide: true },
  { key: 'leafHash', title: 'leaf hash', wide: true },
];

const DEFAULT_LIMIT = 100;

interface Wanted {
  readonly feed: string;
  readonly item: string | undefined;
  readonly limit: number;
}

export const register: Register = (program, context) => {
  const command = program
    .command('history')
    .helpGroup(GROUPS.reading)
    .description('entries of a feed or of one item, newest first')
    .argument('<feed>', FEED_HELP)
    .argument('[item]', 'one item')
    .option('--limit <number>', `at most so many (default: ${DEFAULT_LIMIT})`);
  reads(command).action(
    (feed: string, item: string | undefined, options: { limit?: string }, self) =>
      runReport(self, context, async (invocation) => {
        const limit = parseCount('--limit', options.limit) ?? DEFAULT_LIMIT;
        const [{ rows, asOf }, status] = await Promise.all([
          newest(invocation, { feed, item, limit }),
          ask(invocation, 'status'),
        ]);
        const oldest = rows.at(-1);
        const isCut = rows.length === limit && oldest !== undefined && oldest.index > 0;
        return {
          report: {
            title: 'entries',
            columns: COLUMNS,
            rows,
            asOf,
            target: status.name,
            notes: isCut ? ['Older ones may follow; see more with --limit.'] : [],
            empty: 'This node holds no entries of that.',
          },
        };
      }),
  );
};

async function newest(invocation: Invocation, wanted: Wanted): Promise<Rows<'history'>> {
  const { feed, item, limit } = wanted;
  const rows: Entry[] = [];
  let asOf: string | undefined;
  for (let before: number | undefined; ; before = rows.at(-1)!.index) {
    const pageRows = Math.min(LIMITS.pageRows, limit - rows.length);
    const page = await askRows(invocation, 'history', {
      query: {
        feed,
        limit: pageRows,
        ...(item === undefined ? {} : { item }),
        ...(before === undefined ? {} : { before }),
      },
    });
    asOf ??= page.asOf;
    rows.push(...page.rows);
    if (page.rows.length < pageRows || rows.length >= limit) return { asOf, rows };
  }
}
