// What a running process does for its own keys and certificate: looks from time to time, and at once when key or root have
// changed; and tells when the process should start again, to go by its newest key before the former one no longer counts.

import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { asMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { formerIdentity, identityKeys } from '../../protocols/space-keys.ts';
import type { TimerHandle, Timers } from '../clock.ts';
import type { MeshNode } from '../node.ts';
import { adoptKeys, knownByFormer } from './adopt-keys.ts';
import { CertificateKeeper } from './certificate-keeper.ts';

export class Upkeep {
  /** Resolves when this process should give way to one with the newest identity. */
  readonly isDue: Promise<void>;
  readonly #node: MeshNode;
  readonly #timers: Timers;
  readonly #keeper: CertificateKeeper;
  #tellDue: () => void = () => {};
  #timer: TimerHandle | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(node: MeshNode, timers: Timers) {
    const { home, keys, clock, log, petitioner } = node;
    this.#node = node;
    this.#timers = timers;
    this.#keeper = new CertificateKeeper({
      ...{ home, keys, clock, log },
      petition: (wish) => petitioner.petition(wish),
    });
    this.isDue = new Promise((resolve) => {
      this.#tellDue = resolve;
    });
  }

  start(): void {
    const { rotation, roots } = this.#node;
    rotation.onAdopted(() => this.#look());
    roots.onAdopted(() => this.#look());
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#timers.clearTimeout(this.#timer);
    await this.#looking;
  }

  #tick(): void {
    if (this.#isStopped) return;
    this.#look();
    this.#timer = this.#timers.setTimeout(() => this.#tick(), LIMITS.upkeepMs);
  }

  #look(): void {
    if (!this.#isStopped) this.#looking = this.#looking.then(() => this.#work());
  }

  async #work(): Promise<void> {
    const { home, trustClock, log, directory } = this.#node;
    const row = directory.state.spaces.get(home.config.space);
    if (!row || row.revoked || this.#isStopped) return;
    try {
      // What nobody needs any more is removed.
      const nowMs = trustClock.nowMs();
      await adoptKeys(home, row, nowMs);
      if (await this.#isDue(row, nowMs)) this.#tellDue();
      await this.#keeper.look();
    } catch (error) {
      // It is tried again; how long trust lasts is shown and watched over elsewhere.
      const { code, message } = asMeshError(error);
      log.warn({ code }, `the certificate was not renewed: ${message}`);
    }
  }

  /** Whether a process that starts now would go by a better identity. */
  async #isDue(row: SpaceRow, nowMs: number): Promise<boolean> {
    const { home, keys, directory } = this.#node;
    const isDoubtful = directory.isFrozen || directory.isWaiting;
    if (!keys.isIdentityFormer)
      return isDoubtful && knownByFormer(row, await home.keys.find('nodeKeyBefore'), nowMs);
    const identity = ed25519Raw(keys.identity);
    // Where the directory went on from before a rotation, nobody knows it by that any more.
    if (!identityKeys(row, nowMs).some((key) => key.equals(identity))) return true;
    const untilMs = formerIdentity(row)?.untilMs ?? Number.POSITIVE_INFINITY;
    return !isDoubtful && nowMs > untilMs - LIMITS.keyOverlapMs / 2;
  }
}
