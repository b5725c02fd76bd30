// `odcm mesh`: this node's connections to the other members, with what is measured of them.

import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { meshView } from '../views/mesh.ts';
import { reportOf } from '../views/table.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('mesh')
    .helpGroup(GROUPS.reading)
    .description('connections of this node, their round trips, and why some are missing')
    .addHelpText(
      'after',
      examples([
        ["odcm mesh --filter 'state!=mesh'", 'peers that pass no gossip on to us'],
        ['odcm mesh --sort -rttMs', 'slowest first'],
        ["odcm mesh --fail-on 'disconnected>5,deaf>0'", 'for monitoring: exit code 10 when met'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { status, ...answer } = await askKnown(invocation, 'mesh');
      const view = meshView(answer);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
};
