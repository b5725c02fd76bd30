// Finds a second machine under one key where gossip cannot: to others two machines with one key are one peer, of which gossip
// reaches only one. With each heartbeat a space says to one peer, on a stream of its own, what it says to all; the peer
// answers with what another start of that space has said since. What follows from it is for key-use.ts.

import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { decodePresences, encodePresences, type Presence } from '../../protocols/presence.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

export interface KeyWatchOptions {
  readonly self: SpaceId;
  /** For intervals. */
  readonly clock: Clock;
  readonly log: Log;
  readonly connectedPeers: () => readonly string[];
  /** Says to a peer what this space says; resolves to what another start of it said. */
  readonly tell: (peerId: string, statement: Buffer) => Promise<Buffer | undefined>;
  /** @throws BAD_SIGNATURE, and what else keeps a statement from counting */
  readonly verify: (statement: Presence) => void;
  /** A verified statement of this space that another process made. */
  readonly onOther: (statement: Presence) => void;
}

/** What one start of a space said last, and when its first and its newest statement came. */
interface Start {
  presence: Presence;
  readonly firstMs: number;
  lastMs: number;
}

/** After so long without a word a start is over. */
const SILENCE_MS = LIMITS.presenceMs * 10;
/** A space has one; more than two are of no use to anybody. */
const MOST_STARTS = 2;

export class KeyWatch {
  readonly #o: KeyWatchOptions;
  readonly #starts = new Map<SpaceId, Start[]>();
  /** Peers that gave no answer, until when others are asked. */
  readonly #failed = new Map<string, number>();
  #isAsking = false;

  constructor(options: KeyWatchOptions) {
    this.#o = options;
  }

  /** A verified statement of another space, however it came. */
  note(presence: Presence): void {
    if (presence.space === this.#o.self) return;
    const nowMs = this.#o.clock.nowMs();
    const live = (this.#starts.get(presence.space) ?? []).filter(
      ({ lastMs }) => nowMs - lastMs < SILENCE_MS,
    );
    const own = live.find((start) => start.presence.incarnation.equals(presence.incarnation));
    if (!own) live.push({ presence, firstMs: nowMs, lastMs: nowMs });
    else if (presence.timeMs > own.presence.timeMs) {
      own.presence = presence;
      own.lastMs = nowMs;
    }
    live.sort((a, b) => b.lastMs - a.lastMs);
    this.#starts.set(presence.space, live.slice(0, MOST_STARTS));
  }

  /** What another start of the space has said since this one was first heard: a process that is over says nothing more. */
  other({ space, incarnation }: Presence): Buffer | undefined {
    const starts = this.#starts.get(space) ?? [];
    const own = starts.find((start) => start.presence.incarnation.equals(incarnation));
    const other = starts.find((start) => start !== own);
    if (!own || !other || other.lastMs <= own.firstMs) return undefined;
    return this.#o.clock.nowMs() - other.lastMs < SILENCE_MS
      ? encodePresences([other.presence])
      : undefined;
  }

  /** This space has just said this: one peer is asked whether it alone says so. */
  async ask(statement: Presence): Promise<void> {
    const { tell, log } = this.#o;
    const peerId = this.#isAsking ? undefined : this.#peer();
    if (peerId === undefined) return;
    this.#isAsking = true;
    try {
      const answer = await tell(peerId, encodePresences([statement]));
      if (answer) this.#take(answer);
    } catch (error) {
      this.#failed.set(peerId, this.#o.clock.nowMs() + LIMITS.replicateMs);
      log.debug({ peerId, code: asMeshError(error).code }, 'a peer gave no word on this key');
    } finally {
      this.#isAsking = false;
    }
  }

  #take(answer: Buffer): void {
    const [other, ...more] = decodePresences(answer);
    if (other?.space !== this.#o.self || more.length > 0)
      throw new MeshError('MALFORMED', 'a peer answered with the statement of another space');
    this.#o.verify(other);
    this.#o.onOther(other);
  }

  /** Two machines that have the same peers choose the same of them. */
  #peer(): string | undefined {
    const nowMs = this.#o.clock.nowMs();
    for (const [peerId, untilMs] of this.#failed) if (untilMs <= nowMs) this.#failed.delete(peerId);
    const weight = (peerId: string) => sha256(Buffer.from(this.#o.self + peerId)).readUIntBE(0, 6);
    return this.#o
      .connectedPeers()
      .filter((peerId) => !this.#failed.has(peerId))
      .map((peerId) => ({ peerId, weight: weight(peerId) }))
      .sort((a, b) => b.weight - a.weight)[0]?.peerId;
  }
}
