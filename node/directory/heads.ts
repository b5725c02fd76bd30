// Heads of the directory as they come from anywhere: what each is to this node, and what becomes of one that is taken.

import { decodeNote, type Note } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { type EntrySource, takeIn } from '../feed/intake.ts';
import { elsewhere } from './epoch.ts';
import type { InForce } from './in-force.ts';

/** What a head of the directory is to a node. */
export type HeadVerdict = 'newer' | 'time' | 'known' | 'held';

export class Heads {
  readonly #now: InForce;
  /** Size of the largest directory whose head was verified here. */
  #knownSize = 0;
  /** The same, counting heads that are dated in the future. */
  #signedSize = 0;

  constructor(now: InForce) {
    this.#now = now;
  }

  /** A head was seen whose entries have not come yet, or one whose time has. */
  get isBehind(): boolean {
    const { log, vouched, isUnfolded } = this.#now;
    return vouched.isDue || log.size < this.#knownSize || isUnfolded;
  }

  /** ODCM has signed more entries than are here. */
  get isShort(): boolean {
    return this.#now.log.size < this.#signedSize;
  }

  /** What was said of sizes counts no more: by keys that were taken back, or in an epoch that is over. */
  forget(): void {
    this.#knownSize = this.#now.log.size;
    this.#signedSize = this.#now.log.size;
  }

  judge(bytes: Buffer): { verdict: HeadVerdict; note: Note } {
    const now = this.#now;
    const note = decodeNote(bytes);
    const { size, root } = now.signers.verify(note);
    if (now.refusal) throw now.refusal;
    this.#checkBegin(size, root);
    this.#signedSize = Math.max(this.#signedSize, size);
    const vouchedMs = now.signers.vouchedMs(note);
    if (now.vouched.holds(vouchedMs)) return { verdict: 'held', note };
    this.#knownSize = Math.max(this.#knownSize, size);
    if (size > now.log.size) return { verdict: 'newer', note };
    if (size === now.log.size && !root.equals(now.log.root())) {
      throw new MeshError('CONFLICT', 'ODCM signed two different directories of one size');
    }
    const isLater = now.vouched.isLater(vouchedMs);
    return { verdict: size === now.log.size && isLater ? 'time' : 'known', note };
  }

  /** The first head of an epoch is the point that it continues from, or lies behind it. */
  #checkBegin(size: number, root: Buffer): void {
    const { begin } = this.#now.epoch;
    if (begin && size === begin.size && !root.equals(begin.root))
      throw elsewhere(this.#now.root.directory);
  }

  /** In turn. */
  async take(bytes: Buffer, source: EntrySource): Promise<HeadVerdict> {
    const now = this.#now;
    const { verdict, note } = this.judge(bytes);
    if (now.isUnfolded) await now.fold();
    if (verdict === 'newer') {
      const { checkpoint } = note;
      const { log, epoch } = now;
      const milestone = epoch.begin;
      const whole = { log, feedId: DIRECTORY_LOG, checkpoint, note: bytes, source, milestone };
      try {
        await takeIn({ ...whole, sync: true });
      } finally {
        // Entries that came before a cut are as good as any; were they not folded now, no later head would do it.
        await now.fold();
      }
    }
    if (verdict === 'time') await now.log.setNote(bytes, false);
    if (verdict === 'newer' || verdict === 'time') now.vouched.set(now.signers.vouchedMs(note));
    return verdict;
  }

  /** In turn. */
  async takeOwn(bytes: Buffer): Promise<void> {
    const now = this.#now;
    await now.log.setNote(bytes, true);
    now.vouched.set(now.signers.vouchedMs(decodeNote(bytes)));
    await now.fold();
  }
}
