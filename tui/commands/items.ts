// `odcm items FEED`: the newest version of each item that this node holds.

import type { RouteResult, Rows } from '../../protocols/control-api.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ask, askRows } from '../ask.ts';
import type { Invocation, Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { FEED_HELP } from './arguments.ts';

type Item = RouteResult<'items'>;

const columns = (withWithdrawn: boolean): readonly Column<Item>[] => [
  { key: 'item', title: 'item' },
  { key: 'version', title: 'version', kind: 'number' },
  { key: 'sizeBytes', title: 'size', kind: 'bytes' },
  { key: 'time', title: 'published', kind: 'age' },
  {
    key: 'withdrawn',
    title: 'withdrawn',
    wide: !withWithdrawn,
    tone: (_, { withdrawn }) => (withdrawn ? 'warn' : undefined),
  },
  { key: 'sha256', title: 'sha256', wide: true },
  { key: 'index', title: 'entry', kind: 'number', wide: true },
];

export const register: Register = (program, context) => {
  const command = program
    .command('items')
    .helpGroup(GROUPS.reading)
    .description('the items of a feed')
    .argument('<feed>', FEED_HELP)
    .option('--withdrawn', 'those taken back as well');
  reads(command).action((feed: string, { withdrawn = false }: { withdrawn?: boolean }, self) =>
    runReport(self, context, async (invocation) => {
      const [{ rows, asOf }, status] = await Promise.all([
        allItems(invocation, feed, withdrawn),
        ask(invocation, 'status'),
      ]);
      return {
        report: {
          title: 'items',
          columns: columns(withdrawn),
          rows,
          asOf,
          target: status.name,
          empty: 'This node holds no items of that feed.',
        },
        figures: {
          bytes: { value: rows.reduce((sum, row) => sum + row.sizeBytes, 0), kind: 'bytes' },
        },
      };
    }),
  );
};

/** Page after page; the whole is as old as its first page. */
async function allItems(
  invocation: Invocation,
  feed: string,
  withdrawn: boolean,
): Promise<Rows<'items'>> {
  const rows: Item[] = [];
  let asOf: string | undefined;
  for (let after: string | undefined; ; after = rows.at(-1)!.item) {
    const page = await askRows(invocation, 'items', {
      query: {
        feed,
        limit: LIMITS.pageRows,
        withdrawn: String(withdrawn),
        ...(after === undefined ? {} : { after }),
      },
    });
    asOf ??= page.asOf;
    rows.push(...page.rows);
    if (page.rows.length < LIMITS.pageRows) return { asOf, rows };
  }
}
