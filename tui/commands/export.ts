// `odcm export FILE --to SPACE`: writes a bundle for a space behind an air gap.

import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { RouteBody } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { formatBytes } from '../format/bytes.ts';
import { counted } from '../format/number.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { collect } from './arguments.ts';
import { examples } from './examples.ts';
import { personOf } from './gap-group.ts';
import { followWork } from './gap-lines.ts';
import { readReceiptFile } from './receipt-file.ts';

interface Options {
  readonly to: string;
  readonly feed?: readonly string[];
  readonly since?: number;
  readonly have?: string;
  readonly full?: boolean;
  readonly by?: string;
}

const ENDING = /(\.manifest|\.manifest\.p7s|\.car)$/;

export const register: Register = (program, context) => {
  program
    .command('export')
    .helpGroup(GROUPS.gap)
    .description(
      'write a bundle for a space behind an air gap: FILE.manifest, FILE.manifest.p7s, FILE.car',
    )
    .argument('<file>', 'name of the bundle, or a folder for it')
    .requiredOption('--to <space>', 'who is to import it')
    .option(
      '--feed <feed>',
      'only this feed, may be repeated (default: all that it may have)',
      collect,
    )
    .option('--since <bundle>', 'go on from this bundle, as if it had arrived', parseBundle)
    .option('--have <receipt>', 'go on from the bundle of this receipt, a file that came back')
    .option('--full', 'everything, whatever the space has')
    .option('--by <name>', 'who exports (default: the name of this account)')
    .addHelpText(
      'after',
      examples([
        ['odcm export /media/stick/vault --to vault', 'what it lacks, as far as its receipts tell'],
        ['odcm export out --to vault --full', 'everything it may have'],
        ['sha256sum -c --strict vault.manifest', 'checks the copy, on any machine'],
      ]),
    )
    .action(async (file: string, options: Options, self) => {
      const invocation = invoke(self, context);
      const base = await baseOf(invocation, options);
      const path = await bundlePath(file, options.to);
      const outcome = await followWork(invocation, 'exportBundle', {
        ...{ path, to: options.to, base, by: personOf(options.by) },
        ...(options.feed ? { feeds: [...options.feed] } : {}),
      });
      if ('unchanged' in outcome) return;
      const { crossing, absent, missing, files } = outcome;
      const size = formatBytes(crossing.sizeBytes);
      const from = crossing.base === 0 ? 'everything' : `what is new since bundle ${crossing.base}`;
      await showResult(invocation, {
        sentence: `bundle ${crossing.sequence} for ${crossing.space}: ${from}, ${counted(crossing.entries, 'entry', 'entries')}, ${size}`,
        more: [
          ...files.map((name) => `  ${name}`),
          ...absent.map((feed) => `not here, and so not in it: ${feed}`),
          ...(missing.length > 0
            ? [`${counted(missing.length, 'record')} not here, named in it`]
            : []),
        ],
        title: 'bundles',
        columns: plainColumns(
          'space',
          'sequence',
          'base',
          'entries',
          'sizeBytes',
          'manifest',
          'files',
          'absent',
          'missing',
        ),
        rows: [{ ...crossing, files, absent, missing }],
      });
    });
};

function parseBundle(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new MeshError('USAGE', `--since ${text} is not the number of a bundle`, {
    next: 'See: odcm gap ledger',
  });
}

async function baseOf(
  invocation: Parameters<typeof ask>[0],
  { since, have, full }: Options,
): Promise<NonNullable<RouteBody<'exportBundle'>['base']>> {
  if ([since, have, full].filter((one) => one !== undefined).length > 1)
    throw new MeshError('USAGE', '--since, --have and --full contradict each other', {
      next: 'Give one of them.',
    });
  if (full) return 'nothing';
  if (since !== undefined) return { sequence: since };
  if (have === undefined) return 'acknowledged';
  const { bundle } = await ask(invocation, 'addReceipt', { body: await readReceiptFile(have) });
  if (bundle) return { sequence: bundle.sequence };
  throw new MeshError('USAGE', `${have} is not the receipt of a bundle`, {
    next: 'Give the receipt of an import.',
  });
}

/** The node writes it: it needs to know where, whatever folder it runs in. */
export async function bundlePath(file: string, to: string): Promise<string> {
  const path = resolve(file.replace(ENDING, ''));
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isFolder) return path;
  const stamp = new Date()
    .toISOString()
    .replaceAll(/[-:]|\..*/g, '')
    .replace('T', '-');
  return join(path, `${basename(to)}-${stamp}`);
}
