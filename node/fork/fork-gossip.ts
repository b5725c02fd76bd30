// Fork proofs on the topic of the directory: checked before they are passed on, told once when one is found here, and again
// now and then while the fork is not settled. Whoever comes later asks the peers that it meets.

import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { asMeshError, type Code } from '../../protocols/errors.ts';
import { decodeForkProof, encodeForkProof, type ForkProof } from '../../protocols/fork-proof.ts';
import {
  decodeDirectoryMessage,
  directoryTopic,
  encodeForkMessage,
} from '../../protocols/gossip.ts';
import type { MeshId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { fraction, type Random, type TimerHandle, type Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { checkForkProof, knownFeedOf } from './check-proof.ts';
import type { Fork, ForkBook } from './fork-book.ts';

export interface ForkGossipOptions {
  readonly host: Network;
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly forks: ForkBook;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly onRefused: (code: Code) => void;
}

/** What a relay may not have known: no offence. */
const NO_OFFENCE: ReadonlySet<Code> = new Set(['FEED_UNKNOWN', 'OLD_EPOCH', 'UNKNOWN_KEY']);
const FIRST_BYTE = 0x82;

export class ForkGossip {
  readonly #o: ForkGossipOptions;
  readonly #valid = new WeakMap<object, ForkProof>();
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: ForkGossipOptions) {
    this.#o = options;
    options.forks.onAdded((fork) => this.#tell(fork));
  }

  start(): void {
    this.#o.host.gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const proof = this.#valid.get(detail.msg);
      if (proof) void this.#o.forks.add(proof).catch((error: unknown) => this.#shrug(error));
    });
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const delayMs = LIMITS.forkToldMs * (1 + fraction(this.#o.random));
    this.#timer = this.#o.timers.setTimeout(() => {
      for (const fork of this.#o.forks.all()) if (this.#isOpen(fork)) this.#tell(fork);
      this.#schedule();
    }, delayMs);
  }

  /** Proofs for a peer that asks: of forks that are not settled yet. */
  open(): Buffer[] {
    const open = this.#o.forks.all().filter((fork) => this.#isOpen(fork));
    return open.slice(0, LIMITS.forksPerAnswer).map(({ proof }) => encodeForkProof(proof));
  }

  /** What a peer answered. */
  async take(bytes: Uint8Array): Promise<void> {
    try {
      const proof = decodeForkProof(bytes);
      if (this.#o.forks.of(proof.notes[0].checkpoint.origin)) return;
      this.#check(proof);
      await this.#o.forks.add(proof);
    } catch (error) {
      const { code } = asMeshError(error);
      this.#o.onRefused(code);
      if (!NO_OFFENCE.has(code)) throw error;
    }
  }

  #check(proof: ForkProof): void {
    const { mesh, directory } = this.#o;
    const { state, origin } = directory;
    checkForkProof({ mesh, state, origin, verify: (note) => directory.verify(note) }, proof);
  }

  /** Settled is a fork when the directory has opened a later epoch, or the root one of the directory. */
  #isOpen({ origin }: Fork): boolean {
    const { mesh, directory } = this.#o;
    const of = knownFeedOf({ mesh, state: directory.state }, origin);
    if (of === 'unknown') return false;
    return of === undefined ? origin === directory.origin : of.row.epoch === of.epoch;
  }

  #tell({ proof }: Fork): void {
    const { host, mesh } = this.#o;
    if (this.#isStopped) return;
    host.gossip
      .publish(directoryTopic(mesh), encodeForkMessage(proof))
      .catch((error: unknown) => this.#shrug(error));
  }

  #shrug(error: unknown): void {
    const { code, message } = asMeshError(error);
    this.#o.log.warn({ code }, message);
  }

  /** Undefined when the message is not about a fork. */
  judge(message: Message): TopicValidatorResult | undefined {
    if (message.data[0] !== FIRST_BYTE) return undefined;
    const { forks, onRefused } = this.#o;
    try {
      const told = decodeDirectoryMessage(message.data);
      if (told.type !== 'fork') return TopicValidatorResult.Ignore;
      const { proof } = told;
      if (forks.of(proof.notes[0].checkpoint.origin)) return TopicValidatorResult.Ignore;
      this.#check(proof);
      this.#valid.set(message, proof);
      return TopicValidatorResult.Accept;
    } catch (error) {
      const { code } = asMeshError(error);
      onRefused(code);
      return NO_OFFENCE.has(code) ? TopicValidatorResult.Ignore : TopicValidatorResult.Reject;
    }
  }
}
