// Screen 5: projects and targets per space; deployments over a timeframe, by space, project or environment; and the
// entries that a figure of it opens to.

import type { DeploymentReport, DeploymentRow } from '../../views/answers.ts';
import { deploymentsView, missingLines, reportView, windowText } from '../../views/deployments.ts';
import { type InventoryLine, inventoryView, spreadPanel } from '../../views/inventory.ts';
import type { Line, Panel, Room } from '../../views/table.ts';
import { barChart } from '../chart.ts';
import { number } from '../chrome.ts';
import { deploymentReport, deploymentsOf, type GroupBy, SOURCES } from '../sources.ts';
import { GROUPS, type State } from '../state.ts';
import { shellWord, spaced } from '../words.ts';
import { anyTable, remember, type Screen } from './screen.ts';

export function createInventoryScreen(): Screen {
  const table = remember(inventoryView);
  return {
    id: 'inventory',
    title: 'Reports',
    sources: () => [SOURCES.inventory],
    content: ({ get }) => {
      const answer = get(SOURCES.inventory).data;
      return {
        crumb: 'Reports › Projects and targets per space',
        parts: ['tab: deployments'],
        ...(answer === undefined ? {} : { table: anyTable(table(answer)) }),
        nameOf: (row) => (row as InventoryLine).space,
        open: (row) => ({ screen: 'space', subject: (row as InventoryLine).space }),
        below: () =>
          answer === undefined
            ? []
            : [
                [
                  { id: 'projects', make: (room) => spreadPanel(answer, 'projects', room) },
                  { id: 'targets', make: (room) => spreadPanel(answer, 'targets', room) },
                ],
              ],
        command: 'odcm report inventory',
      };
    },
  };
}

const CHART_ROWS = 4;
/** Of the spaces that are not counted. */
const MAX_NAMED = 40;
const DAY_MS = 86_400_000;

/** Bars of what went well for each bucket, what failed below them. */
function chartOf(report: DeploymentReport, { columns }: Room): Panel {
  const { buckets, total, since, until } = report;
  const isShort = Date.parse(until) - Date.parse(since) <= 2 * DAY_MS;
  const label = (iso: string): string => (isShort ? iso.slice(11, 16) : iso.slice(5, 10));
  const bars = buckets.map((iso, at) => ({ label: label(iso), value: total.trend[at] ?? null }));
  const failed = total.failedTrend.reduce((sum, count) => sum + count, 0);
  const most = Math.max(0, ...total.failedTrend);
  const worst = buckets[total.failedTrend.indexOf(most)];
  const worstLine: Line =
    failed === 0 || worst === undefined
      ? [{ text: 'none failed', tone: 'good' }]
      : [
          {
            text: `failed ${number(failed)}, most ${number(most)} in the bar of ${label(worst)}`,
            tone: 'bad',
          },
        ];
  return {
    id: 'chart',
    title: `Deployments that went well, ${windowText(report)}`,
    lines: [...barChart(bars, columns, CHART_ROWS), worstLine],
  };
}

export function createReportScreen(): Screen {
  const table = remember(reportView);
  const source = ({ timeframe, groupBy }: State) => deploymentReport(timeframe, groupBy);
  return {
    id: 'report',
    title: 'Reports',
    sources: (state) => [source(state)],
    content: ({ get, state }) => {
      const report = get(source(state)).data;
      const view = report === undefined ? undefined : table(report, report.until);
      return {
        crumb: 'Reports › Deployments',
        parts: [`last ${spaced(state.timeframe)}`, `by ${state.groupBy}`],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => (row as { name: string }).name,
        open: (row) => ({
          screen: 'deployments',
          subject: `${state.groupBy} ${(row as { name: string }).name}`,
        }),
        below: () =>
          report === undefined
            ? []
            : [
                [{ id: 'chart', make: (room) => chartOf(report, room) }],
                ...(report.missing.length === 0
                  ? []
                  : [[{ id: 'missing', make: () => missingPanel(report.missing) }]]),
              ],
        command: `odcm report deployments --since ${state.timeframe} --by ${state.groupBy}`,
      };
    },
  };
}

function missingPanel(missing: DeploymentReport['missing']): Panel {
  return {
    id: 'missing',
    title: 'Not all counted',
    lines: missingLines(missing, MAX_NAMED).map(
      (text, at): Line => [at === 0 ? { text, tone: 'warn' } : { text }],
    ),
  };
}

/** The subject is `space NAME`, `project NAME` or `environment NAME`. */
function figureOf(subject: string): { readonly by: GroupBy; readonly name: string } {
  const at = subject.indexOf(' ');
  const by = GROUPS.find((known) => known === subject.slice(0, at)) ?? 'space';
  return { by, name: subject.slice(at + 1) };
}

export function createDeploymentsScreen(): Screen {
  const table = remember(deploymentsView);
  const source = (state: State, subject: string) => {
    const { by, name } = figureOf(subject);
    return deploymentsOf({ [by]: name }, state.timeframe);
  };
  return {
    id: 'deployments',
    title: 'Deployments',
    sources: (state, { subject = '' }) => [source(state, subject)],
    content: ({ get, state, place: { subject = '' } }) => {
      const { by, name } = figureOf(subject);
      const answer = get(source(state, subject)).data;
      return {
        crumb: `Reports › Deployments › ${name}`,
        parts: [`of this ${by}`, `last ${spaced(state.timeframe)}`],
        ...(answer === undefined ? {} : { table: anyTable(table(answer)) }),
        nameOf: (row) => (row as DeploymentRow).leafHash,
        open: (row) => ({ screen: 'feed', subject: (row as DeploymentRow).feed }),
        command: `odcm deployments ${by === 'space' ? '' : `--${by} `}${shellWord(name)} --since ${state.timeframe}`,
      };
    },
  };
}
