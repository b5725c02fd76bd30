// `odcm feed create`: a new feed of this space.

import { Option } from 'commander';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { parseReaders } from './arguments.ts';

interface Options {
  readonly context: string;
  readonly to?: string;
  readonly sync?: 'forced' | 'chosen';
}

export const register: Register = (program, context) => {
  const group = program
    .command('feed')
    .helpGroup(GROUPS.feeds)
    .description('make feeds of this space');
  group
    .command('create')
    .description('a new feed of this space; ODCM writes it into the directory')
    .argument('<name>', 'lower-case letters, digits, dashes; parts with / between them')
    .requiredOption('--context <name>', 'the kind of data it holds: step-templates, variables, …')
    .option('--to <spaces>', "who may have it: 'all', or names with commas between them")
    .addOption(
      new Option('--sync <rule>', 'must subscribers take it, or may they choose').choices([
        'forced',
        'chosen',
      ]),
    )
    .action(async (name: string, { context: kind, to, sync }: Options, self) => {
      const invocation = invoke(self, context);
      const result = await ask(invocation, 'createFeed', {
        body: {
          name,
          context: kind,
          ...(to === undefined ? {} : { to: parseReaders(to) }),
          ...(sync === undefined ? {} : { sync }),
        },
      });
      const { feed, id, grants } = result;
      await showResult(invocation, {
        sentence: `Created ${feed} in context ${kind} (${id}), ${grants} ${grants === 1 ? 'grant' : 'grants'}.`,
        title: 'feeds',
        columns: plainColumns<typeof result>('feed', 'id', 'grants'),
        rows: [result],
      });
      if (grants === 0 && invocation.options.format === 'text') {
        invocation.output.say(`No other space may have it yet. At ODCM: odcm grant SPACE ${feed}`);
      }
    });
};
