// Control API: the air gap. Long work is told in lines, how far it is and then what came of it.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Receipt } from '../../protocols/gap/receipt.ts';
import { decodeReceipt } from '../../protocols/gap/receipt.ts';
import { receiptsOrigin, type SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Phase, Staged } from '../gap/import.ts';
import type { AuditRow, Crossing } from '../gap/ledger.ts';
import type { KeptReceipt } from '../gap/receipt-book.ts';
import type { VerifiedBundle } from '../gap/verify-bundle.ts';
import { bundleFiles } from '../gap/write-bundle.ts';
import type { MeshNode } from '../node.ts';
import { type Handlers, iso } from './handler.ts';
import { tellInLines } from './told-in-lines.ts';

type GapRoutes =
  | 'exportBundle'
  | 'importBundle'
  | 'approveImport'
  | 'refuseImport'
  | 'importDetail'
  | 'crossings'
  | 'gapAudit'
  | 'receipts'
  | 'receipt'
  | 'addReceipt';

export const gapHandlers: Pick<Handlers, GapRoutes> = {
  async exportBundle({ node, body, signal }) {
    const { state } = node.directory;
    const { path, base, by, ifNews } = body;
    const order = {
      ...{ path, base, by, ifNews, signal, to: state.resolveSpace(body.to) },
      ...(body.feeds
        ? { feeds: body.feeds.map((feed) => state.resolveFeed(feed, node.self.id)) }
        : {}),
    };
    return tellInLines(async (tell) => {
      const exported = await node.gap.export({
        ...order,
        onProgress: (done) => tell(progress('write', done, null)),
      });
      if (!exported) return { unchanged: true as const };
      const { crossing, absent, missing } = exported;
      const files = Object.values(bundleFiles(path));
      return {
        crossing: showCrossing(crossing),
        files,
        absent: [...absent],
        missing: [...missing],
      };
    });
  },

  async importBundle({ node, body, signal }) {
    const { path, by, dryRun } = body;
    return tellInLines(async (tell) => {
      const { imports } = node.gap;
      const run = { signal, onProgress: telling(tell) };
      const staged = await imports.stage(path, by, run, dryRun);
      const { space, sequence } = staged.crossing;
      // Where nobody has to approve it is let in at once.
      const crossing = dryRun ? staged.crossing : await imports.admit(space, sequence, run);
      return showStaged({ ...staged, crossing });
    });
  },

  async approveImport({ node, body, signal }) {
    const { exporter, sequence, by } = body;
    const space = node.directory.state.resolveSpace(exporter).id;
    return tellInLines(async (tell) => {
      const { imports } = node.gap;
      const staged = await imports.staged(space, sequence);
      const crossing = await imports.approve(space, sequence, by, {
        signal,
        onProgress: telling(tell),
      });
      return showStaged({ ...staged, crossing });
    });
  },

  async refuseImport({ node, body }) {
    const { exporter, sequence, by, reason } = body;
    const space = node.directory.state.resolveSpace(exporter).id;
    return showCrossing(await node.gap.imports.refuse(space, sequence, by, reason));
  },

  async importDetail({ node, query }) {
    const space = node.directory.state.resolveSpace(query.exporter).id;
    return showStaged(await node.gap.imports.staged(space, query.sequence));
  },

  async crossings({ node, query }) {
    const space =
      query.space === undefined ? undefined : node.directory.state.resolveSpace(query.space).id;
    const rows: Crossing[] = [];
    for (const way of ['in', 'out'] as const)
      for await (const row of node.gap.ledger.crossings(way, space)) rows.push(row);
    return rows.sort((a, b) => b.atMs - a.atMs).map(showCrossing);
  },

  async gapAudit({ node, query }) {
    const rows = [];
    for await (const row of node.gap.ledger.audits()) {
      if (rows.length >= query.limit) break;
      rows.push(showAudit(row));
    }
    return rows;
  },

  async receipts({ node, query }) {
    const { state } = node.directory;
    const wanted = query.space === undefined ? undefined : state.resolveSpace(query.space);
    const isOwn = wanted === undefined || wanted.id === node.self.id;
    const rows: Row[] = isOwn ? await ownReceipts(node) : [];
    const others = new Set<SpaceId>(wanted ? [wanted.id] : []);
    for await (const kept of node.gap.book.all(wanted?.id)) {
      rows.push(showReceipt(node, kept));
      others.add(kept.space.id);
    }
    for (const id of others) {
      const space = state.spaces.get(id)!.name;
      for (const index of await node.gap.book.missing(id, LIMITS.pageRows))
        rows.push(missingRow(space, index));
    }
    return rows.sort((a, b) =>
      a.space === b.space ? a.index - b.index : a.space < b.space ? -1 : 1,
    );
  },

  async receipt({ node, query: { space, index } }) {
    const row = node.directory.state.resolveSpace(space);
    const found = await findReceipt(node, row.id, index);
    if (!found) throw new MeshError('NO_SUCH_ENTRY', `no receipt ${index} of ${row.name} is here`);
    return {
      index,
      receipt: found.receipt.toString('utf8'),
      proof: found.proof.toString('utf8'),
      origin: receiptsOrigin(node.home.config.mesh, row.id),
      key: publicKeys(row),
    };
  },

  async addReceipt({ node, body }) {
    const [receipt, proof] = [Buffer.from(body.receipt), Buffer.from(body.proof)];
    const { book } = node.gap;
    if (body.isCheck)
      return { ...showReceipt(node, book.verify(receipt, proof).kept), isNew: false };
    const { kept, isNew } = await book.add(receipt, proof);
    return { ...showReceipt(node, kept), isNew };
  },
};

/** The newest first: receipts of before a change of keys were signed with a former one. */
const publicKeys = ({ keys }: SpaceRow): string =>
  [...new Set(keys.map(({ nodeKey }) => pemOf(nodeKey)))].reverse().join('');

const pemOf = (nodeKey: Buffer): string =>
  ed25519FromRaw(nodeKey).export({ format: 'pem', type: 'spki' }).toString();

type Row = RouteResult<'receipts'>;
type Progress = ReturnType<typeof progress>;

const progress = (phase: Phase | 'write', done: number, of: number | null) => ({
  progress: { phase, done, of },
});

const telling = (tell: (line: Progress) => void) => (phase: Phase, done: number, of: number) =>
  tell(progress(phase, done, of));

function showCrossing(row: Crossing) {
  const {
    way,
    name,
    sequence,
    base,
    state,
    by,
    entries,
    blocks,
    sizeBytes,
    missing,
    manifest,
    reason,
  } = row;
  return {
    ...{
      way,
      space: name,
      sequence,
      base,
      state,
      by,
      entries,
      blocks,
      sizeBytes,
      missing,
      manifest,
      reason,
    },
    at: iso(row.atMs),
    created: iso(row.createdMs),
    approvals: row.approvals.map((one) => ({ by: one.by, at: iso(one.atMs) })),
  };
}

function showAudit({ atMs, what, subject, code, text, by }: AuditRow) {
  return { at: iso(atMs), what, subject, code, text, by };
}

const showStaged = ({ crossing, bundle, needed }: Staged) => ({
  crossing: showCrossing(crossing),
  diff: showDiff(bundle),
  needed,
});

function showDiff({ directory, feeds, missing, vouchedMs }: VerifiedBundle) {
  const { joined, revoked, feeds: created, ...rest } = directory;
  return {
    directory: {
      ...rest,
      ...{ joined: [...joined], revoked: [...revoked], feeds: [...created] },
      vouchedAt: vouchedMs === null ? null : iso(vouchedMs),
    },
    feeds: feeds.map(({ path, row, entries, added, changed, withdrawn, items }) => ({
      ...{
        feed: path,
        sealed: row.isSealed,
        entries,
        added,
        changed,
        withdrawn,
        items: [...items],
      },
    })),
    missing: [...missing],
  };
}

async function ownReceipts(node: MeshNode) {
  const rows = [];
  for await (const { index, receipt } of node.gap.receipts.all()) {
    const { predicate } = decodeReceipt(receipt).statement;
    rows.push(showReceipt(node, { space: node.self, index, receipt: predicate }));
  }
  return rows;
}

async function findReceipt(node: MeshNode, space: SpaceId, index: number) {
  if (space === node.self.id) return node.gap.receipts.giveOut(index);
  const kept = await node.gap.book.find(space, index);
  return kept && { index, receipt: kept.receipt, proof: kept.proof };
}

function showReceipt(
  node: MeshNode,
  { space, index, receipt }: Pick<KeptReceipt, 'space' | 'index' | 'receipt'>,
) {
  return {
    ...{ space: space.name, index, kind: receipt.kind, isMissing: false },
    ...contentOf(receipt),
    bundle: receipt.bundle && {
      exporter:
        node.directory.state.spaces.get(receipt.bundle.exporter)?.name ?? receipt.bundle.exporter,
      sequence: receipt.bundle.sequence,
    },
  };
}

function contentOf(receipt: Receipt) {
  if (receipt.kind === 'import') {
    const { appliedAt: at, bundle, entries, approvedBy } = receipt;
    const what = `bundle ${bundle.sequence}: ${entries} entries`;
    return { at, what, outcome: 'applied', by: approvedBy.join(', ') || null };
  }
  const { finishedAt: at, project, release, environment, outcome, deployedBy: by } = receipt;
  return { at, what: `${project} ${release} to ${environment}`, outcome, by };
}

const missingRow = (space: string, index: number) => ({
  ...{ space, index, kind: 'deployment' as const, at: iso(0), what: 'receipt missing' },
  ...{ outcome: null, by: null, bundle: null, isMissing: true },
});
