// `odcm feeds`: the feeds of the directory, what this node holds of them and how far it is behind.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { directoryAge, directoryNote } from './directory-note.ts';

type Feed = RouteResult<'feeds'>;

function columns(rows: readonly Feed[]): readonly Column<Feed>[] {
  return [
    { key: 'feed', title: 'feed' },
    { key: 'context', title: 'context' },
    {
      key: 'grant',
      title: 'access',
      format: (_, { grant }) => (grant === null ? 'none' : grant === 'own' ? 'own' : 'granted'),
      tone: (_, { grant }) => (grant === null ? 'dim' : undefined),
    },
    { key: 'subscribed', title: 'subscribed' },
    { key: 'size', title: 'entries', kind: 'number' },
    { key: 'held', title: 'held', kind: 'number' },
    {
      key: 'behind',
      title: 'behind',
      kind: 'number',
      tone: (_, { behind }) => (behind > 0 ? 'warn' : undefined),
    },
    {
      key: 'deadLetters',
      title: 'dead',
      kind: 'number',
      tone: (_, { deadLetters }) => (deadLetters > 0 ? 'bad' : undefined),
    },
    { key: 'carriers', title: 'carriers', kind: 'number' },
    {
      key: 'frozen',
      title: 'frozen',
      wide: rows.every((row) => !row.frozen),
      tone: (_, { frozen }) => (frozen ? 'bad' : undefined),
    },
    { key: 'sync', title: 'sync', wide: true },
    { key: 'applied', title: 'applied', kind: 'number', wide: true },
    { key: 'id', title: 'id', wide: true },
    { key: 'root', title: 'root', wide: true },
    { key: 'entry', title: 'directory entry', kind: 'number', wide: true },
  ];
}

export const register: Register = (program, context) => {
  const command = program
    .command('feeds')
    .helpGroup(GROUPS.feeds)
    .description('the feeds of the mesh and what this node holds of them');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'feeds');
      const sum = (of: (row: Feed) => number): number =>
        rows.reduce((total, row) => total + of(row), 0);
      return {
        report: {
          title: 'feeds',
          columns: columns(rows),
          rows,
          asOf,
          target: status.name,
          notes: [directoryNote(status.directory)],
          empty: 'There are no feeds. Make one with: odcm feed create NAME --context CONTEXT',
        },
        figures: {
          behind: sum((row) => row.behind),
          deadLetters: sum((row) => row.deadLetters),
          frozen: rows.filter((row) => row.frozen).length,
          directoryAge: directoryAge(status.directory),
        },
      };
    }),
  );
};
