// Versions of the root metadata at a node: asked of peers, verified one by one from the version that is held, written down,
// and put in force at once, or as soon as the disk allows it. There is no way back: a version that is held is never replaced.

import { asMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { VerifiedRoot } from '../../protocols/root-chain.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Home } from '../home/home.ts';
import type { Log } from '../log.ts';
import type { SyncClient } from '../net/sync-client.ts';
import { Turn } from '../turn.ts';

export interface RootsOptions {
  readonly home: Home;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Log;
}

type Listener = (root: VerifiedRoot) => Promise<void> | void;

/** Peers whose last answer is remembered; of more, some are asked again early. */
const REMEMBERED = 1000;

export class Roots {
  readonly #o: RootsOptions;
  readonly #turn = new Turn();
  /** When each peer was asked last. */
  readonly #askedMs = new Map<string, number>();
  #isHinted = false;
  readonly #listeners = new Set<Listener>();
  /** Who is still to be told of the newest version: it is not in force yet, or what they did about it failed. */
  #untold: readonly Listener[] = [];
  #isLate = false;

  constructor(options: RootsOptions) {
    this.#o = options;
  }

  /** Told of each new version once it is in force here; once more, while what the listener does about it fails. */
  onAdopted(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Envelopes from this version on, as many as one answer holds. */
  from(version: number): readonly Buffer[] {
    const at = Math.max(0, version - 1);
    return this.#o.home.rootEnvelopes.slice(at, at + LIMITS.rootsPerAnswer);
  }

  /**
   * A head is signed by others than the root here names: who asked a peer some time ago may ask it again.
   * @returns whether there is somebody to ask anew
   */
  hint(): boolean {
    const { clock } = this.#o;
    this.#isHinted = false;
    let isNews = false;
    for (const [peerId, atMs] of this.#askedMs) {
      // A signature means nothing until it verifies: who adds one to each message is not asked for each.
      if (clock.nowMs() - atMs < LIMITS.rootHintMs) {
        this.#isHinted = true;
        continue;
      }
      this.#askedMs.delete(peerId);
      isNews = true;
    }
    return isNews;
  }

  /** A hint came too soon after an answer: it counts a little later. */
  get isHinted(): boolean {
    return this.#isHinted;
  }

  /** Asks a peer when that was not done for a while. A peer that has nothing valid costs nothing but this answer. */
  async askWhenDue(peerId: string, client: SyncClient): Promise<void> {
    // What a listener could not do has its own time: a peer must not bring it about with each exchange.
    if (this.#isLate) await this.complete();
    const nowMs = this.#o.clock.nowMs();
    const askedMs = this.#askedMs.get(peerId);
    if (askedMs !== undefined && Math.abs(nowMs - askedMs) < LIMITS.antiEntropyMs) return;
    if (this.#askedMs.size >= REMEMBERED) this.#askedMs.clear();
    this.#askedMs.set(peerId, nowMs);
    for (;;) {
      const { versions } = this.#o.home.root;
      const envelopes = await client.roots(versions + 1);
      if ((await this.adopt(envelopes)) === 0 || envelopes.length < LIMITS.rootsPerAnswer) return;
    }
  }

  /**
   * Takes the versions that follow the one that is held, in order, up to the first that does not verify.
   * @returns how many were taken
   * @throws ROOT_INVALID, MALFORMED, TOO_LARGE … of the first version, when none was taken
   */
  adopt(envelopes: readonly Uint8Array[]): Promise<number> {
    return this.#turn.take(async () => {
      let taken = 0;
      for (const envelope of envelopes) {
        try {
          await this.#o.home.addRoot(envelope);
        } catch (error) {
          if (taken === 0) throw error;
          const { code, message } = asMeshError(error);
          this.#o.log.warn({ code }, message);
          break;
        }
        taken++;
        await this.#enforce();
      }
      return taken;
    });
  }

  /**
   * What could not be done about the newest version when it came is done now: the disk may have room again.
   * @throws what keeps it from being in force
   */
  complete(): Promise<void> {
    if (!this.#isLate && this.#untold.length === 0) return Promise.resolve();
    return this.#turn.take(() => this.#finish());
  }

  async #enforce(): Promise<void> {
    this.#isLate = true;
    this.#untold = [...this.#listeners];
    await this.#finish();
  }

  async #finish(): Promise<void> {
    const { home, directory, log } = this.#o;
    const { root } = home;
    if (this.#isLate) {
      await directory.adoptRoot(root.root);
      this.#isLate = false;
      log.info({ version: root.versions, expires: root.root.expires }, 'a new root is in force');
    }
    const untold = this.#untold;
    this.#untold = [];
    for (const listener of untold) {
      try {
        await listener(root);
      } catch (error) {
        // The root is in force all the same.
        const { code, message } = asMeshError(error);
        log.error({ code }, `after a new root: ${message}`);
        this.#untold = [...this.#untold, listener];
      }
    }
  }
}
