// Everything that must be true of a bundle before anything of it has an effect: who signed it and for whom, in which order it
// comes, and then of its contents the root metadata, the directory, and of each feed keys, grants and history. Reads the
// stores of the node and writes nothing.

import type { FileHandle } from 'node:fs/promises';
import { verifyChain } from '../../certs/chain.ts';
import type { VerifiedCms } from '../../certs/cms.ts';
import { decodeNote } from '../../protocols/checkpoint.ts';
import { DirectoryState, type FeedRow, type SpaceRow } from '../../protocols/directory.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import {
  type BundleIndex,
  decodeBundleIndex,
  type IndexedLog,
} from '../../protocols/gap/bundle-index.ts';
import type { LogRange, Manifest } from '../../protocols/gap/manifest.ts';
import {
  directoryOrigin,
  feedOrigin,
  formatUuid,
  type MeshId,
  parseFeedId,
  type SpaceId,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  decodeRootEnvelope,
  extendRootChain,
  type VerifiedRoot,
} from '../../protocols/root-chain.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { verifyDirectoryNote, verifyFeedNote, vouchedMs } from '../directory/log-authority.ts';
import type { FeedLog } from '../feed/log.ts';
import { BundleLog, type LogDiff, rootAt } from './bundle-log.ts';
import { readBundle } from './read-bundle.ts';

/** What the importing space knows already. */
export interface KnownHere {
  readonly mesh: MeshId;
  readonly self: SpaceId;
  readonly nowMs: number;
  /** Envelopes of all root versions, oldest first. */
  readonly rootEnvelopes: readonly Buffer[];
  readonly root: VerifiedRoot;
  readonly rootCertificatePem: string;
  readonly directory: { readonly log: FeedLog; readonly state: DirectoryState };
  /** The log of a feed, empty when nothing of it is here. */
  readonly logOf: (feed: FeedRow) => Promise<FeedLog>;
}

/** The bundle of the same exporter that was imported last. */
export interface LastImport {
  readonly sequence: number;
  readonly signedAtMs: number;
  /** SHA-256 of its manifest, in hex. */
  readonly manifest: string;
}

/**
 * The manifest is signed by the exporter, for this space, now, and after the last one (steps 4 to 7 of an import).
 * @throws HASH_MISMATCH, BAD_SIGNATURE, BAD_CERTIFICATE, WRONG_MESH, WRONG_DESTINATION, BUNDLE_EXPIRED, BUNDLE_OLD
 */
export function verifyManifest(
  manifest: Manifest,
  signed: VerifiedCms,
  here: KnownHere,
  last: LastImport | undefined,
): void {
  const { mesh, exporter, destination, createdMs, expiresMs, sequence } = manifest;
  if (mesh !== here.mesh)
    throw new MeshError('WRONG_MESH', `the bundle is of mesh ${mesh}, this space of ${here.mesh}`);
  if (destination.space !== here.self)
    throw new MeshError('WRONG_DESTINATION', `the bundle is for ${destination.name}`);
  const name = verifyExporter(signed, exporter.space, here);
  if (name !== exporter.name)
    throw new MeshError(
      'BAD_CERTIFICATE',
      `the exporter is ${name} and calls itself ${exporter.name}`,
    );
  const { signedAtMs } = signed;
  if (Math.abs(signedAtMs - createdMs) > LIMITS.bundleSigningMs)
    throw new MeshError('BAD_CERTIFICATE', 'the bundle was not signed when it was made');
  if (createdMs > here.nowMs + LIMITS.clockSkewMs)
    throw new MeshError('BUNDLE_EXPIRED', 'the bundle is dated in the future', {
      next: 'Compare the clocks of both sites.',
    });
  if (expiresMs <= here.nowMs)
    throw new MeshError(
      'BUNDLE_EXPIRED',
      `the bundle expired at ${new Date(expiresMs).toISOString()}`,
    );
  if (!last) return;
  if (sequence <= last.sequence)
    throw new MeshError(
      'BUNDLE_OLD',
      `bundle ${last.sequence} of ${name} was imported, this is ${sequence}`,
    );
  if (signedAtMs < last.signedAtMs)
    throw new MeshError(
      'BUNDLE_OLD',
      `the bundle was signed before bundle ${last.sequence} of ${name}`,
    );
}

/** The certificate is checked for the time of the signature: whoever carries a bundle may take weeks. */
function verifyExporter(signed: VerifiedCms, space: SpaceId, here: KnownHere): string {
  const { leafPem, issuingPem, signedAtMs } = signed;
  const row = here.directory.state.spaces.get(space);
  if (row?.revoked) throw new MeshError('REVOKED', `the exporter ${row.name} was revoked`);
  return verifyChain({
    ...{ leafPem, issuingPem, rootPem: here.rootCertificatePem, mesh: here.mesh, space },
    pins: here.root.root.x509,
    nowMs: signedAtMs,
  }).name;
}

export interface FeedDiff extends LogDiff {
  readonly row: FeedRow;
  readonly path: string;
}

export interface DirectoryDiff {
  readonly entries: number;
  readonly joined: readonly string[];
  readonly revoked: readonly string[];
  readonly feeds: readonly string[];
  readonly grants: number;
  readonly grantsEnded: number;
  readonly rootVersions: number;
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
  /** When ODCM last vouched for the directory in it; null when it does not say. */
  readonly vouchedMs: number | null;
}

export interface VerifyBundleOptions {
  readonly file: FileHandle;
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
    const { role, log, bytes } = step.value;
    if (role === 'index') check.open(bytes);
    else if (role === 'root') check.addRoot(bytes);
    else if (role === 'segment') await check.addSegment(log, bytes);
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

  async addSegment(log: number, bytes: Buffer): Promise<void> {
    await this.#beginUpTo(log);
    const entries = this.#logs[log]!.take(bytes);
    // Of the directory, those that are held here were folded before.
    for (const { index, record } of log === 0 ? entries : [])
      if (index >= this.#state.size) this.#apply(record);
  }

  /** Logs come one behind the other, and those without any entry do not come at all. */
  async #beginUpTo(log: number): Promise<void> {
    while (this.#logs.length <= log) {
      this.#logs.at(-1)?.finish();
      if (this.#logs.length === 0) await this.#beginDirectory();
      else await this.#beginFeed(this.#logs.length);
    }
  }

  async #beginDirectory(): Promise<void> {
    const { mesh, directory } = this.#here;
    this.#verifyRoots();
    const [indexed] = this.#index!.logs;
    const [range] = this.#manifest.logs;
    const origin = directoryOrigin(mesh, this.#root.root.odcm);
    if (!indexed?.log.equals(DIRECTORY_LOG) || range?.origin !== origin)
      throw new MeshError('MALFORMED', 'the first log of a bundle is not the directory');
    verifyDirectoryNote(decodeNote(indexed.note), this.#root.root, origin);
    this.#logs.push(await beginLog(range, indexed, directory.log));
    for await (const bytes of directory.log.segments(0, directory.log.size))
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
    const { here, state } = { here: this.#here, state: this.#state };
    const [indexed, range] = [this.#index!.logs[at]!, this.#manifest.logs[at]!];
    const row = state.feeds.get(parseFeedId(formatUuid(indexed.log)));
    if (!row) throw new MeshError('FEED_UNKNOWN', `${range.origin} is not in the directory`);
    const space = state.spaces.get(row.space)!;
    const origin = feedOrigin(here.mesh, row.space, row.id, row.epoch);
    const note = decodeNote(indexed.note);
    const { size } = verifyFeedNote(note, space, row, origin);
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

  async finish(missing: readonly string[]): Promise<VerifiedBundle> {
    await this.#beginUpTo(this.#index!.logs.length - 1);
    this.#logs.at(-1)?.finish();
    const exporter = this.#state.spaces.get(this.#manifest.exporter.space);
    // The bundle may bring the news that its own exporter was shut out.
    if (!exporter || exporter.revoked)
      throw new MeshError('REVOKED', `the exporter ${this.#manifest.exporter.name} was revoked`);
    const [directory, ...feeds] = this.#logs;
    const { root } = this.#root;
    const note = decodeNote(directory!.indexed.note);
    return {
      ...{ manifest: this.#manifest, index: this.#index!, newRoots: this.#newRoots, missing },
      logs: this.#logs,
      directory: diffOf(this.#here.directory.state, this.#state, directory!, this.#newRoots.length),
      feeds: feeds.map((log, at) => ({
        ...log.diff,
        ...{ row: this.#rows[at]!, path: this.#state.feedPath(this.#rows[at]!) },
      })),
      vouchedMs: vouchedMs(note, root, directoryOrigin(this.#here.mesh, root.odcm)) ?? null,
    };
  }
}

const endOf = (space: SpaceRow, feed: FeedRow): number =>
  space.revoked ? (space.revoked.lastGood[feed.id] ?? 0) : Number.POSITIVE_INFINITY;

/** What is held here, or its beginning where the bundle ends earlier. */
async function beginLog(range: LogRange, indexed: IndexedLog, log: FeedLog): Promise<BundleLog> {
  const size = Math.min(log.size, range.to);
  return new BundleLog(range, indexed, {
    size: log.size < range.from ? log.size : size,
    root: await rootAt(log, size),
  });
}

function diffOf(
  before: DirectoryState,
  after: DirectoryState,
  log: BundleLog,
  rootVersions: number,
): DirectoryDiff {
  const isNew = (known: ReadonlyMap<string, unknown>, id: string): boolean => !known.has(id);
  const spaces = [...after.spaces.values()];
  return {
    entries: log.diff.entries,
    joined: spaces.filter(({ id }) => isNew(before.spaces, id)).map(({ name }) => name),
    revoked: spaces
      .filter(({ id, revoked }) => revoked && !before.spaces.get(id)?.revoked)
      .map(({ name }) => name),
    feeds: [...after.feeds.values()]
      .filter(({ id }) => isNew(before.feeds, id))
      .map((row) => after.feedPath(row)),
    grants: [...after.grants.keys()].filter((id) => isNew(before.grants, id)).length,
    grantsEnded: [...before.grants.keys()].filter((id) => isNew(after.grants, id)).length,
    rootVersions,
  };
}
