// Keeps this node connected to the peers of the directory: looks every few seconds, dials with back-off, and reconnects
// pairs whose connection lives while no gossip passes. Runs on the clock, timers and randomness it is given.

import type { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Clock, fraction, type Random, type TimerHandle, type Timers } from '../clock.ts';
import type { Log } from '../log.ts';
import { networkError } from './network-error.ts';

export interface Neighbour {
  readonly peerId: string;
  readonly addresses: readonly string[];
  /** Higher is dialled first and kept when there are too many; 0 when absent. */
  readonly priority?: number;
}

/** What the supervisor needs from a host. */
export interface Reach {
  readonly peerId: string;
  isConnected(peerId: string): boolean;
  hearsGossip(peerId: string): boolean;
  dial(peerId: string, addresses: readonly string[], signal: AbortSignal): Promise<void>;
  hangUp(peerId: string): Promise<void>;
}

export interface SupervisorOptions {
  readonly reach: Reach;
  /** The peers to keep, asked anew at every look; this node itself may be among them. */
  readonly neighbours: () => readonly Neighbour[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

export interface NeighbourState {
  readonly peerId: string;
  readonly connected: boolean;
  readonly dialling: boolean;
  /** Attempts since the last time it was seen connected. */
  readonly attempts: number;
  readonly lastError?: MeshError;
  /** Not dialled before this time; absent while connected. */
  readonly nextTryMs?: number;
}

export interface Supervisor {
  start(): void;
  /** Ends with every dial given up and no timer left. */
  stop(): Promise<void>;
  /** Forgets the back-off of a peer and dials it now, if it is not connected. */
  kick(peerId: string): void;
  states(): NeighbourState[];
}

interface Attempts {
  count: number;
  nextTryMs: number;
  deafLooks: number;
  lastError: MeshError | undefined;
  dialling: AbortController | undefined;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { reach, clock, timers, random, log } = options;
  const peers = new Map<string, Attempts>();
  const work = new Set<Promise<void>>();
  let timer: TimerHandle | undefined;
  let running = false;

  const chosen = (): Neighbour[] =>
    options
      .neighbours()
      .filter(({ peerId }) => peerId !== reach.peerId)
      .toSorted((a, b) => (b.priority ?? 0) - (a.priority ?? 0))
      .slice(0, LIMITS.supervisedPeers);

  const attemptsOf = (peerId: string): Attempts => {
    let attempts = peers.get(peerId);
    if (attempts === undefined) {
      attempts = {
        count: 0,
        nextTryMs: 0,
        deafLooks: 0,
        lastError: undefined,
        dialling: undefined,
      };
      peers.set(peerId, attempts);
    }
    return attempts;
  };

  /** Runs in the background, is awaited by stop(), and never rejects. */
  const track = (task: Promise<void>): void => {
    const tracked = task.finally(() => work.delete(tracked));
    work.add(tracked);
  };

  const dial = async ({ peerId, addresses }: Neighbour, attempts: Attempts): Promise<void> => {
    const controller = new AbortController();
    const deadline = timers.setTimeout(
      () => controller.abort(new DOMException('dialling took too long', 'TimeoutError')),
      LIMITS.dialTimeoutMs,
    );
    attempts.dialling = controller;
    // Counted as failed until a look finds the peer connected: one that refuses us accepts the dial and closes after.
    attempts.count += 1;
    try {
      await reach.dial(peerId, addresses, controller.signal);
      attempts.lastError = undefined;
    } catch (error) {
      attempts.lastError = networkError(error, `the peer ${peerId}`);
      log.debug({ peerId, code: attempts.lastError.code }, attempts.lastError.message);
    } finally {
      timers.clearTimeout(deadline);
      attempts.dialling = undefined;
      attempts.nextTryMs = clock.nowMs() + backOffMs(attempts.count, random);
    }
    dialDue();
  };

  function dialDue(): void {
    if (!running) return;
    let free = LIMITS.dialsAtOnce - [...peers.values()].filter((peer) => peer.dialling).length;
    const now = clock.nowMs();
    for (const neighbour of chosen()) {
      if (free <= 0) return;
      const attempts = attemptsOf(neighbour.peerId);
      if (attempts.dialling !== undefined || attempts.nextTryMs > now) continue;
      if (reach.isConnected(neighbour.peerId)) continue;
      free -= 1;
      track(dial(neighbour, attempts));
    }
  }

  /** True once the peer has been without gossip for too many looks in a row. */
  const isDeaf = (peerId: string, attempts: Attempts): boolean => {
    attempts.deafLooks = reach.hearsGossip(peerId) ? 0 : attempts.deafLooks + 1;
    return attempts.deafLooks >= LIMITS.deafLooks;
  };

  const reconnect = async (peerId: string, attempts: Attempts): Promise<void> => {
    log.info({ peerId }, 'no gossip on a live connection: reconnecting');
    attempts.deafLooks = 0;
    // Not at once: both sides notice, and one of them should dial first.
    attempts.nextTryMs = clock.nowMs() + backOffMs(1, random);
    try {
      await reach.hangUp(peerId);
    } catch (error) {
      attempts.lastError = networkError(error, `the peer ${peerId}`);
    }
  };

  const look = async (): Promise<void> => {
    const neighbours = chosen();
    const wanted = new Set(neighbours.map(({ peerId }) => peerId));
    for (const [peerId, attempts] of peers) {
      if (wanted.has(peerId)) continue;
      attempts.dialling?.abort();
      peers.delete(peerId);
    }
    const hangUps: Promise<void>[] = [];
    for (const { peerId } of neighbours) {
      const attempts = attemptsOf(peerId);
      if (!reach.isConnected(peerId)) {
        attempts.deafLooks = 0;
        continue;
      }
      if (isDeaf(peerId, attempts)) {
        hangUps.push(reconnect(peerId, attempts));
        continue;
      }
      Object.assign(attempts, { count: 0, nextTryMs: 0, lastError: undefined });
    }
    await Promise.all(hangUps);
    dialDue();
  };

  /** The next look is planned when this one has ended: looks never overlap. */
  const lookThenWait = async (): Promise<void> => {
    try {
      await look();
    } catch (error) {
      log.error({ err: String(error) }, 'a look at the connections failed');
    }
    if (!running) return;
    const jitter = 0.75 + fraction(random) / 2;
    timer = timers.setTimeout(() => track(lookThenWait()), LIMITS.superviseMs * jitter);
  };

  return {
    start() {
      if (running) return;
      running = true;
      track(lookThenWait());
    },
    async stop() {
      running = false;
      if (timer !== undefined) timers.clearTimeout(timer);
      for (const { dialling } of peers.values()) dialling?.abort();
      await Promise.all(work);
    },
    kick(peerId) {
      const neighbour = chosen().find((candidate) => candidate.peerId === peerId);
      if (!running || neighbour === undefined) return;
      const attempts = attemptsOf(peerId);
      attempts.count = 0;
      attempts.nextTryMs = 0;
      if (attempts.dialling === undefined && !reach.isConnected(peerId)) {
        track(dial(neighbour, attempts));
      }
    },
    states: () =>
      chosen().map(({ peerId }) => stateOf(peerId, reach.isConnected(peerId), attemptsOf(peerId))),
  };
}

function stateOf(peerId: string, connected: boolean, attempts: Attempts): NeighbourState {
  return {
    peerId,
    connected,
    dialling: attempts.dialling !== undefined,
    attempts: connected ? 0 : attempts.count,
    ...(attempts.lastError === undefined || connected ? {} : { lastError: attempts.lastError }),
    ...(connected ? {} : { nextTryMs: attempts.nextTryMs }),
  };
}

/** Doubles with each attempt up to the largest; between half and all of it, so that peers do not try in step. */
export function backOffMs(attempt: number, random: Random): number {
  const full = Math.min(LIMITS.redialMaxMs, LIMITS.redialMinMs * 2 ** (attempt - 1));
  return full * (0.5 + fraction(random) / 2);
}
