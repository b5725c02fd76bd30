// `odcm space NAME`: everything about one space on one page.

import { conditionOf } from '../../protocols/condition.ts';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { ask, askPart, askRows } from '../ask.ts';
import type { Invocation, Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import type { SpaceDetail } from '../views/space-detail.ts';
import { spaceFigures, spaceReport } from '../views/space-report.ts';
import { examples } from './examples.ts';

/** A page has room for so many. */
const NEWEST_DEPLOYMENTS = 8;

export const register: Register = (program, context) => {
  const command = program
    .command('space')
    .helpGroup(GROUPS.reading)
    .description('one space: health, certificate, feeds, deployments, alerts')
    .argument('<name>', 'its name, or its id')
    .addHelpText(
      'after',
      examples([
        ['odcm space payments', 'all about it on one page'],
        [
          "odcm space payments --fail-on 'away>0,failed>10'",
          'for monitoring: exit code 10 when met',
        ],
      ]),
    );
  reads(command).action((name: string, _: unknown, self) =>
    runReport(self, context, async (invocation) => {
      const [detail, status] = await Promise.all([
        load(invocation, name),
        ask(invocation, 'status'),
      ]);
      return {
        report: spaceReport(detail, status.name),
        figures: {
          ...spaceFigures(detail),
          away: conditionOf(detail.health) === 'online' ? 0 : 1,
        },
      };
    }),
  );
};

async function load(invocation: Invocation, name: string): Promise<SpaceDetail> {
  const { asOf, rows } = await askRows(invocation, 'health');
  const health = rows.find(({ space, id }) => space === name || id === name);
  if (health === undefined) {
    throw new MeshError('SPACE_UNKNOWN', `there is no space ${quote(name)} in the mesh`);
  }
  const { space } = health;
  const [feeds, grants, deployments, entries, alerts] = await Promise.all([
    askRows(invocation, 'feeds'),
    askRows(invocation, 'grants'),
    askPart(
      ask(invocation, 'reportDeployments', { query: { since: '30d', by: 'project', space } }),
    ),
    askPart(askRows(invocation, 'deployments', { query: { space, limit: NEWEST_DEPLOYMENTS } })),
    askPart(askRows(invocation, 'alerts')),
  ]);
  return {
    ...{ asOf, health, deployments },
    feeds: feeds.rows,
    grants: grants.rows,
    entries: entries?.rows ?? null,
    alerts: alerts?.rows ?? null,
  };
}
