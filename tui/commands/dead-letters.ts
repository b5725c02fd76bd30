// `odcm dead-letters FEED`: entries that arrived and verify, but whose record breaks its contract.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { FEED_HELP } from './arguments.ts';

type DeadLetter = RouteResult<'deadLetters'>;

const COLUMNS: readonly Column<DeadLetter>[] = [
  { key: 'code', title: 'code' },
  { key: 'index', title: 'entry', kind: 'number' },
  { key: 'message', title: 'what is wrong' },
];

export const register: Register = (program, context) => {
  const command = program
    .command('dead-letters')
    .helpGroup(GROUPS.reading)
    .description('entries of a feed whose record breaks its contract')
    .argument('<feed>', FEED_HELP);
  reads(command).action((feed: string, _options, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'deadLetters', { query: { feed } });
      return {
        report: { title: 'dead letters', columns: COLUMNS, rows, asOf, target: status.name },
      };
    }),
  );
};
