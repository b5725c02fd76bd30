// `odcm feed policy`: how many carriers a feed of this space wants.

import type { Command } from 'commander';
import { LIMITS } from '../../protocols/limits.ts';
import { ask } from '../ask.ts';
import { type CommandContext, invoke } from '../command-context.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { parseCarriers } from './arguments.ts';

/** @param group the command `feed` */
export function registerPolicy(group: Command, context: CommandContext): void {
  group
    .command('policy')
    .description('how many other spaces are to keep a copy of a feed of this space')
    .argument('<feed>', 'the name of a feed of this space')
    .requiredOption(
      '--carriers <n>',
      `copies beside this one, up to ${LIMITS.carriersMax}`,
      parseCarriers,
    )
    .action(async (feed: string, { carriers }: { carriers: number }, self) => {
      const invocation = invoke(self, context);
      const result = await ask(invocation, 'feedPolicy', { query: { feed }, body: { carriers } });
      await showResult(invocation, {
        sentence: `${result.feed} wants ${result.carriers} ${result.carriers === 1 ? 'carrier' : 'carriers'} from now on.`,
        title: 'feeds',
        columns: plainColumns<typeof result>('feed', 'carriers'),
        rows: [result],
      });
    });
}
