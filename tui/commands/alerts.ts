// `odcm alerts` and what belongs to it: what is wrong, who looks after it, what is kept quiet, and whether messages
// leave.

import { userInfo } from 'node:os';
import { Option } from 'commander';
import { ALERT_LEVELS, type AlertLevel } from '../../protocols/control-alerts.ts';
import type { RouteResult } from '../../protocols/control-api.ts';
import { ask, askKnown } from '../ask.ts';
import { type CommandContext, invoke, type Register } from '../command-context.ts';
import type { Column, Tone } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { registerRoutes } from './alerts-routes.ts';
import { registerSilences } from './alerts-silences.ts';

type Alert = RouteResult<'alerts'>;

const LEVEL_TONES: Readonly<Record<AlertLevel, Tone>> = { info: 'dim', warn: 'warn', crit: 'bad' };

const COLUMNS: readonly Column<Alert>[] = [
  { key: 'sinceAt', title: 'since', kind: 'time' },
  {
    key: 'level',
    title: 'level',
    format: (_, { level }) => level.toUpperCase(),
    tone: (_, { level }) => LEVEL_TONES[level],
  },
  { key: 'subject', title: 'subject' },
  { key: 'what', title: 'what' },
  {
    key: 'state',
    title: 'state',
    tone: (_, { state }) => (state === 'open' ? undefined : 'dim'),
  },
  { key: 'forMs', title: 'for', kind: 'duration' },
  { key: 'id', title: 'id' },
  { key: 'rule', title: 'rule', wide: true },
  { key: 'ackedBy', title: 'looked after by', wide: true },
  { key: 'evidence', title: 'evidence', wide: true },
  { key: 'changedAt', title: 'changed', kind: 'time', wide: true },
];

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
      const open = rows.filter((row) => row.state === 'open');
      const levels = ALERT_LEVELS.map((level) => [
        level,
        open.filter((row) => row.level === level).length,
      ]);
      return {
        report: {
          title: 'alerts',
          columns: COLUMNS,
          rows,
          asOf,
          target: status.name,
          empty:
            state === 'open' ? 'Nothing is wrong as far as this node knows.' : 'There are none.',
        },
        figures: {
          ...(Object.fromEntries(levels) as Record<AlertLevel, number>),
          open: open.length,
          acked: rows.filter((row) => row.state === 'acked').length,
          silenced: rows.filter((row) => row.state === 'silenced').length,
        },
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
