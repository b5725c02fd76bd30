// Screen 0: what is wrong and where to look, worst first.

import type { Column } from '../../format/cell.ts';
import { LEVEL_TONES } from '../../views/alerts.ts';
import type { Overview } from '../../views/answers.ts';
import { deploymentsPanel, meshPanel, spacesPanel, trustPanel } from '../../views/overview.ts';
import type { Room } from '../../views/table.ts';
import { SOURCES } from '../sources.ts';
import { placeOfAlert } from './places.ts';
import { anyTable, remember, type Screen } from './screen.ts';

type Open = NonNullable<Overview['alerts']>['open'][number];

const COLUMNS: readonly Column<Open>[] = [
  {
    key: 'level',
    title: 'level',
    priority: 0,
    width: 5,
    format: (_, { level }) => level.toUpperCase(),
    tone: (_, { level }) => LEVEL_TONES[level],
  },
  { key: 'sinceAt', title: 'for', kind: 'age', priority: 1, width: 8 },
  { key: 'subject', title: 'subject', priority: 0, width: 16 },
  { key: 'what', title: 'needs attention', priority: 1, width: 24, grows: true },
  {
    key: 'opens',
    title: 'enter opens',
    priority: 2,
    width: 14,
    value: ({ opens }) => opens.screen,
  },
];

export function createOverviewScreen(): Screen {
  const attention = remember((overview: Overview) =>
    overview.alerts === null
      ? undefined
      : anyTable({
          id: 'attention',
          title: 'alerts',
          columns: COLUMNS,
          rows: overview.alerts.open,
          idOf: ({ id }) => id,
          asOf: overview.asOf,
          empty: 'Nothing is wrong, as far as this node knows.',
          figures: {},
        }),
  );
  return {
    id: 'overview',
    title: 'Overview',
    sources: () => [SOURCES.overview],
    content: ({ get }) => {
      const overview = get(SOURCES.overview).data;
      if (overview === undefined) return { crumb: 'Overview', parts: [], command: 'odcm overview' };
      const table = attention(overview);
      const panel = (
        id: string,
        make: (overview: Overview, room: Room) => ReturnType<typeof spacesPanel>,
        screen: 'spaces' | 'report' | 'mesh' | 'trust',
      ) => ({ id, make: (room: Room) => make(overview, room), opens: { screen } });
      return {
        crumb: 'Overview',
        parts: [],
        ...(table === undefined ? {} : { table }),
        nameOf: (row) => (row as Open).subject,
        open: (row) => placeOfAlert((row as Open).opens),
        above: [
          [
            panel('spaces', spacesPanel, 'spaces'),
            panel('deployments', deploymentsPanel, 'report'),
          ],
          [panel('mesh', meshPanel, 'mesh'), panel('trust', trustPanel, 'trust')],
        ],
        command: 'odcm overview',
      };
    },
  };
}
