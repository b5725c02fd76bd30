// `odcm import FILE`: checks a bundle, shows what it changes, and lets it in once it is approved.

import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type CommandContext, type Invocation, invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { showResult } from '../show-result.ts';
import { diffLines, type ImportDetail } from '../views/gap.ts';
import { collect } from './arguments.ts';
import { examples } from './examples.ts';
import { personOf } from './gap-group.ts';
import { followWork } from './gap-lines.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly approve?: readonly string[];
  readonly by?: string;
}

export const register: Register = (program, context) => {
  program
    .command('import')
    .helpGroup(GROUPS.gap)
    .description('check a bundle, show what it changes, and let it in once it is approved')
    .argument('<file>', 'any of its three files')
    .option('--dry-run', 'only check it and show what it would change')
    .option('--approve <name>', 'approve it in this name, may be repeated', collect)
    .option('--by <name>', 'who brings it (default: the name of this account)')
    .addHelpText(
      'after',
      examples([
        ['odcm import /media/stick/vault-000017 --dry-run', 'what would it change?'],
        ['odcm import /media/stick/vault-000017 --approve Lisa', 'let it in'],
        ['odcm gap approve library 17', 'the second of two approvals'],
      ]),
    )
    .action(async (file: string, options: Options, self) => {
      const invocation = invoke(self, context);
      const by = personOf(options.by);
      const { dryRun = false } = options;
      const staged = await followWork(invocation, 'importBundle', {
        path: resolve(file),
        by,
        dryRun,
      });
      if (dryRun || staged.crossing.state !== 'waiting') return show(invocation, staged);
      const names = options.approve ?? (await askApproval(invocation, staged, context));
      let last: ImportDetail = staged;
      for (const name of names) {
        const { space: exporter, sequence, state } = last.crossing;
        if (state === 'waiting')
          last = await followWork(invocation, 'approveImport', { exporter, sequence, by: name });
      }
      await show(invocation, last);
    });
};

/** Whoever sits at a terminal sees the differences before the question; nobody else approves by accident. */
async function askApproval(
  { output }: Invocation,
  staged: ImportDetail,
  { stdin, stderr, signal }: CommandContext,
): Promise<readonly string[]> {
  const isTerminal = (stdin as { isTTY?: boolean }).isTTY === true && stderr.isTTY === true;
  if (!isTerminal) return [];
  for (const line of diffLines(staged)) output.say(line);
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    const name = await lines.question(
      'Type your name to approve it, or nothing to leave it waiting: ',
      { signal },
    );
    return name.trim() === '' ? [] : [name.trim()];
  } finally {
    lines.close();
  }
}

export async function show(invocation: Invocation, detail: ImportDetail): Promise<void> {
  const [sentence = '', ...more] = diffLines(detail);
  const { crossing, diff, needed } = detail;
  const isWaiting = crossing.state === 'waiting';
  await showResult(invocation, {
    sentence,
    more: isWaiting
      ? [...more, `Approve it with: odcm gap approve ${crossing.space} ${crossing.sequence}`]
      : more,
    title: 'imports',
    columns: [
      ...(
        [
          'space',
          'sequence',
          'base',
          'state',
          'entries',
          'sizeBytes',
          'manifest',
          'approvals',
        ] as const
      ).map((key) => ({ key, title: key })),
      { key: 'needed', title: 'needed' },
      { key: 'diff', title: 'diff' },
    ],
    rows: [{ ...crossing, needed, diff }],
  });
}
