import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Register } from '../../tui/command-context.ts';
import { type CommandSource, loadCommands } from '../../tui/command-source.ts';
import { remoteCommands } from '../../tui/commands.ts';
import { reads } from '../../tui/program.ts';
import { testContext } from './streams.ts';

function programOf(registers: readonly Register[]): Command {
  const program = reads(new Command('odcm'));
  for (const register of registers) register(program, testContext());
  return program;
}

/** Everything that can be typed after the name, with the options of each. */
const shape = (command: Command): unknown => ({
  name: command.name(),
  options: command.options.map(({ flags }) => flags),
  below: command.commands.map(shape),
});

const all = programOf(await loadCommands(remoteCommands, undefined));
const words = [...new Set(remoteCommands.flatMap(([of]) => of.split(' ')))];

describe('commands of a file', () => {
  it('are listed by the words that they begin with, each of them', () => {
    expect(all.commands.map((command) => command.name()).toSorted()).toEqual(words.toSorted());
  });

  it.each(words)('are whole when only their own files are read: %s', async (word) => {
    const some = programOf(await loadCommands(remoteCommands, word));
    const find = (program: Command) => program.commands.find((one) => one.name() === word)!;
    expect(shape(find(some))).toEqual(shape(find(all)));
  });
});

describe('files of commands', () => {
  const read: string[] = [];
  const source = (of: string): CommandSource => [
    of,
    async () => {
      read.push(of);
      return () => {};
    },
  ];
  const sources = [source('grant ungrant'), source('feed'), source('feed feeds')];

  it.each([
    ['ungrant', ['grant ungrant']],
    ['feed', ['feed', 'feed feeds']],
    ['help', ['grant ungrant', 'feed', 'feed feeds']],
    ['--home', ['grant ungrant', 'feed', 'feed feeds']],
    [undefined, ['grant ungrant', 'feed', 'feed feeds']],
  ])('are read for the first word %s', async (first, expected) => {
    read.length = 0;
    await loadCommands(sources, first);
    expect(read).toEqual(expected);
  });
});
