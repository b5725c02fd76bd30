// `odcm peers`: this node's connections to members, and why some are missing.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';

type Peer = RouteResult<'peers'>;

const COLUMNS: readonly Column<Peer>[] = [
  { key: 'space', title: 'space' },
  {
    key: 'connected',
    title: 'connected',
    tone: (_, { connected }) => (connected ? 'good' : 'warn'),
  },
  { key: 'gossip', title: 'gossip' },
  { key: 'address', title: 'address' },
  { key: 'attempts', title: 'attempts', kind: 'number' },
  { key: 'nextTryMs', title: 'next try', kind: 'duration' },
  { key: 'lastError', title: 'last error' },
  { key: 'peerId', title: 'peer id', wide: true },
];

export const register: Register = (program, context) => {
  const command = program
    .command('peers')
    .helpGroup(GROUPS.reading)
    .description('connections of this node to members');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'peers');
      const connected = rows.filter((row) => row.connected);
      return {
        report: {
          title: 'peers',
          columns: COLUMNS,
          rows,
          asOf,
          target: status.name,
          empty: 'This node knows no other member yet.',
        },
        figures: {
          connected: connected.length,
          disconnected: rows.length - connected.length,
          deaf: connected.filter((row) => !row.gossip).length,
        },
      };
    }),
  );
};
