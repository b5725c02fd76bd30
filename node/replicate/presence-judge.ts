// The validator of presence statements: of members, signed, new, and not played back. Tells the clock what members say of the
// time; changes nothing else.

import type { KeyObject } from 'node:crypto';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { asMeshError, type Code, MeshError } from '../../protocols/errors.ts';
import type { MeshId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  decodePresences,
  encodePresences,
  type Presence,
  verifyPresence,
} from '../../protocols/presence.ts';
import { identityKeys } from '../../protocols/space-keys.ts';
import { type Clock, monotonicMs } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import { PROVABLE } from './provable.ts';

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
export interface Judged {
  readonly statements: readonly Presence[];
  readonly fresh: readonly Presence[];
}

export interface PresenceJudgeOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly clock: Clock;
  /** The time that trust goes by; it is told what time it is for members that speak for themselves. */
  readonly trusted: Clock & { readonly hearPeer: (space: SpaceId, timeMs: number) => void };
  readonly peerOf: (space: SpaceId) => string | undefined;
  readonly onRefused: (code: Code) => void;
  /** What was last taken in from a space. */
  readonly heard: (space: SpaceId) => Heard | undefined;
}

export class PresenceJudge {
  readonly #o: PresenceJudgeOptions;
  readonly #judged = new WeakMap<object, Judged>();
  readonly #keys = new WeakMap<Buffer, KeyObject>();
  /** By spaces that speak for themselves: the time of what they said last, and when it came. */
  readonly #direct = new Map<SpaceId, { timeMs: number; atMs: number }>();
  /** When what spaces said on streams of their own was verified, the last two times. */
  readonly #verified = new Map<SpaceId, readonly [number, number]>();

  constructor(options: PresenceJudgeOptions) {
    this.#o = options;
  }

  accepted(message: object): Judged | undefined {
    return this.#judged.get(message);
  }

  member(space: SpaceId): SpaceRow | undefined {
    const row = this.#o.directory.state.spaces.get(space);
    return row && !row.revoked ? row : undefined;
  }

  judge(message: Message, from: string): TopicValidatorResult {
    let statements: readonly Presence[] = [];
    try {
      statements = decodePresences(message.data);
      const [sent] = statements;
      const isGenuine = this.#tellTime(sent!, from);
      const last = this.#o.heard(sent!.space);
      // Said more often than anybody needs to hear it.
      const isEarly =
        last && monotonicMs(this.#o.clock) - last.heardMonotonicMs < LIMITS.presenceMs / 4;
      if (isEarly || !this.isNews(sent!)) return TopicValidatorResult.Ignore;
      // Whoever lets a forgery through, be it no news here, is blamed for it by the next: all of them are looked at.
      if (!statements.every(({ space }) => this.member(space))) return TopicValidatorResult.Ignore;
      for (const statement of isGenuine ? statements.slice(1) : statements)
        if (!this.#isHeard(statement)) this.verify(statement);
      const fresh = statements.filter((statement) => this.isNews(statement));
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
    if (!this.member(space) || peerOf(space) !== from) return false;
    this.verify(sent);
    this.#direct.set(space, { timeMs, atMs });
    trusted.hearPeer(space, timeMs);
    return true;
  }

  /** Of a member, not played back, and not dated so wrongly that it would silence its space for long. */
  isNews({ space, timeMs }: Presence): boolean {
    if (!this.member(space)) return false;
    const last = this.#o.heard(space);
    if (last && timeMs <= last.presence.timeMs) return false;
    return Math.abs(timeMs - this.#o.trusted.nowMs()) <= LIMITS.clockSkewMs;
  }

  /** Byte for byte what was verified before: of what others pass on most is. */
  #isHeard(statement: Presence): boolean {
    const last = this.#o.heard(statement.space)?.presence;
    if (last?.timeMs !== statement.timeMs) return false;
    return encodePresences([last]).equals(encodePresences([statement]));
  }

  /**
   * What a space says on a stream of its own, which it can repeat without end. Twice in a while is room enough for two
   * machines under its key, which have to be heard both.
   * @throws BUSY, BAD_SIGNATURE, NOT_A_MEMBER
   */
  verifyTold(statement: Presence): void {
    if (this.#isHeard(statement)) return;
    const { space } = statement;
    const atMs = monotonicMs(this.#o.clock);
    const [first, second] = this.#verified.get(space) ?? [-Infinity, -Infinity];
    if (atMs - first < LIMITS.presenceMs / 4)
      throw new MeshError('BUSY', `${space} speaks more often than anybody needs to hear it`);
    this.#verified.set(space, [second, atMs]);
    this.verify(statement);
  }

  /** @throws BAD_SIGNATURE, NOT_A_MEMBER */
  verify(statement: Presence): void {
    const row = this.member(statement.space);
    if (!row) throw new MeshError('NOT_A_MEMBER', `${statement.space} is no member`);
    const [newest, former] = identityKeys(row, this.#o.trusted.nowMs());
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
}
