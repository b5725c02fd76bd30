// `odcm spaces`: the spaces of the mesh with their health, worst first.

import { ask, askPart, askRows } from '../ask.ts';
import type { Invocation, Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import type { DeploymentReport } from '../views/answers.ts';
import { spacesView } from '../views/spaces.ts';
import { reportOf } from '../views/table.ts';
import { directoryAge, directoryNote } from './directory-note.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('spaces')
    .helpGroup(GROUPS.reading)
    .description('the spaces of the mesh: who is there, since when, what runs there')
    .addHelpText(
      'after',
      examples([
        ["odcm spaces --filter 'status=offline|suspected'", 'who is away'],
        [
          'odcm spaces --sort -failed24h --watch 5s',
          'most failed deployments first, again and again',
        ],
        ["odcm spaces --fail-on 'offline>0,expiry<14d'", 'for monitoring: exit code 10 when met'],
        ['odcm spaces --format csv --output spaces.csv', 'all columns for a spreadsheet'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const [health, spaces, deployments, status] = await Promise.all([
        askRows(invocation, 'health'),
        askRows(invocation, 'spaces'),
        askPart(lastDay(invocation)),
        ask(invocation, 'status'),
      ]);
      const view = spacesView({ health, spaces, deployments });
      const report = reportOf(view, status.name);
      return {
        report: { ...report, notes: [...(view.notes ?? []), directoryNote(status.directory)] },
        figures: { ...view.figures, directoryAge: directoryAge(status.directory) },
      };
    }),
  );
};

export function lastDay(invocation: Invocation): Promise<DeploymentReport> {
  return ask(invocation, 'reportDeployments', { query: { since: '24h', by: 'space' } });
}
