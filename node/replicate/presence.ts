// Presence: every few seconds this space says, signed, that it lives, where it is reached and what its feeds' heads hash
// to; and it listens to the same from others. A hash that changed without its announcement means gossip lost one.

import { type KeyObject, sign } from 'node:crypto';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { asMeshError, type Code } from '../../protocols/errors.ts';
import {
  decodePresence,
  encodePresence,
  headsHash,
  type Presence,
  presenceTopic,
  verifyPresence,
} from '../../protocols/gossip.ts';
import type { MeshId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { presenceBytes } from '../../protocols/signable.ts';
import { type Clock, fraction, type Random, type TimerHandle, type Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds } from '../feed/feeds.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';

/** What was last heard from a space, by this node's own clock. */
export interface Heard {
  readonly presence: Presence;
  readonly heardMs: number;
}

export interface PresenceOptions {
  readonly host: Network;
  readonly mesh: MeshId;
  readonly self: SpaceId;
  readonly nodeKey: KeyObject;
  readonly directory: Directory;
  readonly feeds: Feeds;
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
  readonly #valid = new WeakMap<object, Presence>();
  #timer: TimerHandle | undefined;
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
      const presence = this.#valid.get(detail.msg);
      if (presence) this.#take(presence, detail.propagationSource.toString());
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
    const { host, mesh, self, nodeKey, feeds, clock, log } = this.#o;
    const own = [...feeds.opened].filter((feed) => feed.publisher && feed.head);
    const statement = {
      space: self,
      incarnation: this.#incarnation,
      timeMs: clock.nowMs(),
      headsHash: headsHash(own.map((feed) => feed.head!)),
      addresses: this.#o.addresses().slice(0, 8),
    };
    const signature = sign(null, presenceBytes({ mesh, ...statement }), nodeKey);
    host.gossip
      .publish(presenceTopic(mesh), encodePresence({ ...statement, signature }))
      .catch((error: unknown) => {
        log.debug({ reason: String(error) }, 'a presence statement was not sent');
      });
  }

  #judge(message: Message): TopicValidatorResult {
    const { mesh, directory, clock, onRefused } = this.#o;
    try {
      const presence = decodePresence(message.data);
      const space = directory.state.spaces.get(presence.space);
      if (!space || space.revoked) return TopicValidatorResult.Ignore;
      const last = this.#heard.get(presence.space);
      const nowMs = clock.nowMs();
      // Played back, or said more often than anybody needs to hear it.
      const isOld = last && presence.timeMs <= last.presence.timeMs;
      const isEarly = last && Math.abs(nowMs - last.heardMs) < LIMITS.presenceMs / 4;
      const isDatedWrongly = Math.abs(presence.timeMs - nowMs) > LIMITS.clockSkewMs;
      if (isOld || isEarly || isDatedWrongly) return TopicValidatorResult.Ignore;
      verifyPresence(mesh, presence, ed25519FromRaw(space.nodeKey));
      this.#valid.set(message, presence);
      return TopicValidatorResult.Accept;
    } catch (error) {
      onRefused(asMeshError(error).code);
      return TopicValidatorResult.Reject;
    }
  }

  #take(presence: Presence, via: string): void {
    const last = this.#heard.get(presence.space);
    this.#heard.set(presence.space, { presence, heardMs: this.#o.clock.nowMs() });
    if (!last?.presence.headsHash.equals(presence.headsHash))
      this.#o.onChanged(presence.space, via);
  }
}
