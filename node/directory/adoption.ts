// A new version of the root comes into force: its keys, and the epoch that it may open. All of that or nothing: where the
// disk refuses to open the epoch, what was in force stays so, and it is tried again.

import type { Root } from '../../protocols/root.ts';
import { type OpenedEpoch, openEpoch } from './epoch.ts';
import type { Heads } from './heads.ts';
import type { InForce } from './in-force.ts';

export class Adoption {
  readonly #now: InForce;
  readonly #heads: Heads;
  /** In force as soon as the epoch that it names can be opened. */
  #next: Root | undefined;

  constructor(now: InForce, heads: Heads) {
    this.#now = now;
    this.#heads = heads;
  }

  get isDue(): boolean {
    return this.#next !== undefined;
  }

  /** In turn. One that is in force already changes nothing. */
  adopt(root: Root): Promise<void> {
    const { roots } = this.#now;
    if (!roots.includes(root)) roots.push(root);
    this.#next = root;
    return this.complete();
  }

  /** In turn. @throws what the disk says of it; then nothing has changed */
  async complete(): Promise<void> {
    const root = this.#next;
    if (!root) return;
    const now = this.#now;
    const hasMoved = root.directory?.epoch !== now.root.directory?.epoch;
    const opened = hasMoved && (await openEpoch(now.options.store, root, now.roots));
    now.root = root;
    this.#next = undefined;
    const isTakenBack = now.signers.adopt(root, now.origin);
    if (opened) this.#follow(opened);
    if (opened || isTakenBack) {
      // Until ODCM goes on, nobody has anything newer to say.
      if (now.isWaiting || now.epoch.refusal) now.vouched.keepUpToNow();
      else if (isTakenBack) now.vouched.forgetBut(now.shownMs());
      this.#heads.forget();
    }
    if (opened) await now.foldWhatIsSound();
  }

  /** The way out of two histories: the keepers of the root say which of them goes on, and from where. */
  #follow(opened: OpenedEpoch): void {
    const now = this.#now;
    const { log } = now.options;
    const { number, begin, refusal } = opened;
    now.enter(opened);
    if (refusal) log.error({ code: refusal.code, epoch: number }, refusal.message);
    else log.warn({ epoch: number, from: begin?.size }, 'the directory goes on in a new epoch');
    // A proof of two histories is one of an epoch: it stays as evidence, and says nothing of the next.
    now.isFrozen = false;
  }
}
