// `odcm subscriptions`: what this space takes, and whether it has it all.

import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { subscriptionsView } from '../views/subscriptions.ts';
import { reportOf } from '../views/table.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('subscriptions')
    .helpGroup(GROUPS.feeds)
    .description('what this space takes, and whether it has it all')
    .addHelpText(
      'after',
      examples([
        ["odcm subscriptions --filter 'state!=level'", 'what needs a look'],
        ["odcm subscriptions --fail-on 'notLevel>0'", 'for monitoring: exit code 10 when met'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { status, ...answer } = await askKnown(invocation, 'subscriptions');
      const view = subscriptionsView(answer);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
};
