// `odcm feeds`: the feeds of the directory, what this node holds of them and how far it is behind. With `--watch` the
// rounds after the first also know how fast each grows.

import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { feedsView } from '../views/feeds.ts';
import { FeedSamples } from '../views/samples.ts';
import { reportOf } from '../views/table.ts';
import { directoryAge, directoryNote } from './directory-note.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('feeds')
    .helpGroup(GROUPS.feeds)
    .description('the feeds of the mesh and what this node holds of them')
    .addHelpText(
      'after',
      examples([
        ["odcm feeds --filter 'behind>0'", 'what is missing here'],
        ["odcm feeds --filter 'lag>60s' --watch 5s", 'with rates, as long as it is watched'],
        ["odcm feeds --fail-on 'behind>0,frozen>0'", 'for monitoring: exit code 10 when met'],
      ]),
    );
  reads(command).action((_, self) => {
    const samples = new FeedSamples();
    return runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'feeds');
      samples.add(Date.parse(asOf), rows);
      const isWatched = invocation.options.watchMs !== undefined;
      const view = feedsView({ rows, asOf }, isWatched ? samples : undefined);
      return {
        report: { ...reportOf(view, status.name), notes: [directoryNote(status.directory)] },
        figures: { ...view.figures, directoryAge: directoryAge(status.directory) },
      };
    });
  });
};
