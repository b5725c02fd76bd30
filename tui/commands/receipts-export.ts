// `odcm receipts export`: receipts as files in a folder, with all that an auditor needs to check them: those of this space, or
// those that came here of another one, so that any space can pass them on.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { RouteResult } from '../../protocols/control-api.ts';
import { ask, askRows } from '../ask.ts';
import { type CommandContext, type Invocation, invoke } from '../command-context.ts';
import { counted } from '../format/number.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { examples } from './examples.ts';
import { PROOF_ENDING, RECEIPT_ENDING, receiptNumber } from './receipt-file.ts';

const SCRIPT = new URL('../../protocols/gap/verify.sh', import.meta.url);
/** So many missing numbers are named; of more only how many. */
const NAMED = 10;

export function exportingReceipts(group: Command, context: CommandContext): void {
  group
    .command('export')
    .description('write receipts into a folder, with verify.sh and the public key of their space')
    .argument('<folder>')
    .option('--space <space>', 'those that came here of this space (default: those of this one)')
    .option('--since <number>', 'only from this number on', (text) =>
      receiptNumber('--since', text),
    )
    .addHelpText(
      'after',
      examples([
        ['odcm receipts export /media/stick/receipts', 'those of this space'],
        ['odcm receipts export /media/stick/receipts --space vault', 'pass on those of vault'],
      ]),
    )
    .action(
      async (
        folder: string,
        { space, since = 0 }: { space?: string; since?: number },
        self: Command,
      ) => {
        const invocation = invoke(self, context);
        const name = space ?? (await ask(invocation, 'status')).name;
        const { rows } = await askRows(invocation, 'receipts', { query: { space: name } });
        const wanted = rows.filter(({ index }) => index >= since);
        const here = wanted.filter(({ isMissing }) => !isMissing).map(({ index }) => index);
        const missing = wanted.filter(({ isMissing }) => isMissing).map(({ index }) => index);
        const target = resolve(folder);
        const last = await writeReceipts(invocation, { name, target, numbers: here });
        await showResult(invocation, {
          sentence: `${counted(here.length, 'receipt')} of ${name} in ${target}`,
          more: [
            ...(missing.length > 0 ? [`Not here: ${named(missing)}`] : []),
            ...(last
              ? [`Check one: sh verify.sh RECEIPT PROOF ${name}.pub.pem ${last.origin}`]
              : []),
          ],
          title: 'exports',
          columns: plainColumns('space', 'folder', 'receipts', 'missing', 'origin'),
          rows: [
            {
              space: name,
              folder: target,
              receipts: here.length,
              missing: missing.length,
              origin: last?.origin ?? null,
            },
          ],
        });
      },
    );
}

async function writeReceipts(
  invocation: Invocation,
  { name, target, numbers }: { name: string; target: string; numbers: readonly number[] },
): Promise<RouteResult<'receipt'> | undefined> {
  await mkdir(target, { recursive: true });
  let one: RouteResult<'receipt'> | undefined;
  for (const index of numbers) {
    one = await ask(invocation, 'receipt', { query: { space: name, index } });
    const stem = join(target, `${name}-${String(index).padStart(6, '0')}`);
    await writeFile(`${stem}${PROOF_ENDING}`, one.proof);
    // Last: whoever sees the receipt finds its proof.
    await writeFile(`${stem}${RECEIPT_ENDING}`, one.receipt);
  }
  if (one) {
    await writeFile(join(target, `${name}.pub.pem`), one.key);
    await writeFile(join(target, 'verify.sh'), await readFile(SCRIPT), { mode: 0o755 });
  }
  return one;
}

function named(numbers: readonly number[]): string {
  const more = numbers.length - NAMED;
  return `${numbers.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
