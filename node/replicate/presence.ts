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
import { identityKeys } from '../../protocols/space-keys.ts';
import {
  type Clock,
  fraction,
  monotonicMs,
  type Random,
  type TimerHandle,
  type Timers,
} from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { NodeHealth } from '../health/node-health.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { VERSION } from '../version.ts';
import { PROVABLE } from './provable.ts';
import type { Receipts } from './receipts.ts';

/** What was last heard from a space, by this node's own clock. */
export interface Heard {
  readonly presence: Presence;
  /** When it came; of one that others passed on, when it was said. */
  readonly heardMs: number;
  /** The same by the clock that nobody sets. */
  readonly heardMonotonicMs: number;
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
  readonly receipts: Pick<Receipts, 'keep'>;
  readonly clock: Clock;
  /** The time that trust goes by; it is told what time it is for members that speak for themselves. */
  readonly trusted: Clock & { readonly hearPeer: (space: SpaceId, timeMs: number) => void };
  readonly peerOf: (space: SpaceId) => string | undefined;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly addresses: () => readonly string[];
  readonly onRefused: (code: Code) => void;
  /** The heads of a space changed; `via` is the peer that said so. */
  readonly onChanged: (space: SpaceId, via: string) => void;
  /** What is held of an own feed is not told. */
  readonly isReleased?: (feed: OpenFeed) => boolean;
  /** A statement that is new, of any space, this one included. */
  readonly onHeard?: (presence: Presence, via: string) => void;
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
  readonly #keys = new WeakMap<Buffer, KeyObject>();
  #timer: TimerHandle | undefined;
  /** By spaces that speak for themselves: the time of what they said last, and when it came. */
  readonly #direct = new Map<SpaceId, { timeMs: number; atMs: number }>();
  #isRefuting = false;
  #isStopped = false;

  constructor(options: PresenceOptions) {
    this.#o = options;
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
    host.gossip.topicValidators.set(topic, (peer, message) => this.#judge(message, String(peer)));
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
      if (heard && this.#member(space)) passed.push(heard.presence);
    }
    return passed;
  }

  #member(space: SpaceId): SpaceRow | undefined {
    const row = this.#o.directory.state.spaces.get(space);
    return row && !row.revoked ? row : undefined;
  }

  #judge(message: Message, from: string): TopicValidatorResult {
    let statements: readonly Presence[] = [];
    try {
      statements = decodePresences(message.data);
      const [sent] = statements;
      const isGenuine = this.#tellTime(sent!, from);
      const last = this.#heard.get(sent!.space);
      // Said more often than anybody needs to hear it.
      const isEarly =
        last && monotonicMs(this.#o.clock) - last.heardMonotonicMs < LIMITS.presenceMs / 4;
      if (isEarly || !this.#isNews(sent!)) return TopicValidatorResult.Ignore;
      // Whoever lets a forgery through, be it no news here, is blamed for it by the next: all of them are looked at.
      if (!statements.every(({ space }) => this.#member(space))) return TopicValidatorResult.Ignore;
      for (const statement of isGenuine ? statements.slice(1) : statements)
        if (!this.#isHeard(statement)) this.#verify(statement);
      const fresh = statements.filter((statement) => this.#isNews(statement));
      this.#judged.set(message, { statements, fresh });
      return TopicValidatorResult.Accept;
    } catch (error) {
      const { code } = asMeshError(error);
      this.#o.onRefused(code);
      // Whoever knows a newer directory may know a newer key of the space, too: only then is a signature that fits none no proof.
      const { size } = this.#o.directory.applied;
      const isAhead = statements.some(({ directory }) => directory.size > size);
      return PROVABLE.has(code) && !isAhead
        ? TopicValidatorResult.Reject
        : TopicValidatorResult.Ignore;
    }
  }

  /**
   * What a space says of the time counts when it comes from the space itself, is later than what it said before, and is
   * signed: also when it is so far from this node's clock that nothing else in the statement counts.
   * @returns whether its signature was verified
   */
  #tellTime(sent: Presence, from: string): boolean {
    const { space, timeMs } = sent;
    const { trusted, peerOf } = this.#o;
    const last = this.#direct.get(space);
    const atMs = monotonicMs(trusted);
    if (last && (timeMs <= last.timeMs || atMs - last.atMs < LIMITS.presenceMs / 4)) return false;
    if (!this.#member(space) || peerOf(space) !== from) return false;
    this.#verify(sent);
    this.#direct.set(space, { timeMs, atMs });
    trusted.hearPeer(space, timeMs);
    return true;
  }

  /** Of a member, not played back, and not dated so wrongly that it would silence its space for long. */
  #isNews({ space, timeMs }: Presence): boolean {
    if (!this.#member(space)) return false;
    const last = this.#heard.get(space);
    if (last && timeMs <= last.presence.timeMs) return false;
    return Math.abs(timeMs - this.#o.trusted.nowMs()) <= LIMITS.clockSkewMs;
  }

  /** Byte for byte what was verified before: of what others pass on most is. */
  #isHeard(statement: Presence): boolean {
    const last = this.#heard.get(statement.space)?.presence;
    if (last?.timeMs !== statement.timeMs) return false;
    return encodePresences([last]).equals(encodePresences([statement]));
  }

  #verify(statement: Presence): void {
    const row = this.#member(statement.space)!;
    const [newest, former] = identityKeys(row, this.#o.clock.nowMs());
    try {
      verifyPresence(this.#o.mesh, statement, this.#keyOf(newest!));
    } catch (error) {
      // A running node goes by the key that it began with.
      if (former === undefined) throw error;
      verifyPresence(this.#o.mesh, statement, this.#keyOf(former));
    }
  }

  /** To make a key ready costs a good part of a verification. */
  #keyOf(raw: Buffer): KeyObject {
    let key = this.#keys.get(raw);
    if (!key) {
      key = ed25519FromRaw(raw);
      this.#keys.set(raw, key);
    }
    return key;
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
    if (last && !last.presence.incarnation.equals(presence.incarnation)) this.#toPass.add(space);
    if (!last?.presence.headsHash.equals(presence.headsHash)) onChanged(space, via);
  }

  /** Somebody does not hear this space: it speaks at once, and newer than anything that was heard of it. */
  #refute(timeMs: number): void {
    const nowMs = this.#o.clock.nowMs();
    // A clock that was set back over a restart is made up for; a liar must not push it out of bounds.
    if (timeMs <= nowMs + LIMITS.clockSkewMs / 2) this.#saidMs = Math.max(this.#saidMs, timeMs);
    this.speakSoon();
  }

  /** Others wait for what this space has to say; who has just spoken does so at the next turn. */
  speakSoon(): void {
    const { clock, random } = this.#o;
    if (this.#isStopped || this.#isRefuting || !this.#timer) return;
    if (monotonicMs(clock) - this.#spokeMs < LIMITS.presenceMs / 2) return;
    this.#isRefuting = true;
    this.#o.timers.clearTimeout(this.#timer);
    this.#schedule(LIMITS.presenceMs * 0.05 * fraction(random));
  }
}
