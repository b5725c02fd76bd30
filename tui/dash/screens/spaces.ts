// Screen 1: every space with its health.

import { type SpaceLine, spacesView } from '../../views/spaces.ts';
import { deploymentReport, SOURCES } from '../sources.ts';
import { anyTable, remember, type Screen } from './screen.ts';

const DAY = deploymentReport('24h', 'space');

export function createSpacesScreen(): Screen {
  const table = remember((...[health, deployments]: Parameters<typeof view>) =>
    view(health, deployments),
  );
  return {
    id: 'spaces',
    title: 'Spaces',
    sources: () => [SOURCES.health, DAY],
    content: ({ get, state }) => ({
      crumb: 'Spaces',
      parts: [state.wide.has('spaces') ? 'columns wide' : 'columns standard'],
      ...tableOf(table(get(SOURCES.health).data, get(DAY).data)),
      nameOf: (row) => (row as SpaceLine).name,
      open: (row) => ({ screen: 'space', subject: (row as SpaceLine).name }),
      hasStars: true,
      command: 'odcm spaces',
    }),
  };
}

type Health = NonNullable<Parameters<typeof spacesView>[0]>['health'];
type Deployments = Parameters<typeof spacesView>[0]['deployments'];

function view(
  health: Health | undefined,
  deployments: Deployments,
): ReturnType<typeof anyTable> | undefined {
  if (health === undefined) return undefined;
  return anyTable(spacesView({ health, deployments: deployments ?? null }));
}

export const tableOf = (
  table: ReturnType<typeof anyTable> | undefined,
): { table: ReturnType<typeof anyTable> } | Record<never, never> =>
  table === undefined ? {} : { table };
