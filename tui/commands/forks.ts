// `odcm forks`: logs of which two histories were signed, their proofs, and checking a proof without any node.

import { readFile, writeFile } from 'node:fs/promises';
import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { ask, askKnown } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { directoryAge, directoryNote } from './directory-note.ts';
import { checkEvidence, evidenceText, parseEvidence } from './fork-evidence.ts';

type ForkRow = RouteResult<'forks'>;

const COLUMNS: readonly Column<ForkRow>[] = [
  { key: 'log', title: 'log', priority: 0, width: 24, grows: true, maxWidth: 48 },
  { key: 'size', title: 'head', kind: 'number', priority: 1, width: 9 },
  { key: 'otherSize', title: 'other head', kind: 'number', priority: 1, width: 10 },
  { key: 'common', title: 'in both', kind: 'number', priority: 0, width: 9 },
  { key: 'held', title: 'ours', kind: 'number', priority: 2, width: 9 },
  { key: 'foundAt', title: 'found', kind: 'age', priority: 1, width: 8 },
  {
    key: 'settled',
    title: 'settled',
    priority: 0,
    width: 7,
    tone: (_, { settled }) => (settled ? 'dim' : 'bad'),
  },
  { key: 'origin', title: 'origin', wide: true },
];

export const register: Register = (program, context) => {
  const command = program
    .command('forks')
    .helpGroup(GROUPS.trust)
    .description('logs of which two histories were signed, and the proofs');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'forks');
      const open = rows.filter(({ settled }) => !settled).length;
      return {
        report: {
          title: 'forks',
          columns: COLUMNS,
          rows,
          asOf: Date.parse(asOf),
          target: status.name,
          notes: [directoryNote(status.directory)],
        },
        figures: {
          open,
          settled: rows.length - open,
          directoryAge: directoryAge(status.directory),
        },
      };
    }),
  );

  command
    .command('show')
    .description('the proof of a fork, as text that anybody can check')
    .argument('<log>', "SPACE/FEED, or 'directory'")
    .option('--out <file>', 'write it there instead')
    .action(async (log: string, { out }: { out?: string }, self) => {
      const invocation = invoke(self, context);
      const text = evidenceText(await ask(invocation, 'fork', { query: { log } }));
      if (out === undefined) return void (await invocation.output.write(text));
      await writeFile(out, text, { flag: 'wx' }).catch((cause: unknown) => {
        throw new MeshError('USAGE', `the proof cannot be written to ${JSON.stringify(out)}`, {
          cause,
        });
      });
      await invocation.output.write(
        `The proof is in ${out}. Check it with: odcm forks verify ${out}\n`,
      );
    });

  command
    .command('verify')
    .description('check a proof in a file; needs no node')
    .argument('<file>', 'as written by odcm forks show')
    .option(
      '--key <base64>',
      'the key of the signer as you know it, instead of the one in the file',
    )
    .action(async (file: string, { key }: { key?: string }, self) => {
      const invocation = invoke(self, context);
      const bytes = await readFile(file).catch((cause: unknown) => {
        throw new MeshError('USAGE', `${JSON.stringify(file)} cannot be read`, { cause });
      });
      const result = checkEvidence(parseEvidence(bytes), key);
      const { origin, size, otherSize, keys } = result;
      await showResult(invocation, {
        sentence: `Proven: two histories of ${origin} were signed, with ${size} and ${otherSize} entries.`,
        more: [
          key === undefined
            ? `By the key in the file; compare it with the directory: ${keys}`
            : `By the key that you gave: ${keys}`,
        ],
        title: 'forks',
        columns: plainColumns<typeof result>('origin', 'size', 'otherSize', 'keys'),
        rows: [result],
      });
    });
};
