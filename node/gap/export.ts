// Exporting: which logs a bundle for a space has, from where on, and what of that goes into the ledger. How the files are
// written is write-bundle.ts.

import { hash as digest } from 'node:crypto';
import { decodeNote } from '../../protocols/checkpoint.ts';
import type { FeedRow, SpaceRow } from '../../protocols/directory.ts';
import { decodeEntry } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { arePacked, decodeSegment, packSegments, tileEnd } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Home } from '../home/home.ts';
import type { HeldNotes } from '../replicate/held-notes.ts';
import { frontierAt } from './bundle-log.ts';
import type { Crossing, Ledger } from './ledger.ts';
import { endOf } from './verify-bundle.ts';
import { type ExportedLog, writeBundle } from './write-bundle.ts';

/** What the destination is taken to have: what its receipts say, a bundle by its number, or nothing. */
export type Base = 'acknowledged' | 'nothing' | { readonly sequence: number };

export interface ExportOrder {
  /** Without its ending. */
  readonly path: string;
  readonly to: SpaceRow;
  /** Of the feeds that the destination may have; all of them when this is absent. */
  readonly feeds?: readonly FeedRow[];
  readonly base: Base;
  /** Write nothing when nothing is new since the base, but for later times on the same heads. */
  readonly ifNews: boolean;
  /** Who asks for it. */
  readonly by: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

export interface ExportParts {
  readonly home: Home;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  readonly heldNotes: HeldNotes;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Throws while nothing of an own feed may be told to others. */
  readonly mayLeave: (feed: OpenFeed) => void;
}

export interface Exported {
  readonly crossing: Crossing;
  /** Feeds that the destination may have and of which nothing is here. */
  readonly absent: readonly string[];
  /** Records that were not here, in hex. */
  readonly missing: readonly string[];
}

/** Undefined when nothing is new and that was asked for. @throws REVOKED, NO_GRANT, CONFLICT, BUSY, NO_SUCH_ENTRY for a base that is unknown, and what writing throws */
export async function exportBundle(
  parts: ExportParts,
  order: ExportOrder,
): Promise<Exported | undefined> {
  const { home, ledger, clock, directory } = parts;
  const { to } = order;
  if (to.revoked && order.feeds) throw new MeshError('REVOKED', `${to.name} was revoked`);
  const base = await baseOf(ledger, order);
  const { logs, absent } = await logsFor(parts, order, base);
  if (order.ifNews && logs.every(({ before, to: end }) => before.size === end)) return undefined;
  const nowMs = clock.nowMs();
  const last = await ledger.newest('out', to.id);
  const sequence = (last?.sequence ?? 0) + 1;
  const { leaf: leafPem, issuing: issuingPem } = await home.certificates();
  const row: Crossing = {
    ...{ way: 'out', space: to.id, name: to.name, sequence, base: base?.sequence ?? 0 },
    ...{ manifest: '', state: 'writing', atMs: nowMs, createdMs: nowMs, signedAtMs: nowMs },
    ...{ by: order.by, approvals: [], reason: null, missing: 0, blocks: 0, sizeBytes: 0 },
    logs: logs.map(({ origin, before, to: end }) => ({ origin, from: before.size, to: end })),
    entries: logs.reduce((sum, { before, to: end }) => sum + end - before.size, 0),
  };
  // Before the first byte: a number that was used once is never used for another bundle.
  await ledger.put(row);
  try {
    const written = await writeBundle({
      ...{ path: order.path, roots: home.rootEnvelopes, logs, signal: order.signal },
      block: (hash) => blockOf(parts.blocks, hash),
      named: (segment) => named(parts.blocks, segment),
      manifest: {
        mesh: home.config.mesh,
        exporter: { space: home.config.space, name: home.config.name },
        destination: { space: to.id, name: to.name },
        ...{ sequence, base: row.base, createdMs: nowMs, expiresMs: nowMs + LIMITS.bundleLifeMs },
      },
      signer: { key: await home.tlsKey(), leafPem, issuingPem },
      ...(order.onProgress ? { onProgress: order.onProgress } : {}),
    });
    const { manifest, missing } = written;
    const crossing: Crossing = {
      ...row,
      ...{ state: 'written', atMs: clock.nowMs(), manifest: hexOf(written.manifestBytes) },
      ...{ blocks: manifest.blocks, sizeBytes: manifest.sizeBytes, missing: missing.length },
    };
    await ledger.put(crossing);
    await ledger.audit({
      ...{ atMs: crossing.atMs, what: 'exported', subject: order.path, code: null, by: order.by },
      text: `bundle ${sequence} for ${to.name}, ${directory.state.spaces.size} spaces, ${row.entries} entries`,
    });
    return { crossing, absent, missing };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await ledger.put({ ...row, state: 'failed', reason: reason.slice(0, 2000) });
    throw error;
  }
}

async function baseOf(ledger: Ledger, { base, to }: ExportOrder): Promise<Crossing | undefined> {
  if (base === 'nothing') return undefined;
  if (base === 'acknowledged')
    return ledger.newest('out', to.id, ({ state }) => state === 'acknowledged');
  const row = await ledger.get('out', to.id, base.sequence);
  if (row?.state === 'written' || row?.state === 'acknowledged') return row;
  throw new MeshError('NO_SUCH_ENTRY', `no bundle ${base.sequence} was exported for ${to.name}`, {
    next: 'See what was exported with: odcm gap ledger; or export everything: --full',
  });
}

async function logsFor(
  parts: ExportParts,
  { to, feeds: wanted }: ExportOrder,
  base: Crossing | undefined,
): Promise<{ logs: ExportedLog[]; absent: string[] }> {
  const { directory, feeds, clock } = parts;
  const nowMs = clock.nowMs();
  const known = (origin: Origin): number =>
    base?.logs.find((log) => log.origin === origin)?.to ?? 0;
  const { log, origin } = directory;
  const logs = [await exported({ ...parts, origin, log, id: DIRECTORY_LOG, from: known(origin) })];
  const absent: string[] = [];
  // A space that was revoked still gets the directory, where it reads that; and nothing else.
  for (const row of to.revoked ? [] : (wanted ?? directory.state.feeds.values())) {
    const path = directory.state.feedPath(row);
    const grant = directory.state.grantFor(to.id, row, nowMs);
    if (!grant && wanted) throw new MeshError('NO_GRANT', `${to.name} has no grant for ${path}`);
    // Its own feeds are not news to it.
    if (!grant || grant === 'own') continue;
    const feed = feeds.peek(row.id);
    // The far side takes nothing of a revoked publisher beyond where ODCM says that it was still good.
    const isOver = feed && feed.log.size > endOf(directory.state.spaces.get(row.space)!, row);
    if (!feed || feed.log.size === 0 || isOver) absent.push(path);
    else {
      parts.mayLeave(feed);
      logs.push(await exported({ ...parts, ...feed, from: known(feed.origin) }));
    }
  }
  return { logs, absent };
}

interface Run {
  readonly heldNotes: HeldNotes;
  readonly origin: Origin;
  readonly log: FeedLog;
  readonly id: Buffer;
  readonly from: number;
}

/** Up to the newest head of which all entries are here. */
async function exported({ heldNotes, origin, log, id, from }: Run): Promise<ExportedLog> {
  const [note] = await heldNotes.of(log);
  const to = note ? decodeNote(note).checkpoint.size : 0;
  if (!note || to > log.size)
    throw new MeshError('RECORD_MISSING', `entries of ${origin} are still on their way`, {
      next: 'Export again when they have come: odcm feeds',
    });
  const start = Math.min(from, to);
  const before = await frontierAt(log, start);
  return { origin, log: id, before, note, to, segments: () => segmentsOf(log, start, to) };
}

/** Packed by whole tiles, so that the same entries are the same bytes however they came to lie on the disk. */
async function* segmentsOf(log: FeedLog, from: number, to: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to; ) {
    const end = Math.min(to, tileEnd(at));
    const stored = await Array.fromAsync(log.segments(at, end));
    if (arePacked(stored)) yield* stored;
    else
      yield* packSegments(
        at,
        stored.flatMap((bytes) => decodeSegment(bytes).entries),
      );
    at = end;
  }
}

const blockOf = (blocks: Blocks, hash: Uint8Array): Promise<Buffer | undefined> =>
  blocks.get({ codec: 0x55, hash });

async function* named(blocks: Blocks, segment: Buffer): AsyncGenerator<Uint8Array> {
  for (const { leaf, record } of decodeSegment(segment).entries) {
    const { record: cid } = decodeEntry(leaf);
    if (cid) yield* blocks.named(cid, record);
  }
}

const hexOf = (bytes: Uint8Array): string => digest('sha256', bytes, 'hex');
