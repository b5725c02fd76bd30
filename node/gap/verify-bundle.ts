// Everything that must be true of the contents of a bundle before anything of them has an effect: the root metadata, the
// directory, and of each feed keys, grants and history. Reads the stores of the node and writes nothing. Who signed the bundle,
// and for whom, is verify-manifest.ts.

import type { FileHandle } from 'node:fs/promises';
import { decodeNote } from '../../protocols/checkpoint.ts';
import { DirectoryState, type FeedRow, type SpaceRow } from '../../protocols/directory.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import {
  type BundleIndex,
  decodeBundleIndex,
  type IndexedLog,
} from '../../protocols/gap/bundle-index.ts';
import type { OpenSegment } from '../../protocols/gap/bundle-walk.ts';
import type { LogRange, Manifest } from '../../protocols/gap/manifest.ts';
import {
  directoryOrigin,
  feedOrigin,
  formatUuid,
  type Origin,
  parseFeedId,
  parseOrigin,
} from '../../protocols/ids.ts';
import { decodeRoot, directoryOriginOf, type Root } from '../../protocols/root.ts';
import {
  decodeRootEnvelope,
  extendRootChain,
  type VerifiedRoot,
} from '../../protocols/root-chain.ts';
import type { Milestone } from '../../protocols/run-verifier.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { elsewhere, epochAfter } from '../directory/epoch.ts';
import { verifyDirectoryNote, verifyFeedNote, vouchedMs } from '../directory/log-authority.ts';
import type { FeedLog } from '../feed/log.ts';
import { BundleLog, type LogDiff, MOST_LEAF_BYTES, rootAt } from './bundle-log.ts';
import { type DirectoryDiff, directoryDiff } from './directory-diff.ts';
import { readBundle } from './read-bundle.ts';
import type { KnownHere } from './verify-manifest.ts';

export interface FeedDiff extends LogDiff {
  readonly row: FeedRow;
  readonly path: string;
}

/** A bundle of which everything was checked. */
export interface VerifiedBundle {
  readonly manifest: Manifest;
  readonly index: BundleIndex;
  /** Root versions that are new here, oldest first. */
  readonly newRoots: readonly Buffer[];
  /** In their order in the bundle; the directory first. */
  readonly logs: readonly BundleLog[];
  readonly directory: DirectoryDiff;
  readonly feeds: readonly FeedDiff[];
  readonly missing: readonly string[];
  /** About how many bytes of it are records and chunks of entries that are not here yet. */
  readonly recordBytes: number;
  /** When ODCM last vouched for the directory in it; null when it does not say. */
  readonly vouchedMs: number | null;
}

export interface VerifyBundleOptions {
  readonly file: FileHandle;
  /** The sum of the file was found to be the one of the manifest. */
  readonly isSummed?: boolean;
  readonly manifest: Manifest;
  readonly here: KnownHere;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

/** Reads the whole CAR (steps 8 to 10 of an import). @throws whatever is wrong with it first */
export async function verifyBundle(options: VerifyBundleOptions): Promise<VerifiedBundle> {
  const check = new BundleCheck(options.manifest, options.here);
  const reader = readBundle(options.file, options);
  for (;;) {
    const step = await reader.next();
    if (step.done) return check.finish(step.value.missing);
    const { role, log, bytes, segment } = step.value;
    if (role === 'index') check.open(bytes);
    else if (role === 'root') check.addRoot(bytes);
    else if (segment) await check.addSegment(log, segment);
    else if (role !== 'page') check.addRecord(log, bytes.length);
  }
}

/** Takes the blocks of a bundle in their order, and knows at the end what it would change. */
class BundleCheck {
  readonly #manifest: Manifest;
  readonly #here: KnownHere;
  #index: BundleIndex | undefined;
  readonly #envelopes: Buffer[] = [];
  #root: VerifiedRoot;
  #newRoots: readonly Buffer[] = [];
  /** The directory as it will be. */
  readonly #state = new DirectoryState();
  readonly #logs: BundleLog[] = [];
  readonly #rows: FeedRow[] = [];
  #recordBytes = 0;
  #leafBytes = 0;

  constructor(manifest: Manifest, here: KnownHere) {
    this.#manifest = manifest;
    this.#here = here;
    this.#root = here.root;
  }

  open(index: Buffer): void {
    this.#index = decodeBundleIndex(index);
  }

  addRoot(envelope: Buffer): void {
    this.#envelopes.push(Buffer.from(envelope));
  }

  async addSegment(log: number, segment: OpenSegment): Promise<void> {
    await this.#beginUpTo(log);
    const entries = this.#logs[log]!.take(segment);
    // Of the directory, those that are held here were folded before.
    for (const { index, record } of log === 0 ? entries : [])
      if (index >= this.#state.size) this.#apply(record);
  }

  /** It stands behind the entries that name it. */
  addRecord(log: number, sizeBytes: number): void {
    this.#recordBytes += sizeBytes * this.#logs[log]!.newShare;
  }

  /** Logs come one behind the other, and those without any entry do not come at all. */
  async #beginUpTo(log: number): Promise<void> {
    while (this.#logs.length <= log) {
      this.#finishLast();
      if (this.#logs.length === 0) await this.#beginDirectory();
      else await this.#beginFeed(this.#logs.length);
    }
  }

  #finishLast(): void {
    const log = this.#logs.at(-1);
    if (!log) return;
    log.finish();
    if (this.#leafBytes + log.leafBytes > MOST_LEAF_BYTES) log.forgetLeaves();
    this.#leafBytes += log.leafBytes;
  }

  async #beginDirectory(): Promise<void> {
    const { mesh, directory } = this.#here;
    this.#verifyRoots();
    const [indexed] = this.#index!.logs;
    const [range] = this.#manifest.logs;
    const { root } = this.#root;
    const origin = directoryOriginOf(mesh, root);
    if (range && isEarlier(range.origin, origin))
      throw new MeshError('OLD_EPOCH', 'the bundle was made before the directory went on', {
        next: 'Ask for a new one, made since the root opened its epoch: odcm export',
      });
    if (!indexed?.log.equals(DIRECTORY_LOG) || range?.origin !== origin)
      throw new MeshError('MALFORMED', 'the first log of a bundle is not the directory');
    verifyDirectoryNote(decodeNote(indexed.note), root, origin);
    this.#refuseFrozen(origin);
    const held = await heldOf(directory, [...this.#newRoots.map(rootIn), root]);
    const point = root.directory?.continues;
    this.#logs.push(await beginLog(range, indexed, directory.log, { held, point }));
    for await (const bytes of directory.log.segments(0, held))
      for (const { record } of decodeSegment(bytes).entries) this.#apply(record);
  }

  /** A version that is held here as well must be the same one; those behind it follow by the rules of the chain. */
  #verifyRoots(): void {
    const { rootEnvelopes, root } = this.#here;
    const shared = Math.min(rootEnvelopes.length, this.#envelopes.length);
    for (let at = 0; at < shared; at++) {
      const [own, come] = [rootEnvelopes[at]!, this.#envelopes[at]!].map(decodeRootEnvelope);
      if (!own!.payload.equals(come!.payload))
        throw new MeshError(
          'ROOT_INVALID',
          `root version ${at + 1} of the bundle is another than here`,
        );
    }
    this.#newRoots = this.#envelopes.slice(shared);
    this.#root = this.#newRoots.reduce<VerifiedRoot>(
      (chain, next) => extendRootChain(chain, next),
      root,
    );
  }

  #apply(record: Buffer | null): void {
    try {
      if (record) this.#state.apply(parseEnvelope(record));
      else this.#state.passOver();
    } catch (error) {
      if (!isMeshError(error)) throw error;
      this.#state.passOver();
    }
  }

  async #beginFeed(at: number): Promise<void> {
    const [here, state] = [this.#here, this.#state];
    const [indexed, range] = [this.#index!.logs[at]!, this.#manifest.logs[at]!];
    const row = state.feeds.get(parseFeedId(formatUuid(indexed.log)));
    if (!row) throw new MeshError('FEED_UNKNOWN', `${range.origin} is not in the directory`);
    const space = state.spaces.get(row.space)!;
    const origin = feedOrigin(here.mesh, row.space, row.id, row.epoch);
    const note = decodeNote(indexed.note);
    const { size } = verifyFeedNote(note, space, row, origin);
    this.#refuseFrozen(origin);
    if (size > endOf(space, row))
      throw new MeshError(
        'REVOKED',
        `${space.name} was revoked: ${state.feedPath(row)} ends earlier`,
      );
    if (!state.grantFor(here.self, row, here.nowMs))
      throw new MeshError('NO_GRANT', `this space has no grant for ${state.feedPath(row)}`);
    this.#rows.push(row);
    this.#logs.push(await beginLog(range, indexed, await here.logOf(row)));
  }

  #refuseFrozen(origin: Origin): void {
    if (this.#here.isFrozen(origin))
      throw new MeshError('CONFLICT', `two histories of ${origin} are proven: it is frozen`, {
        next: 'See which: odcm forks',
      });
  }

  async finish(missing: readonly string[]): Promise<VerifiedBundle> {
    await this.#beginUpTo(this.#index!.logs.length - 1);
    this.#finishLast();
    const exporter = this.#state.spaces.get(this.#manifest.exporter.space);
    // The bundle may bring the news that its own exporter was shut out.
    if (!exporter || exporter.revoked)
      throw new MeshError('REVOKED', `the exporter ${this.#manifest.exporter.name} was revoked`);
    const [directory, ...feeds] = this.#logs;
    const { root } = this.#root;
    const note = decodeNote(directory!.indexed.note);
    return {
      ...{ manifest: this.#manifest, index: this.#index!, newRoots: this.#newRoots, missing },
      ...{ logs: this.#logs, recordBytes: this.#recordBytes },
      directory: directoryDiff(this.#here.directory.state, this.#state, {
        ...{ entries: directory!.diff.entries, rootVersions: this.#newRoots.length },
      }),
      feeds: feeds.map((log, at) => ({
        ...log.diff,
        ...{ row: this.#rows[at]!, path: this.#state.feedPath(this.#rows[at]!) },
      })),
      vouchedMs: vouchedMs(note, root, directoryOriginOf(this.#here.mesh, root)) ?? null,
    };
  }
}

/** The same directory, in an epoch that is over. */
function isEarlier(origin: Origin, now: Origin): boolean {
  const { mesh, space, epoch } = parseOrigin(now);
  const { epoch: other } = parseOrigin(origin);
  return other < epoch && origin === directoryOrigin(mesh, space, other);
}

/** Where the feed of a revoked publisher ends. */
export const endOf = (space: SpaceRow, feed: FeedRow): number =>
  space.revoked ? (space.revoked.lastGood[feed.id] ?? 0) : Number.POSITIVE_INFINITY;

/** What is held here, or its beginning where the bundle ends earlier. */
async function beginLog(
  range: LogRange,
  indexed: IndexedLog,
  log: FeedLog,
  { held, point }: { held: number; point?: Milestone | undefined } = { held: log.size },
): Promise<BundleLog> {
  const size = Math.min(held, range.to);
  const here = { size: held < range.from ? held : size, root: await rootAt(log, size) };
  return new BundleLog(range, indexed, here, point);
}

/**
 * How much of the directory here counts under the roots that come with the bundle: of an epoch that is over, what the next one
 * continues from, and no more where another one follows that.
 * @throws CONFLICT where the directory here does not lead to that point, or is refused for another reason
 */
async function heldOf(
  { log, epoch, refusal }: KnownHere['directory'],
  roots: readonly Root[],
): Promise<number> {
  const next = epochAfter(epoch?.epoch ?? 1, roots);
  if (refusal && !next) throw refusal;
  if (!next || log.size < next.continues.size) return log.size;
  const { size, root } = next.continues;
  if (!(await rootAt(log, size)).equals(root)) throw elsewhere(next);
  return size;
}

const rootIn = (envelope: Buffer): Root => decodeRoot(decodeRootEnvelope(envelope).payload);
