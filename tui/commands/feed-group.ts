// `odcm feed`: the group that commands about one feed of this space belong to, whichever of them is registered first.

import type { Command } from 'commander';
import { GROUPS } from '../program.ts';

export function feedGroup(program: Command): Command {
  const known = program.commands.find((command) => command.name() === 'feed');
  return (
    known ??
    program.command('feed').helpGroup(GROUPS.feeds).description('make feeds, and look after them')
  );
}
