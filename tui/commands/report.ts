// `odcm report spaces|inventory|deployments`: the reports that are asked for most, each a table with its total.

import { type Command, Option } from 'commander';
import { ask, askRows } from '../ask.ts';
import type { CommandContext, Register } from '../command-context.ts';
import { timeMs } from '../format/time.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { reportView } from '../views/deployments.ts';
import { inventoryView } from '../views/inventory.ts';
import { spacesView } from '../views/spaces.ts';
import { reportOf } from '../views/table.ts';
import { parseMoment } from './arguments.ts';
import { examples } from './examples.ts';

const VERSION_COLUMNS = 'name,serverVersion,status,heardAgoMs,projects,targets';

export const register: Register = (program, context) => {
  const group = program
    .command('report')
    .helpGroup(GROUPS.reading)
    .description('reports: spaces, inventory, deployments')
    .addHelpText(
      'after',
      examples([
        ['odcm report spaces', 'each space with its version and status'],
        ['odcm report inventory --sort -unhealthy', 'projects and targets of each space'],
        [
          'odcm report deployments --since 14d --by project',
          'with the trend against the 14 days before',
        ],
      ]),
    );
  registerSpaces(group, context);
  registerInventory(group, context);
  registerDeployments(group, context);
};

function registerSpaces(group: Command, context: CommandContext): void {
  const command = group
    .command('spaces')
    .description('each space with its version and status')
    .addHelpText(
      'after',
      examples([["odcm report spaces --filter 'version<2026.3'", 'spaces on old versions']]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const [health, status] = await Promise.all([
        askRows(invocation, 'health'),
        ask(invocation, 'status'),
      ]);
      const { notes: _notes, ...view } = spacesView({ health });
      const wanted = VERSION_COLUMNS.split(',');
      const columns = view.columns.filter(({ key }) => wanted.includes(key));
      const { failed: _failed, ...figures } = view.figures;
      return { report: reportOf({ ...view, columns, sort: 'name' }, status.name), figures };
    }),
  );
}

function registerInventory(group: Command, context: CommandContext): void {
  const command = group
    .command('inventory')
    .description('projects and targets of each space, as it reported them last')
    .addHelpText(
      'after',
      examples([
        ["odcm report inventory --filter 'unhealthy>0'", 'spaces with unhealthy targets'],
        ["odcm report inventory --fail-on 'stale>0'", 'for monitoring: exit code 10 when met'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const [answer, status] = await Promise.all([
        askRows(invocation, 'reportInventory'),
        ask(invocation, 'status'),
      ]);
      const view = inventoryView(answer);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
}

interface WindowOptions {
  readonly since?: string;
  readonly until?: string;
  readonly by?: 'space' | 'project' | 'environment';
  readonly space?: string;
  readonly project?: string;
  readonly environment?: string;
}

function registerDeployments(group: Command, context: CommandContext): void {
  const command = group
    .command('deployments')
    .description('deployments that succeeded and failed, with the trend against the time before')
    .option('--since <time>', 'from then on: 24h, 14d, 8w, 2026-11-01 (default: 14d)')
    .option('--until <time>', 'up to then: 1d, 2026-11-20T10:00Z (default: now)')
    .addOption(
      new Option('--by <what>', 'one row for each (default: space)').choices([
        'space',
        'project',
        'environment',
      ]),
    )
    .option('--space <name>', 'of one space only')
    .option('--project <name>', 'of one project only')
    .option('--environment <name>', 'in one environment only')
    .addHelpText(
      'after',
      examples([
        ['odcm report deployments --since 30d', 'by space, worst first'],
        ['odcm report deployments --by project --space payments', 'the projects of one space'],
        ["odcm report deployments --since 1h --fail-on 'failed>10'", 'exit code 10 when met'],
        ['odcm deployments payments --outcome failed', 'the entries behind a figure'],
      ]),
    );
  reads(command).action((options: WindowOptions, self) =>
    runReport(self, context, async (invocation) => {
      const { since, until, by, space, project, environment } = options;
      const query = {
        ...(since === undefined ? {} : { since: parseMoment('--since', since) }),
        ...(until === undefined ? {} : { until: parseMoment('--until', until) }),
        ...(by === undefined ? {} : { by }),
        ...(space === undefined ? {} : { space }),
        ...(project === undefined ? {} : { project }),
        ...(environment === undefined ? {} : { environment }),
      };
      const [report, status] = await Promise.all([
        ask(invocation, 'reportDeployments', { query }),
        ask(invocation, 'status'),
      ]);
      // Without an end of its own the window ends when the node answered.
      const asOfMs = until === undefined ? (timeMs(report.until) ?? context.now()) : context.now();
      const view = reportView(report, new Date(asOfMs).toISOString());
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
}
