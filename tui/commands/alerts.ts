// `odcm alerts` and what belongs to it: what is wrong, who looks after it, what is kept quiet, and whether messages
// leave.

import { userInfo } from 'node:os';
import { Option } from 'commander';
import type { RouteResult } from '../../protocols/control-api.ts';
import { ask, askKnown } from '../ask.ts';
import { type CommandContext, invoke, type Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { ALERT_COLUMNS, alertsView } from '../views/alerts.ts';
import type { AlertRow } from '../views/answers.ts';
import { reportOf } from '../views/table.ts';
import { registerRoutes } from './alerts-routes.ts';
import { registerSilences } from './alerts-silences.ts';

/** Without the id nobody can acknowledge: on a narrow terminal it stays when other columns go. */
const COLUMNS: readonly Column<AlertRow>[] = ALERT_COLUMNS.map((column) =>
  column.key === 'id' ? { ...column, priority: 0 } : column,
);

export const register: Register = (program, context) => {
  const command = program
    .command('alerts')
    .helpGroup(GROUPS.reading)
    .description('what is wrong, most urgent first')
    .addOption(
      new Option('--state <state>', 'open ones, or those that are over as well')
        .choices(['open', 'all'])
        .default('open'),
    );
  reads(command).action(({ state }: { state: 'open' | 'all' }, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'alerts', { query: { state } });
      const view = alertsView({ rows, asOf });
      const report = { ...reportOf(view, status.name), columns: COLUMNS };
      return {
        report: state === 'open' ? report : { ...report, empty: 'No alert is remembered.' },
        figures: view.figures,
      };
    }),
  );

  command
    .command('ack')
    .description('say that somebody looks after an alert; its end is told all the same')
    .argument('<id>', 'as odcm alerts shows it')
    .option('--why <text>', 'what is being done')
    .option('--by <name>', 'who looks after it (default: the name you are logged in with)')
    .action(async (id: string, { why, by }: { why?: string; by?: string }, self) => {
      const invocation = invoke(self, context);
      const alert = await ask(invocation, 'acknowledgeAlert', {
        body: { id, by: by ?? whoTypes(context), ...(why === undefined ? {} : { why }) },
      });
      const isOver = alert.state === 'closed';
      await showResult(invocation, {
        sentence: isOver
          ? `${alert.subject} is over already: ${alert.what}.`
          : `${alert.ackedBy} looks after ${alert.subject}: ${alert.what}.`,
        title: 'alerts',
        columns: COLUMNS,
        rows: [alert],
      });
    });

  registerSilences(command, context, whoTypes);
  registerRoutes(command, context);

  const check = command
    .command('check')
    .description(
      "judge the folder's alerts.json as it lies there now; ends with 1 when it is wrong",
    );
  reads(check).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'checkAlerts');
      if (rows.length > 0) context.exit.code = 1;
      return {
        report: {
          title: 'problems',
          columns: plainColumns<RouteResult<'checkAlerts'>>('path', 'problem'),
          rows,
          asOf,
          target: status.name,
          empty: 'alerts.json is sound.',
          notes:
            rows.length > 0
              ? ['Mend it in the file: until then what was in force before stays in force.']
              : [],
        },
        figures: { problems: rows.length },
      };
    }),
  );
};

function whoTypes({ env }: CommandContext): string {
  const name = env['SUDO_USER'] ?? env['USER'] ?? env['LOGNAME'];
  if (name !== undefined && name !== '') return name.slice(0, 100);
  try {
    return userInfo().username;
  } catch {
    // The system knows no name for this number.
    return 'somebody';
  }
}
