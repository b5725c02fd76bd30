// Presence on the wire: every few seconds this space says, signed, that it lives, where it is reached, what its feeds' heads
// hash to and whom it no longer hears; and it takes in the same from others, once it was judged. A hash that changed without
// its announcement means gossip lost one. What silence means is decided in node/health/.

import { type KeyObject, sign } from 'node:crypto';
import { MeshError } from '../../protocols/errors.ts';
import { presenceTopic } from '../../protocols/gossip.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { encodePresences, headsHash, type Presence } from '../../protocols/presence.ts';
import { presenceBytes } from '../../protocols/signable.ts';
import { fraction, monotonicMs, type Random, type TimerHandle, type Timers } from '../clock.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { NodeHealth } from '../health/node-health.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { VERSION } from '../version.ts';
import {
  type Heard,
  type Judged,
  PresenceJudge,
  type PresenceJudgeOptions,
} from './presence-judge.ts';
import type { Receipts } from './receipts.ts';

export interface PresenceOptions extends Omit<PresenceJudgeOptions, 'heard'> {
  readonly host: Network;
  readonly self: SpaceId;
  readonly nodeKey: KeyObject;
  readonly feeds: Feeds;
  readonly health: NodeHealth;
  readonly receipts: Pick<Receipts, 'keep'>;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly addresses: () => readonly string[];
  /** The heads of a space changed; `via` is the peer that said so. */
  readonly onChanged: (space: SpaceId, via: string) => void;
  /** What is held of an own feed is not told. */
  readonly isReleased?: (feed: OpenFeed) => boolean;
  /** What this space has just said. */
  readonly onSaid?: (statement: Presence) => void;
  /** A statement that is new, of any space, this one included. */
  readonly onHeard?: (presence: Presence, via: string) => void;
}

export class PresenceBoard {
  readonly #o: PresenceOptions;
  readonly #heard = new Map<SpaceId, Heard>();
  readonly #incarnation: Buffer;
  readonly #judge: PresenceJudge;
  /** Spaces of which somebody lacks the newest statement. */
  readonly #toPass = new Set<SpaceId>();
  /** Time of the last own statement, which may be ahead of the clock, and the clock when it was made. */
  #saidMs = 0;
  #spokeMs = Number.NEGATIVE_INFINITY;
  #timer: TimerHandle | undefined;
  #isRefuting = false;
  #isStopped = false;

  constructor(options: PresenceOptions) {
    this.#o = options;
    this.#judge = new PresenceJudge({ ...options, heard: (space) => this.#heard.get(space) });
    this.#incarnation = Buffer.from(options.random.bytes(16));
  }

  /** Another one with each start of the process. */
  get incarnation(): Buffer {
    return this.#incarnation;
  }

  heard(space: SpaceId): Heard | undefined {
    return this.#heard.get(space);
  }

  start(): void {
    const { host, mesh } = this.#o;
    const topic = presenceTopic(mesh);
    host.gossip.topicValidators.set(topic, (peer, message) =>
      this.#judge.judge(message, String(peer)),
    );
    host.gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const judged = this.#judge.accepted(detail.msg);
      if (judged) this.#take(judged, detail.propagationSource.toString());
    });
    host.gossip.subscribe(topic);
    this.#schedule(LIMITS.presenceMs * fraction(this.#o.random) * 0.2);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#o.timers.setTimeout(() => {
      this.#say();
      this.#schedule(LIMITS.presenceMs * (0.9 + 0.2 * fraction(this.#o.random)));
    }, delayMs);
  }

  #say(): void {
    const { host, mesh, log } = this.#o;
    const statement = this.#statement();
    const message = encodePresences([statement, ...this.#passedOn()]);
    host.gossip.publish(presenceTopic(mesh), message).catch((error: unknown) => {
      log.debug({ reason: String(error) }, 'a presence statement was not sent');
    });
    this.#o.onSaid?.(statement);
  }

  #statement(): Presence {
    const { mesh, self, nodeKey, feeds, clock, directory, health } = this.#o;
    const own = [...feeds.opened].filter(
      (feed) => feed.publisher && feed.head && this.#o.isReleased?.(feed) !== false,
    );
    // Also when the clock was set back: an older time would be taken for a statement played back.
    this.#isRefuting = false;
    this.#spokeMs = monotonicMs(clock);
    this.#saidMs = Math.max(clock.nowMs(), this.#saidMs + 1);
    const statement = {
      space: self,
      incarnation: this.#incarnation,
      timeMs: this.#saidMs,
      headsHash: headsHash(own.map((feed) => feed.head!)),
      directory: directory.applied,
      version: VERSION,
      addresses: this.#o.addresses().slice(0, LIMITS.addresses),
      // Who is not well may be the only one who does not hear.
      suspicions: health.local.isWell ? health.board.suspicions() : [],
    };
    const signature = sign(null, presenceBytes({ mesh, ...statement }), nodeKey);
    this.#o.receipts.keep({ ...statement, signature });
    return { ...statement, signature };
  }

  #passedOn(): Presence[] {
    const passed: Presence[] = [];
    for (const space of this.#toPass) {
      if (passed.length === LIMITS.presenceStatements - 1) break;
      this.#toPass.delete(space);
      const heard = this.#heard.get(space);
      if (heard && this.#judge.member(space)) passed.push(heard.presence);
    }
    return passed;
  }

  #take({ statements, fresh }: Judged, via: string): void {
    // Two messages may have been judged before the first was taken.
    const news = fresh.filter((statement) => this.#judge.isNews(statement));
    for (const statement of news) this.#hear(statement, via, statement !== statements[0]);
    for (const { space, timeMs } of statements) {
      if (timeMs >= (this.#heard.get(space)?.presence.timeMs ?? 0)) this.#toPass.delete(space);
    }
    const { board } = this.#o.health;
    for (const { space, suspicions } of news) {
      for (const lacked of board.accuse(space, suspicions)) this.#toPass.add(lacked);
      const ofUs = suspicions.find((suspicion) => suspicion.space === this.#o.self);
      if (ofUs) this.#refute(ofUs.timeMs);
    }
  }

  verify(statement: Presence): void {
    this.#judge.verify(statement);
  }

  /**
   * What a space says of itself on a stream of its own. Where gossip brought another start of it, everybody is to hear.
   * @throws MALFORMED, BUSY, BAD_SIGNATURE, NOT_A_MEMBER
   */
  told(space: SpaceId, [statement, ...more]: readonly Presence[], via: string): Presence {
    if (statement?.space !== space || more.length > 0)
      throw new MeshError('MALFORMED', 'a space speaks for another one');
    this.#judge.verifyTold(statement);
    if (!this.#judge.isNews(statement)) return statement;
    const last = this.#heard.get(space)?.presence;
    this.#hear(statement, via, false);
    if (last && !last.incarnation.equals(statement.incarnation)) this.#toPass.add(space);
    return statement;
  }

  #hear(presence: Presence, via: string, isPassedOn: boolean): void {
    const { clock, health, onChanged } = this.#o;
    const { space, timeMs } = presence;
    this.#o.onHeard?.(presence, via);
    // Of an earlier start, under a clock that was ahead: what is said now has to be newer still.
    if (space === this.#o.self) this.#saidMs = Math.max(this.#saidMs, timeMs);
    const last = this.#heard.get(space);
    const agoMs = health.board.hear(space, timeMs, health.time.nowMs, isPassedOn);
    this.#o.receipts.keep(presence);
    const heardMs = clock.nowMs() - agoMs;
    const heardMonotonicMs = monotonicMs(clock) - agoMs;
    this.#heard.set(space, { presence, heardMs, heardMonotonicMs, via });
    // A copy of a machine may be told by others only: to them both have one address, and nobody is told his own words.
    if (last && !last.presence.incarnation.equals(presence.incarnation)) {
      this.#toPass.add(space);
      health.board.startedAnew(space, health.time.nowMs);
    }
    if (!last?.presence.headsHash.equals(presence.headsHash)) onChanged(space, via);
  }

  /** Somebody does not hear this space: it speaks at once, and newer than anything that was heard of it. */
  #refute(timeMs: number): void {
    const nowMs = this.#o.clock.nowMs();
    // A clock that was set back over a restart is made up for; a liar must not push it out of bounds.
    if (timeMs <= nowMs + LIMITS.clockSkewMs / 2) this.#saidMs = Math.max(this.#saidMs, timeMs);
    this.speakSoon();
  }

  /** Others wait for what this space has to say; who has just spoken takes half of a turn. */
  speakSoon(): void {
    const { clock, random } = this.#o;
    if (this.#isStopped || this.#isRefuting || !this.#timer) return;
    const restMs = LIMITS.presenceMs / 2 - (monotonicMs(clock) - this.#spokeMs);
    this.#isRefuting = true;
    this.#o.timers.clearTimeout(this.#timer);
    this.#schedule(Math.max(0, restMs) + LIMITS.presenceMs * 0.05 * fraction(random));
  }
}
