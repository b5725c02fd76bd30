// `odcm status`: what this node is and knows, on one screen.

import type { RouteResult } from '../../protocols/control-api.ts';
import { ask, askPart, askRows } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import type { RevocationRow } from '../views/answers.ts';
import { revocationNotes } from '../views/revocations.ts';
import { directoryAge } from './directory-note.ts';

/** Null from a node that knows no such question. */
type Status = RouteResult<'status'> & { readonly revocations: readonly RevocationRow[] | null };

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
    key: 'clock',
    title: 'clock',
    format: (_, { clock }) => clockText(clock),
    tone: (_, { clock }) => (clock && clock.state !== 'good' ? 'bad' : undefined),
  },
  {
    key: 'waits',
    title: 'watch',
    format: (_, { waits }) => watchText(waits),
    tone: (_, { waits = 1 }) => (waits > 1 ? 'warn' : undefined),
  },
  {
    key: 'revocations',
    title: 'shut out',
    format: (_, { revocations }) => revocationText(revocations),
    tone: (_, { revocations }) => (isOpen(revocations) ? 'warn' : undefined),
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
    key: 'store',
    title: 'store',
    format: (_, { store }) => storeText(store),
    tone: (_, { store }) => (store.damaged > 0 || store.disk === 'full' ? 'bad' : undefined),
  },
  {
    key: 'keyProtection',
    title: 'keys',
    format: (_, { keyProtection }) =>
      keyProtection === 'passphrase'
        ? 'rest under a passphrase'
        : 'NOT protected: odcm keys protect',
    tone: (_, { keyProtection }) => (keyProtection === 'passphrase' ? undefined : 'warn'),
  },
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

const CLOCK_WORDS = {
  good: 'right, as far as it is known here',
  regressed: 'set back: nothing that had ended begins again, nothing is issued',
  ahead: 'ahead of what others sign: nothing expires by it',
  behind: 'behind what others sign, who alone move no time here: compare it',
} as const;

function clockText(clock: Status['clock']): string {
  if (!clock || clock.state === 'good') return CLOCK_WORDS.good;
  return `${formatAge(Math.abs(clock.offByMs))} ${CLOCK_WORDS[clock.state]}`;
}

/** A node that is not well tells more of itself than of others. */
const watchText = (waits = 1): string =>
  waits === 1
    ? 'well: a space that falls silent is called offline within 15 s'
    : `not well itself, by late timers or lost lines: waits ${waits} times as long before it calls a space offline`;

const isOpen = (rows: Status['revocations']): boolean =>
  rows?.some(({ applied, of }) => applied < of) ?? false;

/** The newest one; `odcm revocations` has them all. */
function revocationText(rows: Status['revocations']): string {
  if (!rows) return '-';
  return revocationNotes(rows, 1)[0] ?? 'none';
}

function directoryText({ size, ageMs, state }: Status['directory']): string {
  const age = ageMs === null ? 'never heard of from ODCM' : `vouched for ${formatAge(ageMs)} ago`;
  return `${size} ${size === 1 ? 'entry' : 'entries'}, ${age}, ${state}`;
}

const DISK: Readonly<Record<Status['store']['disk'], string>> = {
  ok: '',
  low: ', little room on the disk: nothing is carried for others',
  scarce: ', hardly any room on the disk: nothing is taken from others',
  full: ', the disk is full: only the directory is written',
};

function storeText({ damaged, repaired, refetching, disk }: Status['store']): string {
  const found = damaged > 0 ? `${damaged} damaged, see odcm scrub damage` : 'sound';
  const more = repaired > 0 ? `, ${repaired} repaired since the start` : '';
  const own = refetching ? ', own feeds are coming back from others' : '';
  return `${found}${more}${own}${DISK[disk]}`;
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
      const [answer, revocations] = await Promise.all([
        ask(invocation, 'status'),
        askPart(askRows(invocation, 'revocations', { query: { limit: 5 } })),
      ]);
      const status = { ...answer, revocations: revocations?.rows ?? null };
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
          damaged: status.store.damaged,
          directoryAge: directoryAge(status.directory),
          notApplied: status.revocations?.filter(({ applied, of }) => applied < of).length ?? null,
          waits: status.waits ?? 1,
          clockOff: status.clock?.state === 'good' ? 0 : Math.abs(status.clock?.offByMs ?? 0),
        },
      };
    }),
  );
};
