// `odcm feed release FEED`: the operator says that nobody else can have more of this feed than this node.

import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { feedGroup } from './feed-group.ts';

export const register: Register = (program, context) => {
  feedGroup(program)
    .command('release')
    .description('let out what is held of a feed of this space, when nobody can be asked first')
    .argument('<feed>', 'the name of a feed of this space')
    .action(async (feed: string, _, self) => {
      const invocation = invoke(self, context);
      const result = await ask(invocation, 'releaseFeed', { body: { feed } });
      await showResult(invocation, {
        sentence: `${result.feed} is released, with ${result.released} ${result.released === 1 ? 'entry' : 'entries'} that ${result.released === 1 ? 'was' : 'were'} held.`,
        title: 'feeds',
        columns: plainColumns<typeof result>('feed', 'released'),
        rows: [result],
      });
    });
};
