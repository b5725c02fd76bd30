// Imports: a bundle is brought, copied, scanned and checked as a whole; people see what it would change and approve; then it
// is let in whole. Every step that counts is a row in the ledger first, so that a crash leaves an import where it was: before
// the row that says `applying` nothing has changed, behind it the next start finishes what was begun, or people end it.

import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { Origin, SpaceId } from '../../protocols/ids.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Home } from '../home/home.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { ApplyOptions } from './apply-bundle.ts';
import { approvedMs, ImportChecks, type ImportClock } from './import-checks.ts';
import { type Crossing, type Ledger, subjectOf } from './ledger.ts';
import { LetIn } from './let-in.ts';
import { type Brought, type Quarantine, readBrought } from './quarantine.ts';
import type { ReceiptLog } from './receipt-log.ts';
import type { VerifiedBundle } from './verify-bundle.ts';

export interface ImportParts extends Omit<ApplyOptions, 'file' | 'bundle' | 'pack' | 'onProgress'> {
  readonly home: Home;
  readonly logs: Store;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly receipts: ReceiptLog;
  /** Whether a fork of a log is proven: nothing more of it is let in. */
  readonly isFrozen: (origin: Origin) => boolean;
  readonly clock: ImportClock;
  readonly log: Log;
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
  readonly #checks: ImportChecks;
  readonly #letIn: LetIn;
  readonly #turn = new Turn();

  constructor(parts: ImportParts) {
    this.#o = parts;
    this.#checks = new ImportChecks(parts);
    this.#letIn = new LetIn(parts, this.#checks);
  }

  /** Finishes what a crash left in the middle. To be called before anything else reads or changes the node. */
  resume(): Promise<void> {
    return this.#turn.take(async () => {
      const { ledger, quarantine, clock, log } = this.#o;
      const waiting = new Set<string>();
      for await (const row of ledger.crossings('in')) {
        if (row.state === 'waiting' || row.state === 'applying') waiting.add(row.manifest);
        if (row.state !== 'applying') continue;
        // One that cannot be finished now must not keep the node from starting; it is in the ledger, and in the log.
        await this.#letIn.finish(row, { signal: NEVER }).catch((error: unknown) => {
          const { code, message } = asMeshError(error);
          log.error({ code, bundle: row.sequence, space: row.name }, message);
        });
      }
      await quarantine.sweep(clock.nowMs(), (id) => waiting.has(id));
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
    const { ledger, quarantine } = this.#o;
    const { id } = brought;
    const signedAtMs = await this.#checks.verifySigned(brought);
    const known = await this.#sameAs(brought);
    if (!known) await this.#checks.verifyOrder(brought.manifest, signedAtMs);
    const bundle =
      (known && (await this.#kept(known, run))) ??
      (await this.#taken(brought, run, known && approvedMs(known)));
    const crossing = known ?? this.#waiting(brought, bundle, { by, signedAtMs });
    if (!known && dryRun) {
      this.#checks.forget(id);
      await quarantine.drop(id);
    } else if (!known) await ledger.put(crossing);
    crashpoint('import.after-stage');
    return { crossing, bundle, needed: this.needed };
  }

  /** The row of the very same bundle, but where it came to nothing: then it may be brought again. */
  async #sameAs({ manifest, id }: Brought): Promise<Crossing | undefined> {
    const { exporter, sequence } = manifest;
    const row = await this.#o.ledger.get('in', exporter.space, sequence);
    if (!row || row.state === 'refused' || row.state === 'failed') return undefined;
    if (row.manifest === id) return row;
    throw new MeshError(
      'CONFLICT',
      `another bundle ${sequence} of ${row.name} was brought before`,
      {
        next: 'Ask its exporter for a new export.',
      },
    );
  }

  /** What lies here was checked before: another CAR beside its manifest takes nothing of it away. */
  async #kept(row: Crossing, run: ImportRun): Promise<VerifiedBundle | undefined> {
    const { state, manifest } = row;
    if (state === 'waiting')
      return (await this.#checks.found(manifest)) ?? this.#checks.check(manifest, run);
    if (state !== 'applying') return undefined;
    // It stopped in the middle, and perhaps for what has become of its file.
    return this.#checks.check(manifest, run, approvedMs(row)).catch(() => undefined);
  }

  async #taken(brought: Brought, run: ImportRun, atMs?: number): Promise<VerifiedBundle> {
    const { quarantine } = this.#o;
    const { signal, onProgress } = run;
    const { sizeBytes } = brought.manifest;
    const onCopied = (bytes: number) => onProgress?.('copy', bytes, sizeBytes);
    const { durable } = await quarantine.take(brought, signal, onCopied);
    crashpoint('import.after-copy');
    // While the disk takes the last of it.
    const checked = this.#scanned(brought, run).then(() =>
      this.#checks.check(brought.id, run, atMs),
    );
    await Promise.allSettled([checked, durable]);
    try {
      await durable;
    } catch (error) {
      // Not even where its row is under way: what the disk did not take may read well until the power fails.
      this.#checks.forget(brought.id);
      await quarantine.drop(brought.id);
      throw error;
    }
    return checked;
  }

  /** The site's own scanner comes before anything is made of the content. */
  async #scanned({ id, manifest }: Brought, { onProgress }: ImportRun): Promise<void> {
    const { quarantine, home } = this.#o;
    const { scan } = home.config.gap ?? {};
    if (!scan) return;
    onProgress?.('scan', 0, manifest.sizeBytes);
    await quarantine.scan(id, scan);
  }

  #waiting(
    { manifest, id }: Brought,
    bundle: VerifiedBundle,
    { by, signedAtMs }: { by: string; signedAtMs: number },
  ): Crossing {
    const { exporter, sequence, base, createdMs, blocks, sizeBytes, logs } = manifest;
    return {
      ...{ way: 'in', space: exporter.space, name: exporter.name, sequence, base, by },
      ...{ manifest: id, state: 'waiting', atMs: this.#o.clock.nowMs(), createdMs, signedAtMs },
      ...{ approvals: [], logs: logs.map((log) => ({ ...log })), reason: null },
      ...{ blocks, sizeBytes, missing: bundle.missing.length, entries: entriesOf(bundle) },
    };
  }

  /** One that waits or was let in, with what it changes or changed. */
  staged(exporter: SpaceId, sequence: number): Promise<Staged> {
    return this.#turn.take(async () => {
      const crossing = await this.#require(exporter, sequence);
      const { manifest: id } = crossing;
      const run = { signal: NEVER };
      const bundle =
        (await this.#checks.found(id)) ?? (await this.#checks.check(id, run, approvedMs(crossing)));
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
      if (row.state === 'applying') return this.#letIn.finish(row, run);
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
      const subject = subjectOf(row);
      await ledger.audit({ atMs, what: 'approved', subject, code: null, text: '', by });
      return approved.approvals.length < this.needed ? approved : this.#letIn.begin(approved, run);
    });
  }

  /** Lets in what needs nobody's approval any more, and finishes what stopped in the middle. */
  admit(exporter: SpaceId, sequence: number, run: ImportRun): Promise<Crossing> {
    return this.#turn.take(async () => {
      const row = await this.#require(exporter, sequence);
      if (row.state === 'applying') return this.#letIn.finish(row, run);
      if (row.state !== 'waiting' || row.approvals.length < this.needed) return row;
      return this.#letIn.begin(row, run);
    });
  }

  /** Somebody refuses it, or ends what was approved and cannot be let in whole: that has failed. */
  refuse(exporter: SpaceId, sequence: number, by: string, reason: string): Promise<Crossing> {
    return this.#turn.take(async () => {
      const row = await this.#require(exporter, sequence);
      if (row.state === 'applying') return this.#letIn.giveUp(row, by, reason);
      if (row.state !== 'waiting')
        throw new MeshError(
          'IMPORT_UNKNOWN',
          `bundle ${sequence} of ${row.name} does not wait: it is ${row.state}`,
        );
      const atMs = this.#o.clock.nowMs();
      const refused: Crossing = { ...row, state: 'refused', atMs, reason };
      await this.#o.ledger.put(refused);
      this.#checks.forget(row.manifest);
      const subject = subjectOf(row);
      await this.#o.ledger.audit({ atMs, what: 'refused', subject, code: null, text: reason, by });
      return refused;
    });
  }
}

const NEVER = new AbortController().signal;

const entriesOf = ({ directory, feeds }: VerifiedBundle): number =>
  directory.entries + feeds.reduce((sum, { entries }) => sum + entries, 0);
