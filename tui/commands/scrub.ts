// `odcm scrub`: the slow check of this node's whole store: how far it is, what it found, starting it now.

import type { RouteResult } from '../../protocols/control-api.ts';
import { ask, askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';

type Damage = RouteResult<'damage'>;
type Scrub = RouteResult<'scrub'>;

const SCRUB_COLUMNS: readonly Column<Scrub>[] = [
  { key: 'state', title: 'state' },
  { key: 'startedAt', title: 'started', kind: 'time' },
  { key: 'part', title: 'part' },
  { key: 'bytes', title: 'read', kind: 'bytes' },
  {
    key: 'found',
    title: 'found',
    kind: 'number',
    tone: (_, { found }) => (found > 0 ? 'bad' : undefined),
  },
  { key: 'lastFinishedAt', title: 'last finished', kind: 'time' },
  { key: 'lastBytes', title: 'last read', kind: 'bytes' },
  { key: 'lastFound', title: 'last found', kind: 'number' },
  { key: 'lastOrphans', title: 'orphans removed', kind: 'number' },
  { key: 'nextAt', title: 'next', kind: 'time' },
  { key: 'bytesPerSecond', title: 'bytes a second', kind: 'bytes' },
];

const DAMAGE_COLUMNS: readonly Column<Damage>[] = [
  { key: 'kind', title: 'kind' },
  { key: 'subject', title: 'subject' },
  { key: 'foundAt', title: 'found', kind: 'time' },
  {
    key: 'repairedAt',
    title: 'repaired',
    kind: 'time',
    tone: (_, { repairedAt }) => (repairedAt === null ? 'bad' : 'good'),
  },
  { key: 'source', title: 'from' },
  { key: 'what', title: 'what' },
  { key: 'lastError', title: 'last error' },
  { key: 'tries', title: 'tries', kind: 'number', wide: true },
];

export const register: Register = (program, context) => {
  const scrub = program
    .command('scrub')
    .helpGroup(GROUPS.reading)
    .description('the slow check of this node’s whole store')
    .addHelpText(
      'after',
      '\nThe store is read once a week, slowly. What is damaged comes back from other members by itself.\nodcm scrub status shows how far it is, odcm scrub start begins now, odcm scrub damage lists what was found.',
    );
  const one = (name: string, description: string, route: 'scrub' | 'startScrub') =>
    reads(scrub.command(name).description(description)).action((_, self) =>
      runReport(self, context, async (invocation) => {
        const result = await ask(invocation, route);
        return {
          report: {
            title: 'scrub',
            columns: SCRUB_COLUMNS,
            rows: [result],
            asOf: context.now(),
            target: (await ask(invocation, 'status')).name,
            layout: 'record',
          },
          figures: { found: result.found },
        };
      }),
    );
  one('status', 'how far it is, and what the last round found', 'scrub');
  one('start', 'begins a round now', 'startScrub');
  reads(scrub.command('damage').description('what was found damaged since the start')).action(
    (_, self) =>
      runReport(self, context, async (invocation) => {
        const { rows, asOf, status } = await askKnown(invocation, 'damage');
        return {
          report: {
            title: 'damage',
            columns: DAMAGE_COLUMNS,
            rows,
            asOf,
            target: status.name,
            empty: 'Nothing was found damaged since the start.',
          },
          figures: { damaged: rows.filter((row) => row.repairedAt === null).length },
        };
      }),
  );
};
