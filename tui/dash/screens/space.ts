// One space: who it is, how it is, what it publishes and may read, and what it deployed.

import type { Answer, DeploymentRow } from '../../views/answers.ts';
import { deploymentsView } from '../../views/deployments.ts';
import { spaceHead, spacePanels } from '../../views/space-detail.ts';
import type { TableView } from '../../views/table.ts';
import { deploymentReport, deploymentsOf, SOURCES } from '../sources.ts';
import type { Place, State } from '../state.ts';
import { shellWord, spaced } from '../words.ts';
import { anyTable, remember, type Screen, type ShownPanel } from './screen.ts';

const sourcesOf = (state: State, { subject = '' }: Place) => ({
  report: deploymentReport(state.timeframe, 'space', subject),
  last: deploymentsOf({ space: subject }, state.timeframe),
});

/** All rows are of the one space that the page is about. */
const withoutSpace = (table: TableView<DeploymentRow>): TableView<DeploymentRow> => ({
  ...table,
  columns: table.columns.map((column) =>
    column.key === 'space' ? { ...column, wide: true } : column,
  ),
});

export function createSpaceScreen(): Screen {
  const table = remember((entries: Answer<DeploymentRow>) =>
    withoutSpace(deploymentsView(entries)),
  );
  return {
    id: 'space',
    title: 'Space',
    sources: (state, place) => {
      const { report, last } = sourcesOf(state, place);
      return [SOURCES.health, report, last, SOURCES.feeds, SOURCES.grants, SOURCES.alerts];
    },
    content: ({ get, state, place }) => {
      const { subject = '' } = place;
      const { report, last } = sourcesOf(state, place);
      const known = get(SOURCES.health).data;
      const health = known?.rows.find(({ space }) => space === subject);
      const entries = get(last).data;
      const shared = { crumb: `Spaces › ${subject}`, command: `odcm space ${shellWord(subject)}` };
      if (known === undefined) return { ...shared, parts: [] };
      if (health === undefined)
        return { ...shared, parts: ['no space of this mesh has this name'] };
      const detail = {
        asOf: known.asOf,
        health,
        feeds: get(SOURCES.feeds).data?.rows ?? [],
        grants: get(SOURCES.grants).data?.rows ?? [],
        deployments: get(report).data ?? null,
        entries: entries?.rows ?? null,
        alerts: get(SOURCES.alerts).data?.rows ?? null,
      };
      const part = (id: string): ShownPanel => ({
        id,
        make: (room) =>
          spacePanels(detail, room).find((panel) => panel.id === id) ?? {
            id,
            title: id,
            lines: [],
          },
      });
      return {
        ...shared,
        parts: [`last ${spaced(state.timeframe)}`, ...(state.favourites.has(subject) ? ['★'] : [])],
        ...(entries === undefined ? {} : { table: anyTable(table(entries)) }),
        nameOf: (row) => (row as DeploymentRow).leafHash,
        open: (row) => ({ screen: 'feed', subject: (row as DeploymentRow).feed }),
        above: [
          [{ id: 'head', make: (room) => spaceHead(detail, room) }],
          [
            { ...part('publishes'), opens: { screen: 'feeds' } },
            { ...part('reads'), opens: { screen: 'feeds' } },
          ],
          [part('deployments')],
          ...(detail.alerts?.some((alert) => alert.subject === subject) ? [[part('alerts')]] : []),
        ],
      };
    },
  };
}
