// The facts for the rules of alerts, out of the same answers that the control API gives: what an alert says and what a
// screen shows cannot differ. A part that cannot be had just now is not known.

import { statfs } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { RouteResult } from '../../protocols/control-api.ts';
import type { DeploymentFact, DiskFact, FeedFact, SpaceFact, StoreFact } from '../alerts/facts.ts';
import { RecentCounts } from '../alerts/recent-counts.ts';
import type { AlertSettings } from '../alerts/settings.ts';
import type { GatheredFacts } from '../alerts/watch.ts';
import { isRenewedByFile } from '../health/trust-life.ts';
import type { MeshNode } from '../node.ts';
import { feedListHandlers } from './feed-list-handlers.ts';
import { openForks } from './fork-handlers.ts';
import { GapFacts } from './gap-facts.ts';
import { iso } from './handler.ts';
import { healthRows } from './health-handlers.ts';
import { reportHandlers } from './report-handlers.ts';

/** Reports are made of signed entries: counting them anew every few seconds would tell nothing sooner. */
const DEPLOYMENTS_EVERY_MS = 30_000;
/** What is usual is taken from this long before the window. */
const USUAL_OVER_MS = 7 * 24 * 3_600_000;

type Sums = RouteResult<'reportDeployments'>['rows'][number];

export class AlertFacts {
  readonly #node: MeshNode;
  readonly #gap: GapFacts;
  readonly #refusals = new RecentCounts();
  #deployments: readonly DeploymentFact[] | null = null;
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(node: MeshNode) {
    this.#node = node;
    this.#gap = new GapFacts(node);
  }

  async gather(settings: AlertSettings): Promise<GatheredFacts> {
    const { directory, clock } = this.#node;
    const { windowMs } = settings.rules['refusals-rising'];
    const refusals = this.#refusals.grow(this.#node.allRefusals(), windowMs, clock.nowMs());
    const [feeds, deployments, disk, gap] = await Promise.all([
      this.#part('feeds', () => this.#feeds()),
      this.#part('deployments', () => this.#deploymentsOf(settings)),
      this.#part('disk', () => diskOf(this.#node.home.dir)),
      this.#part('gap', () => this.#gap.gather()),
    ]);
    return {
      spaces: await this.#part('spaces', async () => healthRows(this.#node).map(spaceOf)),
      ...{ feeds, deployments, disk, gap },
      store: storeOf(this.#node),
      directory: { state: directory.age, ageMs: directory.ageMs ?? null },
      forks: openForks(this.#node),
      keyInUseAt: this.#node.keyUse.isTwice ? this.#node.keyUse.elsewhere : null,
      clock: this.#node.trustClock.verdict,
      refusals: refusals.map(({ name, count }) => ({ code: name, count })),
    };
  }

  async #part<T>(name: string, load: () => Promise<T>): Promise<T | null> {
    try {
      return await load();
    } catch (error) {
      this.#node.log.debug({ part: name, reason: String(error) }, 'facts for alerts are missing');
      return null;
    }
  }

  async #feeds(): Promise<FeedFact[]> {
    const rows = await feedListHandlers.feeds(this.#call(undefined));
    return rows
      .filter(({ subscribed, grant }) => subscribed || grant === 'own')
      .map((row) => ({
        ...{ feed: row.feed, isOwn: row.grant === 'own', behind: row.behind, lagMs: row.lagMs },
        ...{ carriersWanted: row.carriersWanted, carriersPossible: row.carriersPossible },
        ...{ carriersComplete: row.carriersComplete, carriersUnknown: row.carriersUnknown },
        isForked: row.frozen,
        heldBack: row.heldBack,
      }));
  }

  async #deploymentsOf(settings: AlertSettings): Promise<readonly DeploymentFact[]> {
    const nowMs = this.#node.clock.nowMs();
    if (this.#deployments && nowMs - this.#countedMs < DEPLOYMENTS_EVERY_MS)
      return this.#deployments;
    const { on, windowMs } = settings.rules['deployments-failed'];
    if (!on) return [];
    const { projects } = settings.critical;
    const all = [
      ...(await this.#failed('space', windowMs, nowMs)),
      ...(projects.length > 0 ? await this.#failed('project', windowMs, nowMs) : []),
    ];
    this.#deployments = all;
    this.#countedMs = nowMs;
    return all;
  }

  async #failed(
    kind: DeploymentFact['kind'],
    windowMs: number,
    nowMs: number,
  ): Promise<DeploymentFact[]> {
    const startMs = nowMs - windowMs;
    const [now, before] = await Promise.all([
      this.#sums(kind, startMs, nowMs),
      this.#sums(kind, startMs - USUAL_OVER_MS, startMs),
    ]);
    const history = new Map(before.map((row) => [row.name, row]));
    return now.map(({ name, failed }) => {
      const past = history.get(name);
      const usual = past && past.ok + past.failed > 0 ? past.failed : null;
      return { kind, name, failed, usual: usual && (usual * windowMs) / USUAL_OVER_MS };
    });
  }

  async #sums(
    by: DeploymentFact['kind'],
    sinceMs: number,
    untilMs: number,
  ): Promise<readonly Sums[]> {
    const query = { since: iso(sinceMs), until: iso(untilMs), by };
    return (await reportHandlers.reportDeployments(this.#call(query))).rows;
  }

  #call<Query>(query: Query) {
    return {
      ...{ node: this.#node, query, body: undefined, mediaType: '' },
      stream: Readable.from([]),
      signal: new AbortController().signal,
    };
  }
}

const spaceOf = (row: RouteResult<'health'>): SpaceFact => ({
  ...{ space: row.space, tags: row.tags },
  state: row.state === 'unknown' && row.byFile ? 'isolated' : row.state,
  ...{ heardAgoMs: row.heardAgoMs, heardVia: row.heardVia },
  certificateLeftMs: row.certificate?.leftMs ?? null,
  isRenewedByFile: isRenewedByFile(lifeOf(row)),
});

const lifeOf = ({ certificate }: RouteResult<'health'>): number =>
  certificate ? Date.parse(certificate.expiresAt) - Date.parse(certificate.issuedAt) : 0;

function storeOf({ care }: MeshNode): StoreFact {
  const damaged = care.board.open.map(({ what, tries }) => ({ what, tries }));
  return { damaged, isRefetching: care.refetch.isOpen };
}

async function diskOf(path: string): Promise<DiskFact> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { path, freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
