// `odcm deployments [SPACE]`: single deployments, newest first; what a figure of the report opens to.

import { Option } from 'commander';
import type { RouteQuery } from '../../protocols/control-api.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ask, askRows } from '../ask.ts';
import type { Invocation, Register } from '../command-context.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import type { Answer, DeploymentRow } from '../views/answers.ts';
import { deploymentsView } from '../views/deployments.ts';
import { reportOf } from '../views/table.ts';
import { parseCount, parseMoment } from './arguments.ts';
import { examples } from './examples.ts';

interface Options {
  readonly project?: string;
  readonly environment?: string;
  readonly outcome?: DeploymentRow['outcome'];
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
}

const DEFAULT_LIMIT = 100;

export const register: Register = (program, context) => {
  const command = program
    .command('deployments')
    .helpGroup(GROUPS.reading)
    .description('single deployments, newest first, with the entries that prove them')
    .argument('[space]', 'of one space only')
    .option('--project <name>', 'of one project only')
    .option('--environment <name>', 'into one environment only')
    .addOption(
      new Option('--outcome <outcome>', 'only those that ended so').choices([
        'ok',
        'failed',
        'cancelled',
      ]),
    )
    .option('--since <time>', 'ended since then: 24h, 14d, 2026-11-01')
    .option('--until <time>', 'ended before then: 1d, 2026-11-20T10:00Z')
    .option('--limit <number>', `at most so many (default: ${DEFAULT_LIMIT})`)
    .addHelpText(
      'after',
      examples([
        ['odcm deployments payments --outcome failed --since 7d', 'what failed there this week'],
        ['odcm deployments --project web --environment production', 'one project, everywhere'],
        ["odcm deployments --since 1h --fail-on 'failed>10'", 'exit code 10 when met'],
      ]),
    );
  reads(command).action((space: string | undefined, options: Options, self) =>
    runReport(self, context, async (invocation) => {
      const limit = parseCount('--limit', options.limit) ?? DEFAULT_LIMIT;
      const [answer, status] = await Promise.all([
        newest(invocation, queryOf(space, options), limit),
        ask(invocation, 'status'),
      ]);
      const view = deploymentsView(answer);
      const isCut = answer.rows.length === limit;
      return {
        report: {
          ...reportOf(view, status.name),
          notes: isCut ? ['Older ones may follow; see more with --limit.'] : [],
        },
        figures: view.figures,
      };
    }),
  );
};

function queryOf(space: string | undefined, options: Options): RouteQuery<'deployments'> {
  const { project, environment, outcome, since, until } = options;
  return {
    ...(space === undefined ? {} : { space }),
    ...(project === undefined ? {} : { project }),
    ...(environment === undefined ? {} : { environment }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(since === undefined ? {} : { since: parseMoment('--since', since) }),
    ...(until === undefined ? {} : { until: parseMoment('--until', until) }),
  };
}

/** Page by page; a page goes on behind the very row that ended the one before. */
async function newest(
  invocation: Invocation,
  query: RouteQuery<'deployments'>,
  limit: number,
): Promise<Answer<DeploymentRow>> {
  const rows: DeploymentRow[] = [];
  let asOf: string | undefined;
  for (let before: string | undefined; ; ) {
    const pageRows = Math.min(LIMITS.pageRows, limit - rows.length);
    const page = await askRows(invocation, 'deployments', {
      query: { ...query, limit: pageRows, ...(before === undefined ? {} : { before }) },
    });
    asOf ??= page.asOf;
    rows.push(...page.rows);
    const last = page.rows.at(-1);
    if (last === undefined || page.rows.length < pageRows || rows.length >= limit) {
      return { asOf, rows };
    }
    before = `${last.endedAt}~${last.feed}~${last.index}`;
  }
}
