// Screen 3: what this space takes from others, and what approving or ending a subscription would do.

import type { GrantRow, SubscriptionRow } from '../../views/answers.ts';
import { subscriptionPanel, subscriptionsView } from '../../views/subscriptions.ts';
import type { Line, Panel } from '../../views/table.ts';
import { SOURCES } from '../sources.ts';
import { anyTable, remember, type Screen } from './screen.ts';

export function createSubscriptionsScreen(): Screen {
  const table = remember(subscriptionsView);
  return {
    id: 'subscriptions',
    title: 'Subscriptions',
    sources: () => [SOURCES.subscriptions, SOURCES.grants],
    content: ({ get }) => {
      const answer = get(SOURCES.subscriptions).data;
      const grants = get(SOURCES.grants).data?.rows;
      const view = answer === undefined ? undefined : table(answer);
      const look = view?.figures['notLevel'];
      return {
        crumb: 'Subscriptions',
        parts: typeof look === 'number' ? [`${look} of ${view?.rows.length} need a look`] : [],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => (row as SubscriptionRow).feed,
        open: (row) => ({ screen: 'feed', subject: (row as SubscriptionRow).feed }),
        below: (row) =>
          row === undefined
            ? []
            : [
                [
                  {
                    id: 'subscription',
                    make: (room) => subscriptionPanel(row as SubscriptionRow, room),
                  },
                ],
                [{ id: 'grants', make: () => grantsPanel(row as SubscriptionRow, grants) }],
              ],
        command: 'odcm subscriptions',
      };
    },
  };
}

/** Who may have the same feed. */
function grantsPanel({ feed }: SubscriptionRow, grants: readonly GrantRow[] | undefined): Panel {
  const [publisher = ''] = feed.split('/');
  const name = feed.slice(publisher.length + 1);
  const own = grants?.filter((row) => row.publisher === publisher && row.feed === name);
  const lines: Line[] =
    own === undefined
      ? [[{ text: 'not known yet', tone: 'dim' }]]
      : own.slice(0, 4).map(
          (row): Line => [
            {
              text: `${row.subscriber}   ${row.until === null ? 'without end' : `until ${row.until}`}   `,
            },
            { text: row.state, tone: row.state === 'current' ? 'good' : 'warn' },
          ],
        );
  return {
    id: 'grants',
    title: 'Who may have it',
    lines: lines.length === 0 ? [[{ text: 'no grant is known here', tone: 'warn' }]] : lines,
  };
}
