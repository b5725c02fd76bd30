// The checks of an import against what is known here, and what was found: a bundle that was checked a moment ago, and of which
// nothing here has changed since, is not read once more.

import { statfs } from 'node:fs/promises';
import { verifyCms } from '../../certs/cms.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Manifest } from '../../protocols/gap/manifest.ts';
import { type Origin, parseFeedId, parseOrigin, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds } from '../feed/feeds.ts';
import { FeedLog } from '../feed/log.ts';
import type { Home } from '../home/home.ts';
import type { Store } from '../store/store.ts';
import type { ImportRun } from './import.ts';
import type { Crossing, Ledger } from './ledger.ts';
import type { Quarantine } from './quarantine.ts';
import { type VerifiedBundle, verifyBundle } from './verify-bundle.ts';
import { type KnownHere, verifyManifest, verifyMeasure, verifyOrder } from './verify-manifest.ts';

export interface ImportChecksOptions {
  readonly home: Home;
  readonly logs: Store;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly isFrozen: (origin: Origin) => boolean;
  readonly clock: ImportClock;
}

/** The time that trust goes by, and the latest that a signed word of ODCM may be of. */
export type ImportClock = Clock & { latestMs(): number };

export const COMPARE_CLOCKS =
  'Compare the clocks of ODCM and of this machine, and import the same file again.';

/** Since when people want it: who approved a bundle was right then, whatever ended before the last of it is in. */
export const approvedMs = ({ state, atMs }: Crossing): number | undefined =>
  state === 'applying' ? atMs : undefined;

/** The three small things that a bundle says before its CAR is opened. */
export interface SignedManifest {
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  readonly signature: Buffer;
}

interface Found {
  readonly bundle: VerifiedBundle;
  readonly atMs: number;
  /** What the check went by. */
  readonly stand: string;
}

export class ImportChecks {
  readonly #o: ImportChecksOptions;
  readonly #found = new Map<string, Found>();

  constructor(options: ImportChecksOptions) {
    this.#o = options;
  }

  /** Signer, destination and time. @returns when it was signed */
  async verifySigned({ manifest, manifestBytes, signature }: SignedManifest): Promise<number> {
    const cms = verifyCms(signature, manifestBytes);
    verifyManifest(manifest, cms, await this.#here());
    verifyMeasure(manifest);
    await this.#assertRoom(manifest.sizeBytes);
    return cms.signedAtMs;
  }

  /** It lies here in quarantine, and then in the databases; a full disk would stop far more than this import. */
  async #assertRoom(sizeBytes: number): Promise<void> {
    // Where the disk does not tell, writing will.
    const disk = await statfs(this.#o.home.paths.dir).catch(() => undefined);
    const freeBytes = disk ? disk.bavail * disk.bsize : Number.POSITIVE_INFINITY;
    const neededBytes = 2 * sizeBytes;
    if (neededBytes <= freeBytes) return;
    const message = `the bundle needs ${neededBytes} bytes, and ${freeBytes} are free`;
    throw new MeshError('DISK_FULL', message, {
      next: 'Make room, or have it exported in parts: --feed, --since.',
    });
  }

  async verifyOrder(manifest: Manifest, signedAtMs: number): Promise<void> {
    const { space } = manifest.exporter;
    const last = await this.#o.ledger.newest('in', space, ({ state }) => state === 'applied');
    if (last) verifyOrder(manifest, signedAtMs, last);
  }

  /**
   * Reads the whole bundle in quarantine.
   * @param atMs the time for which grants must hold, where it is not now
   */
  async check(
    id: string,
    { signal, onProgress }: ImportRun,
    atMs?: number,
  ): Promise<VerifiedBundle> {
    const { quarantine, clock } = this.#o;
    const { file, manifest } = await quarantine.open(id);
    // Leaves are remembered of one bundle at a time: others may wait for long.
    for (const { bundle } of this.#found.values())
      for (const log of bundle.logs) log.forgetLeaves();
    try {
      const bundle = await verifyBundle({
        ...{ file, manifest, here: await this.#here(atMs), signal, isSummed: true },
        onProgress: (bytes) => onProgress?.('check', bytes, manifest.sizeBytes),
      });
      this.#verifyDue(bundle);
      this.#found.set(id, { bundle, atMs: clock.nowMs(), stand: await this.#standOf(bundle) });
      return bundle;
    } finally {
      await file.close();
    }
  }

  /** The directory here would let it wait for its time, and take nothing. */
  #verifyDue({ vouchedMs }: VerifiedBundle): void {
    if (vouchedMs === null || vouchedMs <= this.#o.clock.latestMs()) return;
    throw new MeshError('BUNDLE_EXPIRED', 'the directory in the bundle is dated in the future', {
      next: COMPARE_CLOCKS,
    });
  }

  /** What the last check found, while it would find the same again. */
  async found(id: string): Promise<VerifiedBundle | undefined> {
    const found = this.#found.get(id);
    if (!found) return undefined;
    const { bundle, atMs, stand } = found;
    const ageMs = this.#o.clock.nowMs() - atMs;
    // Grants end by the clock: for no longer than clocks may differ.
    const isFresh = ageMs >= 0 && ageMs <= LIMITS.clockSkewMs;
    return isFresh && stand === (await this.#standOf(bundle)) ? bundle : undefined;
  }

  forget(id: string): void {
    this.#found.delete(id);
  }

  async #standOf({ logs, feeds }: VerifiedBundle): Promise<string> {
    const { home, directory, isFrozen } = this.#o;
    const sizes = [home.rootEnvelopes.length, directory.log.size];
    for (const { row } of feeds) sizes.push((await this.#logOf(row)).size);
    return JSON.stringify([sizes, logs.map(({ range }) => isFrozen(range.origin))]);
  }

  /** What the directory here does not know yet cannot be opened as a feed; its log may be there all the same. */
  async #logOf(row: FeedRow): Promise<FeedLog> {
    const { feeds, logs } = this.#o;
    return feeds.peek(row.id)?.log ?? FeedLog.open(logs, uuidBytes(row.id), row.epoch);
  }

  /** For people: how many entries of each log that it brings are here. */
  async countIn({ logs: ranges }: Crossing): Promise<string> {
    const { directory, feeds, logs } = this.#o;
    const counts: string[] = [];
    for (const { origin, from, to } of ranges) {
      if (from === to) continue;
      const { log, epoch } = parseOrigin(origin);
      const id = log === 'dir' ? undefined : parseFeedId(log.slice('feed-'.length));
      const known = id === undefined ? directory : feeds.peek(id);
      const name = id === undefined ? DIRECTORY_LOG : uuidBytes(id);
      const { size } = known?.origin === origin ? known.log : await FeedLog.open(logs, name, epoch);
      const row = id && directory.state.feeds.get(id);
      const path = row ? directory.state.feedPath(row) : (id ?? 'directory');
      counts.push(`${path} ${Math.max(0, Math.min(size, to) - from)} of ${to - from}`);
    }
    return counts.join(', ') || 'nothing';
  }

  async #here(nowMs = this.#o.clock.nowMs()): Promise<KnownHere> {
    const { home, directory, isFrozen } = this.#o;
    return {
      ...{ mesh: home.config.mesh, self: home.config.space, nowMs, directory },
      ...{ rootEnvelopes: home.rootEnvelopes, root: home.root, isFrozen },
      rootCertificatePem: (await home.certificates()).root,
      logOf: (row: FeedRow) => this.#logOf(row),
    };
  }
}
