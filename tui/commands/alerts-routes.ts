// `odcm alerts routes` and `odcm alerts test`: where messages go, and whether they arrive.

import type { Command } from 'commander';
import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown, askRows } from '../ask.ts';
import type { CommandContext } from '../command-context.ts';
import type { Column, Tone } from '../format/cell.ts';
import { reads } from '../program.ts';
import { runReport } from '../run-report.ts';

type AlertRoute = RouteResult<'alertRoutes'>;

const TONES: Readonly<Record<AlertRoute['state'], Tone>> = {
  ok: 'good',
  failing: 'bad',
  untried: 'dim',
};

const COLUMNS: readonly Column<AlertRoute>[] = [
  { key: 'name', title: 'route' },
  { key: 'kind', title: 'kind' },
  { key: 'state', title: 'state', tone: (_, { state }) => TONES[state] },
  { key: 'since', title: 'since', kind: 'time' },
  { key: 'queued', title: 'waiting', kind: 'number' },
  { key: 'dropped', title: 'given up', kind: 'number' },
  { key: 'lastError', title: 'last error', wide: true },
];

const EMPTY = 'Nobody is told of alerts: alerts.json in the folder of the node names no routes.';

const figures = (rows: readonly AlertRoute[]) => ({
  failing: rows.filter(({ state }) => state === 'failing').length,
  untried: rows.filter(({ state }) => state === 'untried').length,
  queued: rows.reduce((sum, { queued }) => sum + queued, 0),
  dropped: rows.reduce((sum, { dropped }) => sum + dropped, 0),
});

/** Below the table, where a sentence has room: what is wrong and what to do. */
const troubles = (rows: readonly AlertRoute[]): string[] =>
  rows
    .filter(({ state }) => state === 'failing')
    .map(({ name, lastError }) => `${name}: ${lastError ?? 'not said why'}`);

export function registerRoutes(alerts: Command, context: CommandContext): void {
  const routes = alerts
    .command('routes')
    .description('where messages about alerts go, and whether they arrive');
  reads(routes).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'alertRoutes');
      const report = { title: 'alert routes', columns: COLUMNS, rows, asOf, target: status.name };
      return {
        report: { ...report, empty: EMPTY, notes: troubles(rows) },
        figures: figures(rows),
      };
    }),
  );

  alerts
    .command('test')
    .description('send a test message by every route, or by one; ends with 1 when one fails')
    .argument('[route]', 'its name')
    .action((route: string | undefined, _options, self) =>
      runReport(self, context, async (invocation) => {
        const { rows, asOf } = await askRows(invocation, 'testRoutes', {
          body: route === undefined ? {} : { route },
        });
        if (rows.some(({ state }) => state !== 'ok')) context.exit.code = 1;
        const report = { title: 'alert routes', columns: COLUMNS, rows, asOf };
        return {
          report: {
            ...{ ...report, target: invocation.client.home },
            ...{ empty: EMPTY, notes: troubles(rows) },
          },
          figures: figures(rows),
        };
      }),
    );
}
