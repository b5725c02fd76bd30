// `odcm fsck`: checks the store of a node that does not run, and says what is wrong with it.

import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import type { CheckedDatabase, CheckedLog, FsckResult, OrphanedBlocks } from '../fsck/report.ts';
import { passphraseOf } from './ask-passphrase.ts';
import { assertFormat, type LongShell, render } from './shell.ts';

interface Flags {
  readonly passphraseFile?: string;
  readonly setAside?: string;
}

const SET_ASIDE_HELP = `
Single damaged values need nothing: the node finds them and fetches them from other members.
A database that cannot be opened is set aside with --set-aside log (or blocks, views). Its folder is
renamed, never deleted. At its next start the node makes a new one and fills it from other members;
own feeds are fetched before anything is published to them again. What only this node had is in the
renamed folder, and in no other place.`;

export function registerFsck(program: Command, shell: LongShell): void {
  program
    .command('fsck')
    .helpGroup(shell.group)
    .description('check the store of this folder while its node is stopped; changes nothing')
    .option('--passphrase-file <file>', 'the passphrase of the keys stands in this file')
    .option('--set-aside <database>', 'instead: rename log, blocks or views and start it anew')
    .addHelpText('after', SET_ASIDE_HELP)
    .action(async (flags: Flags, command: Command) => {
      const { options, output, signal, progress } = shell.invoke(command);
      assertFormat(options.format);
      const [{ openHome }, { checkNode }] = await Promise.all([
        import('../home/home.ts'),
        import('../fsck/check-node.ts'),
      ]);
      const home = await openHome(options.home, passphraseOf(flags.passphraseFile));
      if (flags.setAside !== undefined) {
        const { parseDatabase, setAside } = await import('../fsck/set-aside.ts');
        const database = parseDatabase(flags.setAside);
        const aside = await setAside(home, database, Date.now());
        const text = [
          `store/${database} is now ${aside}`,
          'Start the node: it fills a new one from other members.',
        ];
        await output.write(render(options.format, { home: home.dir, database, aside }, text));
        return;
      }
      const bar = progress('Checking', 'bytes');
      const nowMs = () => performance.now();
      let result: FsckResult;
      try {
        result = await checkNode({ home, signal, nowMs, onProgress: (bytes) => bar.update(bytes) });
      } finally {
        bar.clear();
      }
      const { name, mesh } = home.config;
      const text = await describe(`${name} in ${home.dir}`, result);
      await output.write(render(options.format, { home: home.dir, name, mesh, ...result }, text));
      const { problemCount: count } = result;
      if (count === 0) return;
      throw new MeshError('STORE_DAMAGED', `${countOf(count, 'problem')} in ${home.dir}`, {
        next: 'Each stands in the report, with what to do.',
      });
    });
}

async function describe(what: string, result: FsckResult): Promise<string[]> {
  const { problemLine } = await import('../fsck/report.ts');
  const { databases, logs, orphans, problems, problemCount, tookMs } = result;
  const took = `${(tookMs / 1000).toFixed(1)} s`;
  const verdict = problemCount === 0 ? 'no problems' : countOf(problemCount, 'problem');
  const more = problemCount - problems.length;
  return [
    `${what}: ${verdict}, checked in ${took}`,
    '',
    ...databases.map(describeDatabase),
    ...logs.map(describeLog),
    ...describeOrphans(orphans),
    ...(problemCount > 0 ? [''] : []),
    ...problems.map(problemLine),
    ...(more > 0 ? [`and ${countOf(more, 'problem')} more`] : []),
  ];
}

function describeDatabase({ name, files, values, bytes }: CheckedDatabase): string {
  const mib = (bytes / 2 ** 20).toFixed(1);
  return `  ${name}: ${countOf(values, 'value')}, ${mib} MiB in ${countOf(files, 'file')}`;
}

function describeLog(log: CheckedLog): string {
  const { entries, head, items, applied, deadLetters, recordsMissing } = log;
  const parts = [countOf(entries, 'entry', 'entries')];
  if (head !== null && head > entries) parts.push(`${head - entries} still to be fetched`);
  if (recordsMissing > 0) parts.push(`${countOf(recordsMissing, 'record')} not here`);
  if (applied > 0) parts.push(countOf(items, 'item'));
  if (applied > 0 && applied !== entries) parts.push(`view at entry ${applied}`);
  if (deadLetters > 0) parts.push(countOf(deadLetters, 'dead letter'));
  return `  ${log.log}: ${parts.join(', ')}`;
}

/** How many, and which: all of them are in the JSON up to a hundred. */
function describeOrphans(orphans: OrphanedBlocks | null): string[] {
  if (orphans === null || orphans.blocks === 0) return [];
  const { blocks, bytes, hashes } = orphans;
  const sizes = `${bytes.toLocaleString('en-US')} bytes`;
  const shown = hashes.slice(0, 5).map((hash) => `    ${hash}`);
  const more = blocks - shown.length;
  return [
    `  ${countOf(blocks, 'block')} that no entry names, ${sizes}: the node takes them away by itself`,
    ...shown,
    ...(more > 0 ? [`    and ${countOf(more, 'other')}`] : []),
  ];
}

const countOf = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
