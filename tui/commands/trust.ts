// `odcm trust`: roots, keys and certificates, and what runs out when.

import { askKnown, askPart, askRows } from '../ask.ts';
import type { Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { revocationNotes } from '../views/revocations.ts';
import { reportOf } from '../views/table.ts';
import { trustView } from '../views/trust.ts';
import { directoryAge, directoryNote } from './directory-note.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('trust')
    .helpGroup(GROUPS.trust)
    .description('roots, keys and certificates, what runs out when, who applies revocations')
    .addHelpText(
      'after',
      examples([
        ["odcm trust --filter 'left<30d'", 'what runs out within a month'],
        ["odcm trust --filter 'kind=space !state=valid'", 'certificates that need a look'],
        ["odcm trust --fail-on 'expiry<14d,expired>0'", 'for monitoring: exit code 10 when met'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const [{ status, ...answer }, revocations] = await Promise.all([
        askKnown(invocation, 'trust'),
        askPart(askRows(invocation, 'revocations')),
      ]);
      const view = trustView(answer, revocations);
      return {
        report: {
          ...reportOf(view, status.name),
          notes: [...revocationNotes(revocations?.rows ?? []), directoryNote(status.directory)],
        },
        figures: { ...view.figures, directoryAge: directoryAge(status.directory) },
      };
    }),
  );
};
