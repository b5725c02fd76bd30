// `odcm pull [FEED]`: fetches what is new now, and shows how far it is while it does.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askRows } from '../ask.ts';
import { type Invocation, invoke, type Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { renderReport } from '../format/report.ts';
import { GROUPS } from '../program.ts';

type Pulled = RouteResult<'pull'>;

const COLUMNS: readonly Column<Pulled>[] = [
  { key: 'feed', title: 'feed' },
  { key: 'from', title: 'from', kind: 'number' },
  { key: 'to', title: 'to', kind: 'number' },
  { key: 'applied', title: 'applied', kind: 'number' },
  { key: 'state', title: 'state' },
  { key: 'peer', title: 'peer' },
];

const LOOK_MS = 500;

export const register: Register = (program, context) => {
  program
    .command('pull')
    .helpGroup(GROUPS.feeds)
    .description('fetch what is new now: one feed, or all subscriptions')
    .argument('[feed]', 'PUBLISHER/FEED')
    .action(async (feed: string | undefined, _options, self) => {
      const invocation = invoke(self, context);
      const { options, output, terminal, client } = invocation;
      const { asOf, rows } = await pull(invocation, feed);
      const report = {
        title: 'feeds',
        columns: COLUMNS,
        rows,
        asOf,
        target: client.home,
        empty: 'There are no subscriptions. Take a feed with: odcm subscribe PUBLISHER/FEED',
      };
      const { maxColumns, colour } = terminal;
      await output.write(
        renderReport(report, { format: options.format, nowMs: context.now(), maxColumns, colour }),
      );
    });
};

/** The node answers when all is there; how far it is meanwhile, its list of subscriptions says. */
async function pull(invocation: Invocation, feed: string | undefined) {
  // However much there is to fetch: the end comes, or ctrl-c.
  const work = askRows(invocation, 'pull', {
    body: feed === undefined ? {} : { feed },
    timeoutMs: 0,
  });
  if (invocation.context.stderr.isTTY !== true) return await work;
  const progress = invocation.progress('pulling', 'count');
  const over = new AbortController();
  const looking = draw(invocation, feed, progress.update, over.signal);
  try {
    const answer = await work;
    progress.finish();
    return answer;
  } finally {
    progress.clear();
    over.abort();
    await looking;
  }
}

async function draw(
  { client, context }: Invocation,
  feed: string | undefined,
  update: (done: number, total: number) => void,
  over: AbortSignal,
): Promise<void> {
  let heldBefore: number | undefined;
  try {
    while (!over.aborted) {
      const { rows } = await askRows({ client, signal: over }, 'subscriptions');
      const pulled = rows.filter((row) => feed === undefined || row.feed === feed);
      const held = pulled.reduce((sum, row) => sum + row.held, 0);
      const size = pulled.reduce((sum, row) => sum + Math.max(row.size ?? 0, row.held), 0);
      heldBefore ??= held;
      update(held - heldBefore, size - heldBefore);
      await context.delay(LOOK_MS, over);
    }
  } catch {
    // The bar only tells about the work; a fault of the node reaches the work itself.
  }
}
