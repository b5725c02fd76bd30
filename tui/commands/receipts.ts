// `odcm receipts`: what spaces behind an air gap say they deployed, with what is missing; out and in as files or as a code.

import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
import type { RouteResult } from '../../protocols/control-api.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { ask, askRows } from '../ask.ts';
import { type CommandContext, type Invocation, invoke, type Register } from '../command-context.ts';
import { counted } from '../format/number.ts';
import { reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { receiptsView } from '../views/gap.ts';
import { reportOf } from '../views/table.ts';
import { examples } from './examples.ts';
import { receiptsGroup } from './gap-group.ts';
import {
  fromCode,
  type ReceiptText,
  readReceiptFile,
  receiptNumber,
  receiptsIn,
  toCode,
} from './receipt-file.ts';
import { exportingReceipts } from './receipts-export.ts';

const STDIN = '-';
/** A code that a camera has read: the largest holds 4,296 characters. */
const CODE_CHARS = 8192;

export const register: Register = (program, context) => {
  const group = receiptsGroup(program);
  list(group, context);
  exportingReceipts(group, context);
  importing(group, context, 'import');
  importing(group, context, 'verify');
  qr(group, context);
};

function list(group: Command, context: CommandContext): void {
  const command = group
    .command('list', { isDefault: true })
    .description('receipts of this space and of others, with the numbers that are missing')
    .argument('[space]', 'only of this space')
    .addHelpText(
      'after',
      examples([["odcm receipts list --fail-on 'missing>0'", 'for monitoring']]),
    );
  reads(command).action((space: string | undefined, _: unknown, self) =>
    runReport(self, context, async (invocation) => {
      const [answer, status] = await Promise.all([
        askRows(invocation, 'receipts', { query: space === undefined ? {} : { space } }),
        ask(invocation, 'status'),
      ]);
      const view = receiptsView(answer);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
}

function importing(group: Command, context: CommandContext, verb: 'import' | 'verify'): void {
  const isCheck = verb === 'verify';
  group
    .command(verb)
    .description(
      isCheck
        ? 'check receipts by what this node knows; keeps nothing'
        : 'take in receipts that came back',
    )
    .argument(
      '<file...>',
      'receipts, folders of them, or - for the text of a code on standard input',
    )
    .action(async (files: string[], _: unknown, self) => {
      const invocation = invoke(self, context);
      const rows: (RouteResult<'addReceipt'> & { file: string })[] = [];
      const refused: string[] = [];
      for (const { file, read } of await sources(files, context)) {
        try {
          const text = await read();
          rows.push({
            file,
            ...(await ask(invocation, 'addReceipt', { body: { ...text, isCheck } })),
          });
        } catch (error) {
          const fault = asMeshError(error);
          // Nothing that follows can be asked either.
          if (fault.code === 'NODE_UNREACHABLE') throw fault;
          refused.push(`${file}: ${fault.line}`);
        }
      }
      const fresh = rows.filter(({ isNew }) => isNew).length;
      await showResult(invocation, {
        sentence: isCheck
          ? `${counted(rows.length, 'receipt')} verified`
          : `${counted(rows.length, 'receipt')}, ${fresh} new`,
        more: rows.map(
          ({ space, index, what, outcome }) =>
            `  ${space} ${index}: ${what}${outcome ? `, ${outcome}` : ''}`,
        ),
        title: 'receipts',
        columns: plainColumns(
          'file',
          'space',
          'index',
          'kind',
          'at',
          'what',
          'outcome',
          'by',
          'isNew',
        ),
        rows,
      });
      for (const line of refused) invocation.output.say(line);
      if (refused.length > 0)
        throw new MeshError('BAD_SIGNATURE', `${counted(refused.length, 'receipt')} not accepted`, {
          next: 'The lines above say why. Ask the space for them again.',
        });
    });
}

interface Source {
  readonly file: string;
  readonly read: () => Promise<ReceiptText>;
}

async function sources(files: readonly string[], { stdin }: CommandContext): Promise<Source[]> {
  const out: Source[] = [];
  for (const file of files) {
    if (file === STDIN) out.push({ file, read: async () => fromCode(await readLine(stdin)) });
    else if ((await stat(file).catch(() => undefined))?.isDirectory())
      for (const one of await receiptsIn(file))
        out.push({ file: one, read: () => readReceiptFile(one) });
    else out.push({ file, read: () => readReceiptFile(file) });
  }
  return out;
}

async function readLine(stdin: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const piece of stdin) {
    text += String(piece);
    if (text.length > CODE_CHARS) throw new MeshError('TOO_LARGE', 'that is no code of a receipt');
    if (text.includes('\n')) break;
  }
  return text.split('\n')[0]!.trimEnd();
}

function qr(group: Command, context: CommandContext): void {
  group
    .command('qr')
    .description('show a receipt as a QR code, for a camera on the other side')
    .argument('<number>', 'which one', (text) => receiptNumber('the receipt', text))
    .option('--space <space>', 'of this space (default: this one)')
    .option('--text', 'the text of the code instead')
    .action(async (index: number, { space, text }: { space?: string; text?: boolean }, self) => {
      const invocation = invoke(self, context);
      const name = space ?? (await ask(invocation, 'status')).name;
      const code = toCode(await ask(invocation, 'receipt', { query: { space: name, index } }));
      await invocation.output.write(`${text ? code : drawn(invocation, code)}\n`);
    });
}

function drawn({ terminal }: Invocation, code: string): string {
  const picture = renderUnicodeCompact(code, { ecc: 'L', border: 2 });
  const columns = picture.indexOf('\n');
  if (terminal.maxColumns !== undefined && columns > terminal.maxColumns)
    throw new MeshError(
      'USAGE',
      `the code is ${columns} columns wide and the terminal ${terminal.maxColumns}`,
      {
        next: 'Make the letters smaller, or carry the text: --text',
      },
    );
  return picture;
}
