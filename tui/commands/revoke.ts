// `odcm revoke SPACE`, at ODCM: shuts a space out of the mesh. Cannot be undone, so the name is typed once more.

import { createInterface } from 'node:readline';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { ask } from '../ask.ts';
import { type CommandContext, invoke, type Register } from '../command-context.ts';
import { displayText } from '../format/display-text.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { type Aftermath, aftermath, waits } from './aftermath.ts';

interface Options {
  readonly reason?: string;
  readonly lastGood?: Record<string, number>;
  readonly yes?: string;
  readonly wait?: boolean;
}

type Revoked = Omit<Aftermath, 'sentences'> & { readonly space: string; readonly entry: number };

export const register: Register = (program, context) => {
  const command = program
    .command('revoke')
    .helpGroup(GROUPS.trust)
    .description('shut a space out of the mesh, for good (at ODCM)')
    .argument('<space>', 'its name')
    .option('--reason <text>', 'shown to everybody beside the revocation')
    .option(
      '--last-good <feed=n>',
      'of this feed of it only the first n entries are good, may be repeated',
      collectLastGood,
    )
    .option('--yes <name>', 'the name once more, instead of typing it when asked');
  waits(command).action(async (space: string, options: Options, self) => {
    const invocation = invoke(self, context);
    const typed = options.yes ?? (await askForName(space, context));
    if (typed !== space) {
      throw new MeshError('USAGE', `${quote(typed)} is not ${quote(space)}; nothing was changed`, {
        next: 'Type the name of the space exactly to revoke it.',
      });
    }
    const { reason, lastGood, wait: isWaiting = false } = options;
    const result = await ask(invocation, 'revoke', {
      body: {
        space,
        ...(reason === undefined ? {} : { reason }),
        ...(lastGood === undefined ? {} : { lastGood }),
      },
    });
    const { sentences, ...rest } = await aftermath(invocation, { ...result, isWaiting });
    await showResult(invocation, {
      sentence: `${result.space} is revoked (directory entry ${result.entry}).`,
      more: sentences,
      title: 'revocations',
      columns: plainColumns<Revoked>(
        ...(['space', 'entry', 'applied', 'of', 'missing'] as const),
        ...(['feeds', 'readable', 'sensitive'] as const),
      ),
      rows: [{ ...result, ...rest }],
    });
  });
};

function collectLastGood(text: string, before: Record<string, number> = {}) {
  const [, feed, size] = /^(.+)=(\d{1,15})$/.exec(text) ?? [];
  if (feed !== undefined && size !== undefined) return { ...before, [feed]: Number(size) };
  throw new MeshError('USAGE', `${quote(text)} names no feed and number of entries`, {
    next: 'Write: --last-good variables/base=1200',
  });
}

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
