// `odcm subscriptions`: what this space takes, and whether it has it all.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column, Tone } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';

type Subscription = RouteResult<'subscriptions'>;

const TONES: Readonly<Record<Subscription['state'], Tone>> = {
  level: 'good',
  behind: 'warn',
  requested: 'warn',
  'no grant': 'bad',
  expired: 'bad',
  waiting: 'warn',
  frozen: 'bad',
};

export const SUBSCRIPTION_COLUMNS: readonly Column<Subscription>[] = [
  { key: 'feed', title: 'feed' },
  { key: 'mode', title: 'mode' },
  { key: 'via', title: 'via' },
  { key: 'everyMs', title: 'every', kind: 'duration' },
  { key: 'state', title: 'state', tone: (_, { state }) => TONES[state] },
  { key: 'size', title: 'entries', kind: 'number' },
  { key: 'held', title: 'held', kind: 'number' },
  { key: 'applied', title: 'applied', kind: 'number' },
  { key: 'lastChangeAt', title: 'last change', kind: 'age' },
  { key: 'lastError', title: 'last error' },
];

export const register: Register = (program, context) => {
  const command = program
    .command('subscriptions')
    .helpGroup(GROUPS.feeds)
    .description('what this space takes, and whether it has it all');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'subscriptions');
      const count = (state: Subscription['state']): number =>
        rows.filter((row) => row.state === state).length;
      return {
        report: {
          title: 'subscriptions',
          columns: SUBSCRIPTION_COLUMNS,
          rows,
          asOf,
          target: status.name,
          empty: 'There are no subscriptions. Take a feed with: odcm subscribe PUBLISHER/FEED',
        },
        figures: {
          behind: rows.reduce((sum, { size, held }) => sum + Math.max(0, (size ?? 0) - held), 0),
          notLevel: rows.length - count('level'),
          noGrant: count('no grant'),
          frozen: count('frozen'),
        },
      };
    }),
  );
};
