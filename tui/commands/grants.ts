// `odcm grants`: who may have what, as the directory says.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { directoryAge, directoryNote } from './directory-note.ts';

type Grant = RouteResult<'grants'>;

const COLUMNS: readonly Column<Grant>[] = [
  { key: 'subscriber', title: 'subscriber' },
  { key: 'publisher', title: 'publisher' },
  { key: 'feed', title: 'feed' },
  {
    key: 'state',
    title: 'state',
    tone: (_, { state }) => (state === 'expired' ? 'warn' : undefined),
  },
  { key: 'until', title: 'until', kind: 'time' },
  { key: 'since', title: 'since', kind: 'time' },
  { key: 'id', title: 'id', wide: true },
  { key: 'entry', title: 'directory entry', kind: 'number', wide: true },
];

export const register: Register = (program, context) => {
  const command = program
    .command('grants')
    .helpGroup(GROUPS.trust)
    .description('who may have what');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'grants');
      return {
        report: {
          title: 'grants',
          columns: COLUMNS,
          rows,
          asOf,
          target: status.name,
          notes: [directoryNote(status.directory)],
          empty: 'There are no grants. Give one at ODCM with: odcm grant SUBSCRIBER PUBLISHER/FEED',
        },
        figures: {
          expired: rows.filter((row) => row.state === 'expired').length,
          directoryAge: directoryAge(status.directory),
        },
      };
    }),
  );
};
