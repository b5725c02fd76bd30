// `odcm overview`: what matters most of everything the node knows, on one page; one row of figures for machines.

import { ask } from '../ask.ts';
import type { Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { overviewFigures, overviewReport } from '../views/overview-report.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('overview')
    .helpGroup(GROUPS.reading)
    .description('what matters most: spaces, deployments, feeds, trust, alerts')
    .addHelpText(
      'after',
      examples([
        ['odcm overview --watch 5s', 'again and again'],
        [
          "odcm overview --fail-on 'offline>0,expiry<14d,behind>0,failed>10'",
          'for monitoring: exit code 10 when met',
        ],
        ['odcm overview --json', 'every figure, and the open alerts'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const overview = await ask(invocation, 'overview');
      return { report: overviewReport(overview), figures: overviewFigures(overview) };
    }),
  );
};
