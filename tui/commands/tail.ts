// `odcm tail [FEED]`: events as they are applied here, one line each, until ctrl-c.

import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { queryOf } from '../ask.ts';
import { type Invocation, invoke, type Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { createRowPrinter } from '../format/report.ts';
import { follows, GROUPS } from '../program.ts';
import { FEED_HELP, parseCount } from './arguments.ts';

type Event = RouteResult<'tail'>;

const COLUMNS: readonly Column<Event>[] = [
  { key: 'feed', title: 'feed' },
  { key: 'time', title: 'time', kind: 'time' },
  { key: 'item', title: 'item' },
  { key: 'event', title: 'event' },
  { key: 'version', title: 'version', kind: 'number' },
  { key: 'sizeBytes', title: 'size', kind: 'bytes' },
  { key: 'index', title: 'entry', kind: 'number', wide: true },
  { key: 'id', title: 'id', wide: true },
  { key: 'activityId', title: 'activity', wide: true },
];

export const register: Register = (program, context) => {
  const command = program
    .command('tail')
    .helpGroup(GROUPS.reading)
    .description('events as they are applied here, until ctrl-c')
    .argument('[feed]', `${FEED_HELP}; all when absent`)
    .option('--limit <number>', 'end after so many');
  follows(command).action(async (feed: string | undefined, { limit }: { limit?: string }, self) => {
    const invocation = invoke(self, context);
    await invocation.output.writeAll(lines(invocation, feed, parseCount('--limit', limit)));
  });
};

async function* lines(
  { client, context, options, output, signal, terminal }: Invocation,
  feed: string | undefined,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<string, void, undefined> {
  const { format, columns, filter } = options;
  const { colour } = terminal;
  const print = createRowPrinter(COLUMNS, { format, columns, filter, colour, now: context.now });
  const { path, result } = ROUTES.tail;
  const events = client.stream<Event>(path, {
    signal,
    ...(feed === undefined ? {} : { query: queryOf<'tail'>({ feed }) }),
    parse: (value) => result.parse(value),
  });
  let count = 0;
  try {
    for await (const event of events) {
      const text = print(event);
      if (text === '') continue;
      yield text;
      count += 1;
      if (count >= limit) return;
    }
  } catch (error) {
    // Ctrl-c is how it is meant to end.
    if (signal.aborted) return;
    throw error;
  }
  if (signal.aborted || output.closed.aborted) return;
  throw new MeshError('NODE_UNREACHABLE', `the node in ${client.home} ended the stream`);
}
