// Screen 0: what is wrong and where to look, worst first.

import type { Overview } from '../../views/answers.ts';
import { attentionView } from '../../views/attention.ts';
import { deploymentsPanel, meshPanel, spacesPanel, trustPanel } from '../../views/overview.ts';
import type { Room } from '../../views/table.ts';
import { SOURCES } from '../sources.ts';
import { placeOfAlert } from './places.ts';
import { anyTable, remember, type Screen } from './screen.ts';

type Open = NonNullable<Overview['alerts']>['open'][number];

export function createOverviewScreen(): Screen {
  const attention = remember(attentionView);
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
        parts: table?.notes ?? [],
        ...(table === null ? {} : { table: anyTable(table) }),
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
