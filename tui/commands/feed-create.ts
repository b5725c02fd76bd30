// `odcm feed create`: a new feed of this space; with the other commands about one's own feeds in its group.

import { Option } from 'commander';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { parseCarriers, parseReaders } from './arguments.ts';
import { registerPolicy } from './feed-policy.ts';

interface Options {
  readonly context: string;
  readonly to?: string;
  readonly sync?: 'forced' | 'chosen';
  readonly sealed?: boolean;
  readonly carriers?: number;
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
    .option(
      '--sealed',
      'only who is given its key can read it; so is every feed but those --to all',
    )
    .option('--no-sealed', 'in the open also where it is carried')
    .option('--carriers <n>', 'how many other spaces are to keep a copy', parseCarriers)
    .action(async (name: string, options: Options, self) => {
      const { context: kind, to, sync, sealed, carriers } = options;
      const invocation = invoke(self, context);
      const result = await ask(invocation, 'createFeed', {
        body: {
          name,
          context: kind,
          ...(to === undefined ? {} : { to: parseReaders(to) }),
          ...(sync === undefined ? {} : { sync }),
          ...(sealed === undefined ? {} : { sealed }),
          ...(carriers === undefined ? {} : { carriers }),
        },
      });
      const { feed, id, grants, sealed: isSealed } = result;
      const how = isSealed ? 'sealed ' : '';
      await showResult(invocation, {
        sentence: `Created ${how}${feed} in context ${kind} (${id}), ${grants} ${grants === 1 ? 'grant' : 'grants'}.`,
        title: 'feeds',
        columns: plainColumns<typeof result>('feed', 'id', 'grants', 'sealed'),
        rows: [result],
      });
      if (grants === 0 && invocation.options.format === 'text') {
        invocation.output.say(`No other space may have it yet. At ODCM: odcm grant SPACE ${feed}`);
      }
    });
  registerPolicy(group, context);
};
