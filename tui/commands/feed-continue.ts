// `odcm feed continue SPACE/FEED`, at ODCM: a feed whose log cannot go on, goes on in a new epoch.

import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { parseCount } from './arguments.ts';
import { feedGroup } from './feed-group.ts';

interface Options {
  readonly size?: string;
}

export const register: Register = (program, context) => {
  feedGroup(program)
    .command('continue')
    .description('let a feed go on after a fork or a lost end, in a new epoch (at ODCM)')
    .argument('<feed>', 'SPACE/FEED')
    .option('--size <n>', 'after so many entries; the most that can be when absent')
    .action(async (feed: string, options: Options, self) => {
      const size = parseCount('--size', options.size);
      const invocation = invoke(self, context);
      const result = await ask(invocation, 'continueFeed', {
        body: { feed, ...(size === undefined ? {} : { size }) },
      });
      await showResult(invocation, {
        sentence: `${result.feed} goes on in epoch ${result.epoch} after ${result.size} entries (directory entry ${result.entry}).`,
        more: [
          'Entries beyond that are dropped by whoever has them; its publisher can publish again.',
        ],
        title: 'feeds',
        columns: plainColumns<typeof result>('feed', 'epoch', 'size', 'root', 'entry'),
        rows: [result],
      });
    });
};
