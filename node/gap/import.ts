// Imports: a bundle is brought, copied, scanned and checked as a whole; people see what it would change and approve; then it
// is let in whole. Every step that counts is a row in the ledger first, so that a crash leaves an import where it was: before
// the row that says `applying` nothing has changed, behind it the next start finishes what was begun.

import { verifyCms } from '../../certs/cms.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { type SpaceId, uuidBytes } from '../../protocols/ids.ts';
import type { Clock } from '../clock.ts';
import { FeedLog } from '../feed/log.ts';
import type { Home } from '../home/home.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import { type ApplyOptions, applyBundle } from './apply-bundle.ts';
import type { Crossing, Ledger } from './ledger.ts';
import { type Brought, type Quarantine, readBrought } from './quarantine.ts';
import type { ReceiptLog } from './receipt-log.ts';
import {
  type KnownHere,
  type VerifiedBundle,
  verifyBundle,
  verifyManifest,
} from './verify-bundle.ts';

export interface ImportParts extends Omit<ApplyOptions, 'file' | 'bundle' | 'onProgress'> {
  readonly home: Home;
  readonly logs: Store;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly receipts: ReceiptLog;
  readonly clock: Clock;
}

export type Phase = 'copy' | 'scan' | 'check' | 'apply';

export interface ImportRun {
  readonly signal: AbortSignal;
  readonly onProgress?: (phase: Phase, bytes: number, of: number) => void;
}

/** An import with what it would change. */
export interface Staged {
  readonly crossing: Crossing;
  readonly bundle: VerifiedBundle;
  readonly needed: number;
}

export class Imports {
  readonly #o: ImportParts;
  readonly #turn = new Turn();
  /** What was checked since the start, by the id of its manifest. */
  readonly #checked = new Map<string, VerifiedBundle>();

  constructor(parts: ImportParts) {
    this.#o = parts;
  }

  /** Finishes what a crash left in the middle. To be called before anything else reads or changes the node. */
  resume(): Promise<void> {
    return this.#turn.take(async () => {
      const waiting = new Set<string>();
      for await (const row of this.#o.ledger.crossings('in')) {
        if (row.state === 'waiting' || row.state === 'applying') waiting.add(row.manifest);
        if (row.state === 'applying') await this.#apply(row, { signal: NEVER });
      }
      await this.#o.quarantine.sweep(this.#o.clock.nowMs(), (id) => waiting.has(id));
    });
  }

  /** People who have to approve. */
  get needed(): number {
    const { gap, regulated } = this.#o.home.config;
    return gap?.approvals ?? (regulated ? 2 : 1);
  }

  /**
   * Checks a bundle as a whole; with `dryRun` nothing of it is kept, but for the line in the audit log.
   * @returns the same again for a bundle that was imported before
   */
  stage(path: string, by: string, run: ImportRun, dryRun = false): Promise<Staged> {
    return this.#turn.take(async () => {
      let brought: Brought | undefined;
      try {
        brought = await readBrought(path);
        return await this.#stage(brought, by, run, dryRun);
      } catch (error) {
        const { code, message } = asMeshError(error);
        const atMs = this.#o.clock.nowMs();
        await this.#o.ledger.audit({
          atMs,
          what: 'refused',
          subject: path.slice(0, 4096),
          code,
          text: message.slice(0, 2000),
          by,
        });
        if (brought && !(await this.#isKept(brought))) await this.#o.quarantine.drop(brought.id);
        throw error;
      }
    });
  }

  async #isKept({ manifest, id }: Brought): Promise<boolean> {
    const row = await this.#o.ledger.get('in', manifest.exporter.space, manifest.sequence);
    return row?.manifest === id;
  }

  async #stage(brought: Brought, by: string, run: ImportRun, dryRun: boolean): Promise<Staged> {
    const { ledger, quarantine, clock, home } = this.#o;
    const { manifest, manifestBytes, signature, id } = brought;
    const signed = verifyCms(signature, manifestBytes);
    const here = await this.#here();
    const known = await ledger.get('in', manifest.exporter.space, manifest.sequence);
    const isSame = known?.manifest === id && known.state !== 'refused';
    if (known && !isSame && known.state !== 'refused')
      throw new MeshError(
        'CONFLICT',
        `another bundle ${manifest.sequence} of ${known.name} was brought before`,
        {
          next: 'Ask its exporter for a new export.',
        },
      );
    const last = await this.#last(manifest.exporter.space);
    verifyManifest(manifest, signed, here, isSame ? undefined : last);
    const { sizeBytes } = manifest;
    await quarantine.take(brought, run.signal, (bytes) =>
      run.onProgress?.('copy', bytes, sizeBytes),
    );
    const { scan } = home.config.gap ?? {};
    run.onProgress?.('scan', 0, sizeBytes);
    if (scan) await quarantine.scan(id, scan);
    const bundle = await this.#check(id, here, run);
    const crossing: Crossing = isSame
      ? known
      : {
          ...{ way: 'in', space: manifest.exporter.space, name: manifest.exporter.name, by },
          ...{ sequence: manifest.sequence, base: manifest.base, manifest: id, state: 'waiting' },
          ...{ atMs: clock.nowMs(), createdMs: manifest.createdMs, signedAtMs: signed.signedAtMs },
          ...{ approvals: [], logs: manifest.logs.map((log) => ({ ...log })), reason: null },
          ...{ blocks: manifest.blocks, sizeBytes, missing: bundle.missing.length },
          entries: entriesOf(bundle),
        };
    if (dryRun && !isSame) await quarantine.drop(id);
    else if (!isSame) await ledger.put(crossing);
    return { crossing, bundle, needed: this.needed };
  }

  async #check(
    id: string,
    here: KnownHere,
    { signal, onProgress }: ImportRun,
  ): Promise<VerifiedBundle> {
    const { file, manifest } = await this.#o.quarantine.open(id);
    try {
      const bundle = await verifyBundle({
        ...{ file, manifest, here, signal },
        onProgress: (bytes) => onProgress?.('check', bytes, manifest.sizeBytes),
      });
      this.#checked.set(id, bundle);
      return bundle;
    } finally {
      await file.close();
    }
  }

  /** One that waits or was let in, with what it changes or changed. */
  staged(exporter: SpaceId, sequence: number): Promise<Staged> {
    return this.#turn.take(async () => {
      const crossing = await this.#require(exporter, sequence);
      const known = this.#checked.get(crossing.manifest);
      const bundle =
        known ?? (await this.#check(crossing.manifest, await this.#here(), { signal: NEVER }));
      return { crossing, bundle, needed: this.needed };
    });
  }

  async #require(exporter: SpaceId, sequence: number): Promise<Crossing> {
    const row = await this.#o.ledger.get('in', exporter, sequence);
    if (row) return row;
    throw new MeshError('IMPORT_UNKNOWN', `no bundle ${sequence} of that space was brought here`);
  }

  /**
   * Somebody approves. With the last approval that is needed the bundle is let in before this resolves.
   * @throws APPROVAL_REFUSED when it is the same person again, or who brought it where that is not allowed
   */
  approve(exporter: SpaceId, sequence: number, by: string, run: ImportRun): Promise<Crossing> {
    return this.#turn.take(async () => {
      const { ledger, clock, home } = this.#o;
      const row = await this.#require(exporter, sequence);
      if (row.state === 'applied') return row;
      if (row.state !== 'waiting')
        throw new MeshError(
          'IMPORT_UNKNOWN',
          `bundle ${sequence} of ${row.name} does not wait: it is ${row.state}`,
        );
      if (row.approvals.some((one) => one.by === by))
        throw new MeshError('APPROVAL_REFUSED', `${by} has approved bundle ${sequence} already`);
      if (home.config.regulated && by === row.by)
        throw new MeshError(
          'APPROVAL_REFUSED',
          `${by} brought bundle ${sequence} and cannot approve it`,
        );
      const atMs = clock.nowMs();
      const approved: Crossing = { ...row, approvals: [...row.approvals, { by, atMs }] };
      await ledger.put(approved);
      const subject = `bundle ${sequence} of ${row.name}`;
      await ledger.audit({ atMs, what: 'approved', subject, code: null, text: '', by });
      return approved.approvals.length < this.needed ? approved : this.#let(approved, run);
    });
  }

  /** Lets in what needs nobody's approval. */
  admit(exporter: SpaceId, sequence: number, run: ImportRun): Promise<Crossing> {
    return this.#turn.take(async () => {
      const row = await this.#require(exporter, sequence);
      if (row.state !== 'waiting' || row.approvals.length < this.needed) return row;
      return this.#let(row, run);
    });
  }

  refuse(exporter: SpaceId, sequence: number, by: string, reason: string): Promise<Crossing> {
    return this.#turn.take(async () => {
      const row = await this.#require(exporter, sequence);
      if (row.state !== 'waiting')
        throw new MeshError(
          'IMPORT_UNKNOWN',
          `bundle ${sequence} of ${row.name} does not wait: it is ${row.state}`,
        );
      const atMs = this.#o.clock.nowMs();
      const refused: Crossing = { ...row, state: 'refused', atMs, reason };
      await this.#o.ledger.put(refused);
      const subject = `bundle ${sequence} of ${row.name}`;
      await this.#o.ledger.audit({ atMs, what: 'refused', subject, code: null, text: reason, by });
      return refused;
    });
  }

  /** Everything is checked once more against what is known by now; from the row on there is no way back. */
  async #let(row: Crossing, run: ImportRun): Promise<Crossing> {
    const { signature, manifestBytes } = await this.#o.quarantine.signature(row.manifest);
    const here = await this.#here();
    const { manifest, file } = await this.#o.quarantine.open(row.manifest);
    await file.close();
    verifyManifest(
      manifest,
      verifyCms(signature, manifestBytes),
      here,
      await this.#last(row.space),
    );
    await this.#check(row.manifest, here, run);
    const applying: Crossing = { ...row, state: 'applying', atMs: this.#o.clock.nowMs() };
    await this.#o.ledger.put(applying);
    return this.#apply(applying, run);
  }

  async #apply(row: Crossing, run: ImportRun): Promise<Crossing> {
    const { ledger, quarantine, clock } = this.#o;
    const known = this.#checked.get(row.manifest);
    const bundle = known ?? (await this.#check(row.manifest, await this.#here(), run));
    const { file, manifest } = await quarantine.open(row.manifest);
    try {
      const onProgress = (bytes: number) => run.onProgress?.('apply', bytes, manifest.sizeBytes);
      await applyBundle({ ...this.#o, file, bundle, onProgress });
    } finally {
      await file.close();
    }
    const atMs = clock.nowMs();
    const applied: Crossing = { ...row, state: 'applied', atMs };
    await this.#sign(applied);
    await ledger.put(applied);
    const subject = `bundle ${row.sequence} of ${row.name}`;
    await ledger.audit({
      atMs,
      what: 'imported',
      subject,
      code: null,
      text: `${row.entries} entries`,
      by: row.by,
    });
    this.#checked.delete(row.manifest);
    return applied;
  }

  /** A crash between receipt and ledger must not make two receipts of one import. */
  async #sign(row: Crossing): Promise<void> {
    const { receipts, directory, home } = this.#o;
    const { size, root } = directory.applied;
    const subject = { name: `bundle:${row.name}/${row.sequence}`, sha256: row.manifest };
    if (await receipts.has(subject)) return;
    const { mesh, space: id, name } = home.config;
    await receipts.append(
      {
        ...{ kind: 'import', mesh, space: { id, name }, entries: row.entries },
        bundle: { exporter: row.space, sequence: row.sequence, manifestSha256: row.manifest },
        appliedAt: new Date(row.atMs).toISOString(),
        approvedBy: row.approvals.map(({ by }) => by),
        directory: { size, root: Buffer.from(root).toString('hex') },
      },
      subject,
    );
  }

  async #last(exporter: SpaceId) {
    const row = await this.#o.ledger.newest('in', exporter, ({ state }) => state === 'applied');
    return row && { sequence: row.sequence, signedAtMs: row.signedAtMs, manifest: row.manifest };
  }

  async #here(): Promise<KnownHere> {
    const { home, directory, clock, feeds, logs } = this.#o;
    return {
      ...{ mesh: home.config.mesh, self: home.config.space, nowMs: clock.nowMs(), directory },
      ...{ rootEnvelopes: home.rootEnvelopes, root: home.root },
      rootCertificatePem: (await home.certificates()).root,
      // What the directory here does not know yet cannot be opened as a feed; its log may be there all the same.
      logOf: async (row: FeedRow) =>
        feeds.peek(row.id)?.log ?? FeedLog.open(logs, uuidBytes(row.id), row.epoch),
    };
  }
}

const NEVER = new AbortController().signal;

const entriesOf = ({ directory, feeds }: VerifiedBundle): number =>
  directory.entries + feeds.reduce((sum, { entries }) => sum + entries, 0);
