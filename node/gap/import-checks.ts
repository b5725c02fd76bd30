// The checks of an import against what is known here, and what was found: a bundle that was checked a moment ago, and of which
// nothing here has changed since, is not read once more.

import { statfs } from 'node:fs/promises';
import { verifyCms } from '../../certs/cms.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Manifest } from '../../protocols/gap/manifest.ts';
import { type Origin, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds } from '../feed/feeds.ts';
import { FeedLog } from '../feed/log.ts';
import type { Home } from '../home/home.ts';
import type { Store } from '../store/store.ts';
import type { Ledger } from './ledger.ts';
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
  readonly clock: Clock;
}

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

  /** Reads the whole bundle in quarantine. */
  async check(
    id: string,
    signal: AbortSignal,
    onProgress?: (bytes: number, of: number) => void,
  ): Promise<VerifiedBundle> {
    const { quarantine, clock } = this.#o;
    const { file, manifest } = await quarantine.open(id);
    try {
      const bundle = await verifyBundle({
        ...{ file, manifest, here: await this.#here(), signal, isSummed: true },
        onProgress: (bytes) => onProgress?.(bytes, manifest.sizeBytes),
      });
      this.#found.set(id, { bundle, atMs: clock.nowMs(), stand: await this.#standOf(bundle) });
      return bundle;
    } finally {
      await file.close();
    }
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

  async #here(): Promise<KnownHere> {
    const { home, directory, clock, isFrozen } = this.#o;
    return {
      ...{ mesh: home.config.mesh, self: home.config.space, nowMs: clock.nowMs(), directory },
      ...{ rootEnvelopes: home.rootEnvelopes, root: home.root, isFrozen },
      rootCertificatePem: (await home.certificates()).root,
      logOf: (row: FeedRow) => this.#logOf(row),
    };
  }
}
