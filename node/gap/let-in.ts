// Letting a bundle in that people have approved: from the row that says `applying` on there is no way back. What stops it in
// the middle, a full disk or a crash, leaves it in that state, and it is finished later. By itself it never ends with half of it
// in; where it cannot be finished any more, for a revocation that came meanwhile, people end it, and the audit log says what is in.

import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { crashpoint } from '../crashpoint.ts';
import { applyBundle } from './apply-bundle.ts';
import type { ImportParts, ImportRun } from './import.ts';
import { approvedMs, type ImportChecks } from './import-checks.ts';
import { signImport } from './import-receipt.ts';
import { type Crossing, subjectOf } from './ledger.ts';
import type { VerifiedBundle } from './verify-bundle.ts';

/** What is smaller is copied: thousands of small files would be slower than their rows. */
const PACK_BYTES = 1 << 20;

export class LetIn {
  readonly #o: ImportParts;
  readonly #checks: ImportChecks;

  constructor(parts: ImportParts, checks: ImportChecks) {
    this.#o = parts;
    this.#checks = checks;
  }

  /** Everything is checked once more against what is known by now. */
  async begin(row: Crossing, run: ImportRun): Promise<Crossing> {
    const { quarantine, ledger, clock } = this.#o;
    const signed = await quarantine.signed(row.manifest);
    await this.#checks.verifyOrder(signed.manifest, await this.#checks.verifySigned(signed));
    if (!(await this.#checks.found(row.manifest))) await this.#check(row, run);
    const applying: Crossing = { ...row, state: 'applying', atMs: clock.nowMs() };
    crashpoint('import.before-apply');
    await ledger.put(applying);
    crashpoint('import.after-begin');
    return this.finish(applying, run);
  }

  #check(row: Crossing, run: ImportRun): Promise<VerifiedBundle> {
    return this.#checks.check(row.manifest, run, approvedMs(row));
  }

  /** Somebody ends one that is not in whole. What is in was checked and stays: part of a history is one too. */
  async giveUp(row: Crossing, by: string, reason: string): Promise<Crossing> {
    const { ledger, clock, blocks } = this.#o;
    // Behind the row nobody lets it in again: records must not be lost before the entries that name them.
    await blocks.flush();
    const atMs = clock.nowMs();
    const counts = await this.#checks.countIn(row);
    const text = `${reason} (ended; entries in already: ${counts})`.slice(0, 2000);
    const subject = subjectOf(row);
    await ledger.audit({ atMs, what: 'refused', subject, code: null, text, by });
    const failed: Crossing = { ...row, state: 'failed', atMs, reason: text };
    await ledger.put(failed);
    this.#checks.forget(row.manifest);
    return failed;
  }

  /** What was let in before counts as well: the whole bundle is let in from its start. */
  async finish(row: Crossing, run: ImportRun): Promise<Crossing> {
    try {
      return await this.#finish(row, run);
    } catch (error) {
      const { code, message, detail } = asMeshError(error);
      await this.#tell(row, code, message.slice(0, 2000)).catch(() => {});
      throw new MeshError(code, `${subjectOf(row)} is not in whole yet: ${message}`, {
        next: 'It is finished at the next start of the node, or when the same file is imported again. To end it: odcm gap refuse.',
        ...(detail ? { detail } : {}),
        cause: error,
      });
    }
  }

  /** The disk that stopped it may not take this either. */
  async #tell(row: Crossing, code: string, reason: string): Promise<void> {
    const { ledger, clock } = this.#o;
    const subject = subjectOf(row);
    await ledger.put({ ...row, reason });
    await ledger.audit({
      ...{ atMs: clock.nowMs(), what: 'refused', subject, code, text: reason, by: null },
    });
  }

  async #finish(row: Crossing, run: ImportRun): Promise<Crossing> {
    const { ledger, quarantine, clock } = this.#o;
    const id = row.manifest;
    const bundle = (await this.#checks.found(id)) ?? (await this.#check(row, run));
    const { file, manifest } = await quarantine.open(id);
    let pack: string | undefined;
    try {
      const onProgress = (bytes: number) => run.onProgress?.('apply', bytes, manifest.sizeBytes);
      pack = await this.#keepPack(row, bundle);
      await applyBundle({ ...this.#o, file, bundle, pack, onProgress });
    } finally {
      await file.close();
      if (pack !== undefined) this.#o.blocks.packs?.settle(pack);
    }
    const atMs = clock.nowMs();
    const applied: Crossing = { ...row, state: 'applied', atMs, reason: null };
    crashpoint('import.before-receipt');
    const code = await signImport(this.#o, applied);
    crashpoint('import.after-receipt');
    await ledger.put(applied);
    const text = `${row.entries} entries`;
    await ledger.audit({
      ...{ atMs, what: 'imported', subject: subjectOf(row), code, text, by: row.by },
    });
    this.#checks.forget(id);
    return applied;
  }

  /** Where most of the file are records that are new here, it is kept as it is, and its records are read in it. */
  async #keepPack(
    { manifest: id }: Crossing,
    { manifest, recordBytes }: VerifiedBundle,
  ): Promise<string | undefined> {
    const { quarantine, blocks } = this.#o;
    const { packs } = blocks;
    const pack = manifest.sha256.toString('hex');
    const isWorth = manifest.sizeBytes > PACK_BYTES && 2 * recordBytes > manifest.sizeBytes;
    // What was begun as a pack goes on as one, though some of its records are here by now.
    if (!packs || !(isWorth || packs.has(pack))) return undefined;
    const isKept = await packs.adopt(quarantine.carOf(id), pack);
    crashpoint('import.after-pack');
    return isKept ? pack : undefined;
  }
}
