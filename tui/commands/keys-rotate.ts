// `odcm keys rotate`: new node and exchange keys for the space of a running node.

import type { RouteResult } from '../../protocols/control-api.ts';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';

type Rotated = RouteResult<'rotateKeys'>;

export const register: Register = (program, context) => {
  const keys =
    program.commands.find((command) => command.name() === 'keys') ??
    program.command('keys').helpGroup(GROUPS.trust);
  keys
    .command('rotate')
    .description('new node and exchange keys for the space of a running node')
    .action(async (_: object, self) => {
      const invocation = invoke(self, context);
      const rotated = await ask(invocation, 'rotateKeys');
      const { space, entry } = rotated;
      await showResult(invocation, {
        sentence:
          entry === null
            ? `ODCM has the new keys of ${space}; they are in force once the directory comes back.`
            : `${space} has new keys (directory entry ${entry}).`,
        more: [
          'Peers know the running node by its former key for up to 7 days; it takes the new one at its next start.',
          'Its certificate is renewed by itself.',
        ],
        title: 'keys',
        columns: plainColumns<Rotated>('space', 'entry', 'nodeKey'),
        rows: [rotated],
      });
    });
};
