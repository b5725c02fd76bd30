// `odcm revocations`: access that was taken away, and who applies it; `odcm statement SPACE`: the signed statement that shows it.

import { ask, askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import type { StatementResult } from '../views/answers.ts';
import { revocationsView } from '../views/revocations.ts';
import { reportOf } from '../views/table.ts';
import { directoryNote } from './directory-note.ts';
import { examples } from './examples.ts';

export const register: Register = (program, context) => {
  const command = program
    .command('revocations')
    .helpGroup(GROUPS.trust)
    .description('access that was taken away, who has applied it and who has not')
    .addHelpText(
      'after',
      examples([
        ['odcm revocations --watch 2s', 'until everybody has applied the newest'],
        ["odcm revocations --fail-on 'notApplied>0'", 'for monitoring: exit code 10 when met'],
        ['odcm statement payments', 'the evidence: what payments has signed'],
      ]),
    );
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { status, ...answer } = await askKnown(invocation, 'revocations', {
        query: { limit: 50 },
      });
      const view = revocationsView(answer);
      const report = reportOf(view, status.name);
      return {
        report: { ...report, notes: [directoryNote(status.directory)] },
        figures: view.figures,
      };
    }),
  );
};

const STATEMENT_COLUMNS: readonly Column<StatementResult>[] = [
  { key: 'space', title: 'space' },
  { key: 'saidAt', title: 'said', kind: 'time' },
  {
    key: 'directory',
    title: 'directory',
    format: (_, { directory }) => `applies every entry below ${directory.size}`,
  },
  { key: 'root', title: 'root', value: ({ directory }) => directory.root },
  {
    key: 'isGenuine',
    title: 'signature',
    format: (_, { isGenuine }) => (isGenuine ? 'by the key of the directory' : 'does not verify'),
    tone: (_, { isGenuine }) => (isGenuine ? 'good' : 'bad'),
  },
  { key: 'version', title: 'version' },
  { key: 'incarnation', title: 'incarnation' },
  { key: 'id', title: 'space id' },
  { key: 'key', title: 'Ed25519 key' },
  { key: 'signature', title: 'signed by it' },
  { key: 'signed', title: 'signed bytes' },
];

export const registerStatement: Register = (program, context) => {
  const command = program
    .command('statement')
    .helpGroup(GROUPS.trust)
    .description('what a space has signed last: the evidence of what it applies')
    .argument('<space>', 'its name');
  reads(command).action((space: string, _: unknown, self) =>
    runReport(self, context, async (invocation) => {
      const [statement, status] = await Promise.all([
        ask(invocation, 'statement', { query: { space } }),
        ask(invocation, 'status'),
      ]);
      return {
        report: {
          ...{ title: 'statements', columns: STATEMENT_COLUMNS, rows: [statement] },
          ...{ asOf: context.now(), target: status.name, layout: 'record' as const },
        },
        figures: { genuine: statement.isGenuine ? 1 : 0, size: statement.directory.size },
      };
    }),
  );
};
