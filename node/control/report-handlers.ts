// Control API: inventory and deployments: what came in is published, and what is held is counted and opened to its entries.

import { KIND } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import { leafHash } from '../../protocols/merkle.ts';
import { parseDeployment, type ReportContext, targetCount } from '../../protocols/reports.ts';
import { readEntry } from '../feed/read-entries.ts';
import type { MeshNode } from '../node.ts';
import { type ListedEntry, listDeployments, parsePlace } from '../reports/deployment-list.ts';
import { reportDeployments } from '../reports/deployment-report.ts';
import { intakeOf } from '../reports/intake.ts';
import { parseMoment, parseWindow } from '../reports/moments.ts';
import type { Counted, NewestInventory } from '../reports/reports.ts';
import { type Call, type Handlers, iso } from './handler.ts';

type ReportRoutes =
  | 'reportInventory'
  | 'reportDeployments'
  | 'deployments'
  | 'reportInventoryIn'
  | 'reportDeploymentsIn';

const LINES = new Set(['application/x-ndjson', 'application/jsonl']);

type Incoming = Pick<Call<'reportInventoryIn'>, 'node' | 'stream' | 'mediaType'>;

function take(context: ReportContext, { node, stream, mediaType }: Incoming) {
  const intake = intakeOf(node);
  return LINES.has(mediaType) ? intake.takeLines(context, stream) : intake.takeOne(context, stream);
}

export const reportHandlers: Pick<Handlers, ReportRoutes> = {
  reportInventoryIn: (call) => take('inventory', call),

  reportDeploymentsIn: (call) => take('deployments', call),

  async reportInventory({ node }) {
    const { counted } = await node.reports.feeds('inventory', undefined);
    const spaces = new Set(counted.map(({ feed }) => feed.row.space));
    return [...spaces].flatMap((space) => {
      const newest = node.reports.newestOf(space);
      return newest ? [showInventory(node, newest)] : [];
    });
  },

  async reportDeployments({ node, query }) {
    const { by, project, environment } = query;
    const { sinceMs, untilMs } = parseWindow(query.since, query.until, node.clock.nowMs());
    const { counted, missing } = await node.reports.feeds('deployments', spaceOf(node, query));
    const question = { sinceMs, untilMs, by, project, environment };
    const report = await reportDeployments(counted, question);
    return { since: iso(sinceMs), until: iso(untilMs), by, ...report, missing };
  },

  async deployments({ node, query }) {
    const { project, environment, outcome, limit } = query;
    const nowMs = node.clock.nowMs();
    const sinceMs = query.since === undefined ? 0 : parseMoment(query.since, nowMs);
    const untilMs = query.until === undefined ? FAR_MS : parseMoment(query.until, nowMs);
    const before = query.before === undefined ? undefined : parsePlace(query.before);
    const { counted } = await node.reports.feeds('deployments', spaceOf(node, query));
    const question = { sinceMs, untilMs, project, environment, outcome, before };
    const found = await listDeployments(counted, question, limit);
    return Promise.all(found.map((entry) => showDeployment(entry)));
  },
};

/** Behind every time that a report can name. */
const FAR_MS = Date.parse('9999-12-31T00:00:00Z');

function spaceOf(node: MeshNode, { space }: { readonly space?: string | undefined }) {
  return space === undefined ? undefined : node.directory.state.resolveSpace(space).id;
}

function showInventory(node: MeshNode, newest: NewestInventory) {
  const { feed, index, takenAtMs, inventory } = newest;
  const { serverVersion, projects, targets } = inventory;
  const { healthy, unhealthy, disabled } = targets;
  return {
    space: node.directory.state.spaces.get(feed.row.space)?.name ?? feed.row.space,
    version: serverVersion,
    projects,
    targets: targetCount(inventory),
    healthy,
    unhealthy,
    disabled,
    takenAt: iso(takenAtMs),
    ageMs: Math.max(0, node.clock.nowMs() - takenAtMs),
    isStale: node.reports.isStale(newest),
    feed: feed.path,
    index,
  };
}

async function showDeployment({ feed, index }: ListedEntry<Counted>) {
  const { entry, body, leaf } = await readEntry(feed.feed, index);
  if (body?.kind !== 'event' || entry.kind === KIND.withdraw)
    throw new MeshError(
      'RECORD_MISSING',
      `the record of entry ${index} of ${feed.path} is not here`,
    );
  const deployment = parseDeployment(body.envelope.payload, entry.timeMs);
  const { project, release, environment, outcome, startedAt, endedAt, by, reason } = deployment;
  return {
    feed: feed.path,
    index,
    leafHash: leafHash(leaf).toString('hex'),
    space: feed.space,
    ...{ project, release, environment, outcome, startedAt, endedAt },
    durationMs: Date.parse(endedAt) - Date.parse(startedAt),
    by,
    reason: reason ?? null,
  };
}
