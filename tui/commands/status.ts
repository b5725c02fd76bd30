// `odcm status`: what this node is and knows, on one screen.

import type { RouteResult } from '../../protocols/control-api.ts';
import { ask } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { directoryAge } from './directory-note.ts';

type Status = RouteResult<'status'>;

const COLUMNS: readonly Column<Status>[] = [
  { key: 'name', title: 'space' },
  { key: 'role', title: 'role' },
  { key: 'meshName', title: 'mesh' },
  { key: 'version', title: 'version' },
  { key: 'startedAt', title: 'started', kind: 'time' },
  { key: 'addresses', title: 'addresses' },
  { key: 'enrolment', title: 'enrolment' },
  {
    key: 'directory',
    title: 'directory',
    format: (_, { directory }) => directoryText(directory),
    tone: (_, { directory: { state } }) =>
      state === 'fresh' ? 'good' : state === 'expired' ? 'bad' : 'warn',
  },
  {
    key: 'peers',
    title: 'peers',
    format: (_, { peers }) => `${peers.connected} of ${peers.known} connected`,
    tone: (_, { peers }) => (peers.connected < peers.known ? 'warn' : undefined),
  },
  {
    key: 'feeds',
    title: 'feeds',
    format: (_, { feeds }) =>
      `${feeds.known} known, ${feeds.own} own, ${feeds.subscribed} subscribed`,
  },
  { key: 'contexts', title: 'contexts' },
  {
    key: 'refusals',
    title: 'refused',
    format: (_, { refusals }) =>
      Object.entries(refusals)
        .map(([code, count]) => `${code} ${count}`)
        .join(', ') || 'nothing since the start',
    tone: (_, status) => (refused(status) > 0 ? 'warn' : undefined),
  },
  { key: 'mesh', title: 'mesh id', wide: true },
  { key: 'space', title: 'space id', wide: true },
  { key: 'peerId', title: 'peer id', wide: true },
  { key: 'pid', title: 'process', wide: true, format: String },
];

function directoryText({ size, ageMs, state }: Status['directory']): string {
  const age = ageMs === null ? 'never heard of from ODCM' : `vouched for ${formatAge(ageMs)} ago`;
  return `${size} ${size === 1 ? 'entry' : 'entries'}, ${age}, ${state}`;
}

const refused = ({ refusals }: Status): number =>
  Object.values(refusals).reduce((sum, count) => sum + count, 0);

export const register: Register = (program, context) => {
  const command = program
    .command('status')
    .helpGroup(GROUPS.reading)
    .description('what this node is and knows');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const status = await ask(invocation, 'status');
      return {
        report: {
          title: 'nodes',
          columns: COLUMNS,
          rows: [status],
          asOf: context.now(),
          target: status.name,
          layout: 'record',
        },
        figures: {
          connected: status.peers.connected,
          disconnected: Math.max(0, status.peers.known - status.peers.connected),
          refused: refused(status),
          directoryAge: directoryAge(status.directory),
        },
      };
    }),
  );
};
