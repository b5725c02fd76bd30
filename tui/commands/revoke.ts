// `odcm revoke SPACE`, at ODCM: shuts a space out of the mesh. Cannot be undone, so the name is typed once more.

import { createInterface } from 'node:readline';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { ask } from '../ask.ts';
import { type CommandContext, invoke, type Register } from '../command-context.ts';
import { displayText } from '../format/display-text.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';

export const register: Register = (program, context) => {
  program
    .command('revoke')
    .helpGroup(GROUPS.trust)
    .description('shut a space out of the mesh, for good (at ODCM)')
    .argument('<space>', 'its name')
    .option('--reason <text>', 'shown to everybody beside the revocation')
    .option('--yes <name>', 'the name once more, instead of typing it when asked')
    .action(async (space: string, options: { reason?: string; yes?: string }, self) => {
      const invocation = invoke(self, context);
      const typed = options.yes ?? (await askForName(space, context));
      if (typed !== space) {
        throw new MeshError(
          'USAGE',
          `${quote(typed)} is not ${quote(space)}; nothing was changed`,
          {
            next: 'Type the name of the space exactly to revoke it.',
          },
        );
      }
      const { reason } = options;
      const result = await ask(invocation, 'revoke', {
        body: { space, ...(reason === undefined ? {} : { reason }) },
      });
      await showResult(invocation, {
        sentence: `${result.space} is revoked (directory entry ${result.entry}).`,
        title: 'revocations',
        columns: plainColumns<typeof result>('space', 'entry'),
        rows: [result],
      });
    });
};

async function askForName(space: string, context: CommandContext): Promise<string> {
  const { stdin, stderr, signal } = context;
  const isTerminal = 'isTTY' in stdin && stdin.isTTY === true && stderr.isTTY === true;
  if (!isTerminal) {
    throw new MeshError('USAGE', `revoking ${quote(space)} is not confirmed`, {
      next: `Confirm it with: --yes ${displayText(space, 60)}`,
    });
  }
  stderr.write(
    `Revoking ${displayText(space)} shuts it out of the mesh for good.\nType its name to go on: `,
  );
  // Not as a terminal of its own: the kernel's line editing does, and ctrl-c stays a signal.
  const lines = createInterface({ input: stdin, terminal: false, signal });
  try {
    return await new Promise<string>((resolve) => {
      lines.once('line', (line) => resolve(line.trim()));
      lines.once('close', () => resolve(''));
    });
  } finally {
    lines.close();
    signal.throwIfAborted();
  }
}
