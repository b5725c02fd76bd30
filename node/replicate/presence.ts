// Presence on the wire: every few seconds this space says, signed, that it lives, where it is reached, what its feeds' heads
// hash to and whom it no longer hears; and it listens to the same from others. A hash that changed without its announcement
// means gossip lost one. What silence means is decided in node/health/.

import { type KeyObject, sign } from 'node:crypto';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { asMeshError, type Code } from '../../protocols/errors.ts';
import { presenceTopic } from '../../protocols/gossip.ts';
import type { MeshId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  decodePresences,
  encodePresences,
  headsHash,
  type Presence,
  verifyPresence,
} from '../../protocols/presence.ts';
import { presenceBytes } from '../../protocols/signable.ts';
import { type Clock, fraction, type Random, type TimerHandle, type Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds } from '../feed/feeds.ts';
import type { NodeHealth } from '../health/node-health.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { VERSION } from '../version.ts';

/** What was last heard from a space, by this node's own clock. */
export interface Heard {
  readonly presence: Presence;
  /** When it came; of one that others passed on, when it was said. */
  readonly heardMs: number;
  /** The peer that brought it. */
  readonly via: string;
}

/** A message that was judged: what is new in it, and which statements it shows that its sender has. */
interface Judged {
  readonly statements: readonly Presence[];
  readonly fresh: readonly Presence[];
}

export interface PresenceOptions {
  readonly host: Network;
  readonly mesh: MeshId;
  readonly self: SpaceId;
  readonly nodeKey: KeyObject;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly health: NodeHealth;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly addresses: () => readonly string[];
  readonly onRefused: (code: Code) => void;
  /** The heads of a space changed; `via` is the peer that said so. */
  readonly onChanged: (space: SpaceId, via: string) => void;
}

export class PresenceBoard {
  readonly #o: PresenceOptions;
  readonly #heard = new Map<SpaceId, Heard>();
  readonly #incarnation: Buffer;
  readonly #judged = new WeakMap<object, Judged>();
  /** Spaces of which somebody lacks the newest statement. */
  readonly #toPass = new Set<SpaceId>();
  /** Time of the last own statement, which may be ahead of the clock, and the clock when it was made. */
  #saidMs = 0;
  #spokeMs = 0;
  readonly #keys = new Map<SpaceId, KeyObject>();
  #timer: TimerHandle | undefined;
  #isRefuting = false;
  #isStopped = false;

  constructor(options: PresenceOptions) {
    this.#o = options;
    this.#incarnation = Buffer.from(options.random.bytes(16));
  }

  heard(space: SpaceId): Heard | undefined {
    return this.#heard.get(space);
  }

  start(): void {
    const { host, mesh } = this.#o;
    const topic = presenceTopic(mesh);
    host.gossip.topicValidators.set(topic, (_, message) => this.#judge(message));
    host.gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const judged = this.#judged.get(detail.msg);
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
    const message = encodePresences([this.#statement(), ...this.#passedOn()]);
    host.gossip.publish(presenceTopic(mesh), message).catch((error: unknown) => {
      log.debug({ reason: String(error) }, 'a presence statement was not sent');
    });
  }

  #statement(): Presence {
    const { mesh, self, nodeKey, feeds, clock, health } = this.#o;
    const own = [...feeds.opened].filter((feed) => feed.publisher && feed.head);
    // Also when the clock was set back: an older time would be taken for a statement played back.
    this.#isRefuting = false;
    this.#spokeMs = clock.nowMs();
    this.#saidMs = Math.max(this.#spokeMs, this.#saidMs + 1);
    const statement = {
      space: self,
      incarnation: this.#incarnation,
      timeMs: this.#saidMs,
      headsHash: headsHash(own.map((feed) => feed.head!)),
      version: VERSION,
      addresses: this.#o.addresses().slice(0, LIMITS.addresses),
      // Who is not well may be the only one who does not hear.
      suspicions: health.local.isWell ? health.board.suspicions() : [],
    };
    return { ...statement, signature: sign(null, presenceBytes({ mesh, ...statement }), nodeKey) };
  }

  #passedOn(): Presence[] {
    const passed: Presence[] = [];
    for (const space of this.#toPass) {
      if (passed.length === LIMITS.presenceStatements - 1) break;
      this.#toPass.delete(space);
      const heard = this.#heard.get(space);
      if (heard && this.#member(space)) passed.push(heard.presence);
    }
    return passed;
  }

  #member(space: SpaceId): SpaceRow | undefined {
    const row = this.#o.directory.state.spaces.get(space);
    return row && !row.revoked ? row : undefined;
  }

  #judge(message: Message): TopicValidatorResult {
    try {
      const statements = decodePresences(message.data);
      const [sent] = statements;
      const last = this.#heard.get(sent!.space);
      // Said more often than anybody needs to hear it.
      const isEarly =
        last && Math.abs(this.#o.clock.nowMs() - last.heardMs) < LIMITS.presenceMs / 4;
      if (isEarly || !this.#isNews(sent!)) return TopicValidatorResult.Ignore;
      // Whoever lets a forgery through, be it no news here, is blamed for it by the next: all of them are looked at.
      if (!statements.every(({ space }) => this.#member(space))) return TopicValidatorResult.Ignore;
      for (const statement of statements) if (!this.#isHeard(statement)) this.#verify(statement);
      const fresh = statements.filter((statement) => this.#isNews(statement));
      this.#judged.set(message, { statements, fresh });
      return TopicValidatorResult.Accept;
    } catch (error) {
      this.#o.onRefused(asMeshError(error).code);
      return TopicValidatorResult.Reject;
    }
  }

  /** Of a member, not played back, and not dated so wrongly that it would silence its space for long. */
  #isNews({ space, timeMs }: Presence): boolean {
    if (!this.#member(space)) return false;
    const last = this.#heard.get(space);
    if (last && timeMs <= last.presence.timeMs) return false;
    return Math.abs(timeMs - this.#o.clock.nowMs()) <= LIMITS.clockSkewMs;
  }

  /** Byte for byte what was verified before: of what others pass on most is. */
  #isHeard(statement: Presence): boolean {
    const last = this.#heard.get(statement.space)?.presence;
    if (last?.timeMs !== statement.timeMs) return false;
    return encodePresences([last]).equals(encodePresences([statement]));
  }

  #verify(statement: Presence): void {
    const { space } = statement;
    let key = this.#keys.get(space);
    if (!key) {
      // The key of a space never changes; to make it ready costs a good part of a verification.
      key = ed25519FromRaw(this.#member(space)!.nodeKey);
      this.#keys.set(space, key);
    }
    verifyPresence(this.#o.mesh, statement, key);
  }

  #take({ statements, fresh }: Judged, via: string): void {
    // Two messages may have been judged before the first was taken.
    const news = fresh.filter((statement) => this.#isNews(statement));
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

  #hear(presence: Presence, via: string, isPassedOn: boolean): void {
    const { clock, health, onChanged } = this.#o;
    const { space, timeMs } = presence;
    // Of an earlier start, under a clock that was ahead: what is said now has to be newer still.
    if (space === this.#o.self) this.#saidMs = Math.max(this.#saidMs, timeMs);
    const last = this.#heard.get(space);
    const agoMs = health.board.hear(space, timeMs, health.time.nowMs, isPassedOn);
    this.#heard.set(space, { presence, heardMs: clock.nowMs() - agoMs, via });
    if (!last?.presence.headsHash.equals(presence.headsHash)) onChanged(space, via);
  }

  /** Somebody does not hear this space: it speaks at once, and newer than anything that was heard of it. */
  #refute(timeMs: number): void {
    const { clock, random } = this.#o;
    const nowMs = clock.nowMs();
    // A clock that was set back over a restart is made up for; a liar must not push it out of bounds.
    if (timeMs <= nowMs + LIMITS.clockSkewMs / 2) this.#saidMs = Math.max(this.#saidMs, timeMs);
    if (this.#isStopped || this.#isRefuting) return;
    if (Math.abs(nowMs - this.#spokeMs) < LIMITS.presenceMs / 2) return;
    this.#isRefuting = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#schedule(LIMITS.presenceMs * 0.05 * fraction(random));
  }
}
