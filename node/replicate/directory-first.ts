// The directory before data: who comes back from being away must learn of revocations before it gives data to a peer, or takes
// any, on the authority of what it held. For each connection the directory was exchanged on it; and after a start, or having
// been alone, with somebody else than that peer, who may be the very one that was shut out. It never waits for long: where
// nobody has shown a directory by then, and the own one is not fresh, there is no data, however long a peer stalls.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';

export interface DirectoryFirstOptions {
  /** For intervals. */
  readonly clock: Clock;
  readonly timers: Timers;
  /** ODCM's own node: it knows the newest directory without asking. */
  readonly isOdcm: boolean;
  readonly odcmPeer: () => string | undefined;
  /** Members that are not revoked, this node not counted. */
  readonly others: () => number;
  /** ODCM vouched for the directory that is here a short while ago. */
  readonly isFresh: () => boolean;
  /** A peer has shown its directory. */
  readonly onExchanged?: (peerId: string) => void;
}

interface Waiter {
  readonly peerId: string;
  readonly resolve: () => void;
  readonly reject: (error: MeshError) => void;
  timer: TimerHandle | undefined;
}

export class DirectoryFirst {
  readonly #o: DirectoryFirstOptions;
  /** Connected peers, and since when. */
  readonly #connectedMs = new Map<string, number>();
  /** Connected peers with which the directory was exchanged on this connection. */
  readonly #exchanged = new Set<string>();
  /** Who has shown its directory since this node was last alone. */
  readonly #teachers = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  #aloneUntilMs: number;
  #isStopped = false;

  constructor(options: DirectoryFirstOptions) {
    this.#o = options;
    this.#aloneUntilMs = options.clock.nowMs();
  }

  connected(peerId: string): void {
    const nowMs = this.#o.clock.nowMs();
    if (this.#connectedMs.size === 0) {
      this.#aloneUntilMs = nowMs;
      this.#teachers.clear();
    }
    this.#connectedMs.set(peerId, nowMs);
    this.#exchanged.delete(peerId);
  }

  disconnected(peerId: string): void {
    this.#connectedMs.delete(peerId);
    this.#exchanged.delete(peerId);
  }

  /** The peer has shown its directory, and what was new in it is in force here. */
  exchanged(peerId: string): void {
    this.#exchanged.add(peerId);
    this.#teachers.add(peerId);
    this.#o.onExchanged?.(peerId);
    for (const waiter of this.#waiters) if (this.isSettled(waiter.peerId)) this.#release(waiter);
  }

  /** True when data may go to this peer and come from it. */
  isSettled(peerId: string): boolean {
    if (this.#o.isOdcm) return true;
    if (this.#leftMs(peerId) <= 0) return this.#teachers.size > 0 || this.#o.isFresh();
    return this.#exchanged.has(peerId) && this.#isTaught(peerId);
  }

  #isTaught(peerId: string): boolean {
    const odcm = this.#o.odcmPeer();
    if (odcm !== undefined && this.#teachers.has(odcm)) return true;
    if (this.#o.others() <= 1) return true;
    return [...this.#teachers].some((teacher) => teacher !== peerId);
  }

  /** What is left of the time that is waited at most. */
  #leftMs(peerId: string): number {
    const nowMs = this.#o.clock.nowMs();
    const fromMs = Math.max(this.#aloneUntilMs, this.#connectedMs.get(peerId) ?? nowMs);
    return fromMs + LIMITS.directoryFirstMs - nowMs;
  }

  /** @throws BUSY when nobody has shown a directory in time, and the own one is not fresh */
  settled(peerId: string): Promise<void> {
    if (this.#isStopped || this.isSettled(peerId)) return Promise.resolve();
    const leftMs = this.#leftMs(peerId);
    if (leftMs <= 0) return Promise.reject(unasked());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { peerId, resolve, reject, timer: undefined };
      this.#waiters.add(waiter);
      const end = () =>
        this.isSettled(peerId) ? this.#release(waiter) : this.#release(waiter, unasked());
      waiter.timer = this.#o.timers.setTimeout(end, leftMs);
    });
  }

  #release(waiter: Waiter, refusal?: MeshError): void {
    if (!this.#waiters.delete(waiter)) return;
    if (waiter.timer) this.#o.timers.clearTimeout(waiter.timer);
    if (refusal) waiter.reject(refusal);
    else waiter.resolve();
  }

  stop(): void {
    this.#isStopped = true;
    for (const waiter of this.#waiters) this.#release(waiter);
  }
}

const unasked = (): MeshError =>
  new MeshError('BUSY', 'nobody has shown this node the newest directory yet', {
    next: 'It asks everybody that it is connected with; ask again in a moment.',
  });
