// Screen 2: the feeds of the mesh, how far behind each is, and one feed with its entries.

import type { Column } from '../../format/cell.ts';
import type { HistoryRow } from '../../views/answers.ts';
import { type FeedLine, feedPanel, feedsView, lagPanel } from '../../views/feeds.ts';
import { historyOf, SOURCES } from '../sources.ts';
import { anyTable, remember, type Screen } from './screen.ts';

export function createFeedsScreen(): Screen {
  const table = remember(feedsView);
  return {
    id: 'feeds',
    title: 'Feeds',
    sources: () => [SOURCES.feeds],
    content: ({ get, samples }) => {
      const answer = get(SOURCES.feeds).data;
      const view = answer === undefined ? undefined : table(answer, samples);
      const behind = view?.rows.filter((row) => row.behind > 0).length;
      return {
        crumb: 'Feeds',
        parts: view === undefined ? [] : [`behind ${behind} of ${view.rows.length}`],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => (row as FeedLine).feed,
        open: (row) => ({ screen: 'feed', subject: (row as FeedLine).feed }),
        below: (row) => [
          ...(row === undefined
            ? []
            : [
                [
                  {
                    id: 'feed',
                    make: (room: Parameters<typeof feedPanel>[1]) =>
                      feedPanel(row as FeedLine, room),
                  },
                ],
              ]),
          [{ id: 'lag', make: (room) => lagPanel(samples, room) }],
        ],
        command: 'odcm feeds',
      };
    },
  };
}

const ENTRY_COLUMNS: readonly Column<HistoryRow>[] = [
  { key: 'index', title: 'entry', kind: 'number', priority: 0, width: 9 },
  { key: 'time', title: 'time', kind: 'time', priority: 1, width: 20 },
  { key: 'event', title: 'event', priority: 0, width: 24, grows: true },
  { key: 'item', title: 'item', priority: 1, width: 20, grows: true },
  { key: 'version', title: 'version', kind: 'number', priority: 2, width: 7 },
  { key: 'sizeBytes', title: 'size', kind: 'bytes', priority: 2, width: 8 },
  { key: 'kind', title: 'kind', priority: 3, width: 9 },
  { key: 'leafHash', title: 'leaf hash', wide: true, width: 64 },
];

export function createFeedScreen(): Screen {
  const feeds = remember(feedsView);
  return {
    id: 'feed',
    title: 'Feed',
    sources: (_, { subject = '' }) => [historyOf(subject), SOURCES.feeds],
    content: ({ get, samples, place: { subject = '' } }) => {
      const history = get(historyOf(subject)).data;
      const known = get(SOURCES.feeds).data;
      const line = known && feeds(known, samples).rows.find(({ feed }) => feed === subject);
      return {
        crumb: `Feeds › ${subject}`,
        parts: ['newest entries'],
        ...(history === undefined
          ? {}
          : {
              table: anyTable({
                id: 'history',
                title: 'entries',
                columns: ENTRY_COLUMNS,
                rows: history.rows,
                idOf: ({ index }) => String(index),
                sort: '-index',
                asOf: history.asOf,
                empty: 'Nothing of this feed is held here.',
                figures: {},
              }),
            }),
        nameOf: (row) => (row as HistoryRow).leafHash,
        ...(line === undefined
          ? {}
          : { above: [[{ id: 'feed', make: (room) => feedPanel(line, room) }]] }),
        command: `odcm history ${subject}`,
      };
    },
  };
}
