// `odcm exposure SPACE`: what a space could read of what this space publishes, and what of it must be changed at its source.

import { ask } from '../ask.ts';
import type { Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { exposureView } from '../views/revocations.ts';
import { reportOf } from '../views/table.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('exposure')
    .helpGroup(GROUPS.trust)
    .description('what a space could read, and what must be changed at its source')
    .argument('<space>', 'its name')
    .addHelpText(
      'after',
      examples([
        ["odcm exposure payments --filter 'state=readable'", 'what is left to change'],
        ["odcm exposure payments --fail-on 'sensitive>0'", 'for monitoring: exit code 10 when met'],
      ]),
    );
  reads(command).action((space: string, _: unknown, self) =>
    runReport(self, context, async (invocation) => {
      const [exposure, status] = await Promise.all([
        ask(invocation, 'exposure', { query: { space } }),
        ask(invocation, 'status'),
      ]);
      const view = exposureView(exposure);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
};
