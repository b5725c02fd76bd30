// `odcm alerts silence`, `silences` and `unsilence`: what is kept quiet, until when, by whom and why.

import type { Command } from 'commander';
import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { ask, askKnown } from '../ask.ts';
import { type CommandContext, invoke } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { showResult } from '../show-result.ts';
import { parseUntil } from './arguments.ts';

type Silence = RouteResult<'silences'>;

const COLUMNS: readonly Column<Silence>[] = [
  { key: 'rule', title: 'rule' },
  { key: 'subject', title: 'subject' },
  { key: 'until', title: 'until', kind: 'time' },
  { key: 'by', title: 'by' },
  { key: 'why', title: 'why' },
  { key: 'id', title: 'id' },
  { key: 'since', title: 'since', kind: 'time', wide: true },
];

interface Options {
  readonly rule?: string;
  readonly until: string;
  readonly why: string;
  readonly by?: string;
}

export function registerSilences(
  alerts: Command,
  context: CommandContext,
  whoTypes: (context: CommandContext) => string,
): void {
  alerts
    .command('silence')
    .description('tell nobody of some alerts until a time, as while a space is being moved')
    .argument('<subject>', 'of which space, feed or other subject; * stands for any characters')
    .requiredOption('--until <time>', '2h, 2026-11-21 or 2026-11-21T08:00Z')
    .requiredOption('--why <text>', 'shown beside it')
    .option('--rule <name>', 'of this rule only: space-offline, feed-*, …')
    .option('--by <name>', 'who asks for it (default: the name you are logged in with)')
    .action(async (subject: string, { rule, until, why, by }: Options, self) => {
      const invocation = invoke(self, context);
      if (subject === '*' && rule === undefined) {
        throw new MeshError('USAGE', 'this would silence every alert of the mesh', {
          next: "Name a subject, or the rule: --rule 'feed-*'. For all of them: --rule '*'.",
        });
      }
      const row = await ask(invocation, 'silence', {
        body: {
          subject,
          ...(rule === undefined ? {} : { rule }),
          until: parseUntil(until, context.now()),
          by: by ?? whoTypes(context),
          why,
        },
      });
      await showResult(invocation, {
        sentence: `Silenced ${row.subject} (rule ${row.rule}) until ${formatTime(timeMs(row.until)!)}. End it with: odcm alerts unsilence ${row.id}`,
        title: 'silences',
        columns: COLUMNS,
        rows: [row],
      });
    });

  const silences = alerts.command('silences').description('what is kept quiet, and until when');
  reads(silences).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'silences');
      return {
        report: {
          title: 'silences',
          columns: COLUMNS,
          rows,
          asOf,
          target: status.name,
          empty: 'Nothing is silenced.',
        },
        figures: { silences: rows.length },
      };
    }),
  );

  alerts
    .command('unsilence')
    .description('end a silence')
    .argument('<id>', 'as odcm alerts silences shows it')
    .action(async (id: string, _options, self) => {
      const invocation = invoke(self, context);
      const row = await ask(invocation, 'unsilence', { query: { id } });
      await showResult(invocation, {
        sentence: `${row.subject} (rule ${row.rule}) is no longer silenced.`,
        title: 'silences',
        columns: COLUMNS,
        rows: [row],
      });
    });
}
