// What the dashboard itself noticed since it was started: one line per change, newest first.

import type { Column } from '../../format/cell.ts';
import { SOURCES } from '../sources.ts';
import { anyTable, remember, type Screen } from './screen.ts';

interface Noticed {
  readonly at: string;
  readonly what: string;
  readonly number: number;
}

const COLUMNS: readonly Column<Noticed>[] = [
  { key: 'at', title: 'time', kind: 'time', priority: 0, width: 20 },
  { key: 'what', title: 'noticed', priority: 0, width: 40, grows: true },
];

export function createLogScreen(): Screen {
  const table = remember((log: readonly string[]) =>
    anyTable<Noticed>({
      id: 'log',
      title: 'lines',
      columns: COLUMNS,
      rows: log
        .map((line, number) => ({ at: line.slice(0, 24), what: line.slice(25), number }))
        .toReversed(),
      idOf: ({ number }) => String(number),
      asOf: log.at(-1)?.slice(0, 24) ?? new Date(0).toISOString(),
      empty: 'Nothing was noticed since the start.',
      figures: {},
    }),
  );
  return {
    id: 'log',
    title: 'Log',
    sources: () => [SOURCES.status],
    content: ({ state }) => ({
      crumb: 'Log',
      parts: [],
      table: table(state.log),
      command: 'odcm status',
    }),
  };
}
