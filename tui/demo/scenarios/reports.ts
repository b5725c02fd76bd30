// Each space tells what it deployed and what it has; one that is granted all of it counts, and the figures are checked
// against what was handed in, and against the entries behind them.

import type { RouteResult } from '../../../protocols/control-api.ts';
import type { Deployment } from '../../../protocols/reports.ts';
import { type DemoMesh, LATE, ODCM, SPACES, type Space } from '../mesh.ts';
import { DAYS, pastDeployments, pastInventories } from '../sample-reports.ts';
import { type Evidence, promised, type Scenario } from '../scenario.ts';
import { headEvidence } from '../witness.ts';

/** Those that may have the reports of all: where the dashboard looks, and one more. */
const READERS: readonly Space[] = [ODCM, 'platform'];
const OPENED = 'payments';
const CONTEXTS = ['inventory', 'deployments'] as const;

type Sums = Pick<RouteResult<'reportDeployments'>['total'], 'ok' | 'failed' | 'cancelled'>;

export const reports: Scenario = {
  id: 'reports',
  title: 'Reports add up',
  promise:
    'What the spaces tell of their deployments and targets is counted at hq: every figure equals the entries that were published, and opens to them.',
  async play({ mesh, step }) {
    if (!mesh.isRunning(LATE)) await mesh.start(LATE);
    const nowMs = Date.now();
    const told = new Map(SPACES.map((space) => [space, pastDeployments(space, nowMs)]));
    const all = [...told.values()].flat();

    const feeds = await step(
      `${SPACES.length} spaces report ${all.length} deployments of ${DAYS} days, and their inventories`,
      () => Promise.all(SPACES.map((space) => report(mesh, space, told.get(space)!, nowMs))),
    );

    await step(`${ODCM} has counted every one, by space and outcome`, async () => {
      const beganMs = performance.now();
      await mesh.until(`${ODCM} holds all deployments`, async () => {
        const rows = await mesh.rows(ODCM, 'feeds');
        const isHeld = ([space, deployments]: readonly [Space, readonly Deployment[]]): boolean =>
          rows.some(
            (row) => row.feed === `${space}/deployments` && row.applied >= deployments.length,
          );
        return [...told].every(isHeld) ? true : undefined;
      });
      const counted = await mesh.until(`${ODCM} has counted all deployments`, async () => {
        const { total, rows, missing } = await mesh.ask(ODCM, 'reportDeployments', {
          query: { since: `${2 * DAYS}d`, by: 'space' },
        });
        const isWhole = sumOf(total) >= all.length && missing.length === 0;
        return isWhole ? { total, rows } : undefined;
      });
      const elapsedMs = Math.round(performance.now() - beganMs);
      same('all spaces', counted.total, sumsOf(all));
      const seen: Evidence[] = [];
      for (const [space, deployments] of told) {
        const row = counted.rows.find(({ name }) => name === space);
        promised(row !== undefined, `${ODCM} counts nothing of ${space}`);
        same(space, row, sumsOf(deployments));
        const head = await headEvidence(mesh, ODCM, `${space}/deployments`);
        seen.push({ ...head, note: inWords(row) });
      }
      return [{ space: ODCM, elapsedMs, note: `in all ${inWords(counted.total)}` }, ...seen];
    });

    await step(`a figure opens to its entries, as ${OPENED} signed them`, async () => {
      const query = { space: OPENED, outcome: 'failed', limit: 1_000 } as const;
      const rows = await mesh.rows(ODCM, 'deployments', { query });
      const failed = told.get(OPENED)!.filter(({ outcome }) => outcome === 'failed');
      promised(
        rows.length === failed.length,
        `${rows.length} open, ${failed.length} were reported`,
      );
      const signed = await mesh.rows(OPENED, 'deployments', { query });
      const hashes = new Set(signed.map(({ leafHash }) => leafHash));
      promised(
        rows.every(({ leafHash }) => hashes.has(leafHash)),
        `${ODCM} shows an entry that ${OPENED} has not`,
      );
      return rows.slice(0, 3).map(({ feed, index, leafHash, project, release, environment }) => ({
        ...{ space: ODCM, feed, entry: index, leafHash },
        note: `${project} ${release} to ${environment} failed`,
      }));
    });

    await step(`${ODCM} knows the projects and targets of all`, async () => {
      const rows = await mesh.until(`${ODCM} has all inventories`, async () => {
        const found = await mesh.rows(ODCM, 'reportInventory');
        return found.length === SPACES.length ? found : undefined;
      });
      return rows.map(({ space, version, projects, targets, unhealthy, feed, index }) => {
        const newest = pastInventories(space as Space, nowMs).at(-1);
        promised(projects === newest?.projects, `${space} has ${newest?.projects} projects`);
        const note = `${space} ${version ?? ''}: ${projects} projects, ${targets} targets, ${unhealthy} unhealthy`;
        return { space: ODCM, feed, entry: index, note };
      });
    });
    return `${all.length} deployments of ${feeds.length} spaces: ${inWords(sumsOf(all))}`;
  },
};

async function report(
  mesh: DemoMesh,
  space: Space,
  deployments: readonly Deployment[],
  nowMs: number,
): Promise<Evidence> {
  const to = READERS.filter((reader) => reader !== space);
  await Promise.all(
    CONTEXTS.map((context) =>
      mesh.ask(space, 'createFeed', { body: { name: context, context, sync: 'forced', to } }),
    ),
  );
  await mesh.report(space, 'inventory', pastInventories(space, nowMs));
  const beganMs = performance.now();
  const { published, refusedCount } = await mesh.report(space, 'deployments', deployments);
  const elapsedMs = Math.round(performance.now() - beganMs);
  promised(
    published === deployments.length && refusedCount === 0,
    `${space} took ${published} of ${deployments.length} deployments`,
  );
  const feed = `${space}/deployments`;
  return { ...(await headEvidence(mesh, space, feed)), elapsedMs };
}

function sumsOf(deployments: readonly Deployment[]): Sums {
  const count = (wanted: Deployment['outcome']): number =>
    deployments.filter(({ outcome }) => outcome === wanted).length;
  return { ok: count('ok'), failed: count('failed'), cancelled: count('cancelled') };
}

const sumOf = ({ ok, failed, cancelled }: Sums): number => ok + failed + cancelled;
const inWords = ({ ok, failed, cancelled }: Sums): string =>
  `${ok} ok, ${failed} failed, ${cancelled} cancelled`;

function same(what: string, counted: Sums, reported: Sums): void {
  promised(
    inWords(counted) === inWords(reported),
    `${ODCM} counts ${inWords(counted)} for ${what}, and ${inWords(reported)} were reported`,
  );
}
