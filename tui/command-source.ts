// Which files a command line needs: to read all commands takes as long as most of them take to answer.

import type { Register } from './command-context.ts';

/** The words, parted by spaces, that commands of a file begin with, and what adds them. */
export type CommandSource = readonly [words: string, load: () => Promise<Register>];

/** The commands of this first word; all of them where it is none of theirs: for help, for options, and for a slip. */
export function loadCommands(
  sources: readonly CommandSource[],
  first: string | undefined,
): Promise<Register[]> {
  const meant = sources.filter(
    ([words]) => first !== undefined && words.split(' ').includes(first),
  );
  return Promise.all((meant.length > 0 ? meant : sources).map(([, load]) => load()));
}
