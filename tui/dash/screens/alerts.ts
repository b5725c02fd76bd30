// Screen 7: what is wrong, the events as they come, and where messages go.

import { formatTime } from '../../format/time.ts';
import { cut, displayWidth, pad } from '../../format/width.ts';
import { alertsView, routesPanel } from '../../views/alerts.ts';
import type { AlertRow } from '../../views/answers.ts';
import type { Line, Panel, Room } from '../../views/table.ts';
import { alertsSource, SOURCES, TAIL } from '../sources.ts';
import type { Tail } from '../tail.ts';
import { placeOfAlert } from './places.ts';
import { anyTable, remember, type Screen } from './screen.ts';

export function createAlertsScreen(): Screen {
  const table = remember(alertsView);
  return {
    id: 'alerts',
    title: 'Alerts',
    sources: (state) => [alertsSource(state.allAlerts), SOURCES.alertRoutes],
    streams: [TAIL],
    content: ({ get, state, tail }) => {
      const answer = get(alertsSource(state.allAlerts)).data;
      const routes = get(SOURCES.alertRoutes).data;
      const view = answer === undefined ? undefined : table(answer);
      return {
        crumb: 'Alerts',
        parts:
          view === undefined
            ? []
            : [
                `open ${view.figures['open']}`,
                `acked ${view.figures['acked']}`,
                state.allAlerts ? 'closed ones too' : '',
              ],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => (row as AlertRow).subject,
        open: (row) => placeOfAlert((row as AlertRow).opens),
        below: (row) => [
          ...(row === undefined
            ? []
            : [[{ id: 'alert', make: () => alertPanel(row as AlertRow) }]]),
          [{ id: 'events', make: (room: Room) => eventsPanel(tail, room) }],
          ...(routes === undefined
            ? []
            : [[{ id: 'routes', make: (room: Room) => routesPanel(routes, room) }]]),
        ],
        command: state.allAlerts ? 'odcm alerts --state all' : 'odcm alerts',
      };
    },
  };
}

function alertPanel({ subject, what, evidence, rule, ackedBy }: AlertRow): Panel {
  return {
    id: 'alert',
    title: subject,
    lines: [
      [{ text: what }],
      [
        {
          text: `rule ${rule}   ${ackedBy === null ? 'nobody looks after it yet' : `looked after by ${ackedBy}`}`,
        },
      ],
      [{ text: `why  ${evidence}`, tone: 'dim' }],
    ],
  };
}

const EVENT_ROWS = 8;

function eventsPanel(tail: Tail, { columns, ascii }: Room): Panel {
  const { seen, kept } = tail.rate();
  const thinned = seen > kept ? `${kept}/s shown of ${seen}/s, thinned` : `${seen}/s`;
  const events = tail.events().slice(0, EVENT_ROWS);
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(displayWidth));
  const feedWidth = Math.min(Math.floor(columns / 2), widest(events.map(({ feed }) => feed)));
  const eventWidth = Math.min(30, widest(events.map(({ event }) => event)));
  const lines = events.map(
    (event): Line => [
      { text: `${formatTime(Date.parse(event.time)).slice(11)}  `, tone: 'dim' },
      {
        text: `${pad(cut(event.feed, feedWidth, ascii), feedWidth)}  ${pad(event.event, eventWidth)}  ${event.item}`,
      },
    ],
  );
  return {
    id: 'events',
    title: `Events, live tail   (p pauses; ${thinned})`,
    lines:
      lines.length === 0
        ? [[{ text: quiet(tail), tone: tail.trouble() === undefined ? 'dim' : 'warn' }]]
        : lines,
  };
}

const quiet = (tail: Tail): string =>
  tail.trouble()?.message ?? 'nothing happened since this screen was opened';
