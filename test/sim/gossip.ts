// Gossip of a simulated host: it floods, with validators and a memory of what was seen. It recovers nothing that got lost,
// which is harsher than the real one.

import { type GossipSubEvents, type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { type PeerId, TypedEventEmitter } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { messageId } from '../../node/net/gossip.ts';
import type { Network } from '../../node/net/network.ts';
import type { SimHost } from './host.ts';

const SEEN_MS = 120_000;
/** A peer that passed on something provably false is not listened to for this long. */
const IGNORED_MS = 60_000;
const peerIds = new Map<string, PeerId>();

function peerIdOf(text: string): PeerId {
  const known = peerIds.get(text) ?? peerIdFromString(text);
  peerIds.set(text, known);
  return known;
}

export class SimGossip extends TypedEventEmitter<GossipSubEvents> {
  readonly topicValidators: Network['gossip']['topicValidators'] = new Map();
  /** What it passes on of a message, by its own choice; nothing when undefined. The hostile use it. */
  relay: (topic: string, data: Uint8Array) => Uint8Array | undefined = (_, data) => data;
  readonly #host: SimHost;
  readonly #topics = new Set<string>();
  readonly #seen = new Map<string, number>();
  readonly #ignored = new Map<string, number>();

  constructor(host: SimHost) {
    super();
    this.#host = host;
  }

  subscribe(topic: string): void {
    this.#topics.add(topic);
  }

  async publish(topic: string, data: Uint8Array): Promise<{ recipients: PeerId[] }> {
    this.#isNew(topic, data);
    return { recipients: this.#send(topic, data, undefined) };
  }

  #isNew(topic: string, data: Uint8Array): boolean {
    const nowMs = this.#host.network.time.nowMs();
    for (const [id, untilMs] of this.#seen) {
      if (untilMs > nowMs) break;
      this.#seen.delete(id);
    }
    const id = Buffer.from(messageId(topic, data)).toString('hex');
    if (this.#seen.has(id)) return false;
    this.#seen.set(id, nowMs + SEEN_MS);
    return true;
  }

  #send(topic: string, data: Uint8Array, except: string | undefined): PeerId[] {
    if (!this.#host.isRunning) return [];
    const to = this.#host.links().filter(([peerId]) => peerId !== except);
    for (const [, link] of to) {
      const far = link.far(this.#host);
      this.#host.network.carry(link, this.#host, { topic, bytes: data }, (bytes) =>
        far.gossip.receive(topic, bytes, this.#host),
      );
    }
    return to.map(([peerId]) => peerIdOf(peerId));
  }

  receive(topic: string, data: Uint8Array, from: SimHost): void {
    const { network, stalledUntilMs } = this.#host;
    const stallMs = stalledUntilMs - network.time.nowMs();
    if (stallMs > 0) {
      // It lies in the socket; timers that are due come before it, as in an event loop.
      network.time.setTimeout(() => this.receive(topic, data, from), stallMs + 1);
      return;
    }
    void this.#receive(topic, data, from);
  }

  async #receive(topic: string, data: Uint8Array, from: SimHost): Promise<void> {
    const { network, name } = this.#host;
    if (!this.#topics.has(topic) || !this.#host.isRunning) return;
    if ((this.#ignored.get(from.peerId) ?? 0) > network.time.nowMs()) return;
    if (!this.#isNew(topic, data)) return;
    const msg: Message = { type: 'unsigned', topic, data };
    const propagationSource = peerIdOf(from.peerId);
    const validate = this.topicValidators.get(topic);
    const verdict = (await validate?.(propagationSource, msg)) ?? TopicValidatorResult.Accept;
    if (verdict === TopicValidatorResult.Reject) {
      this.#ignored.set(from.peerId, network.time.nowMs() + IGNORED_MS);
      network.onRejected(name, from.name, topic);
    }
    if (verdict !== TopicValidatorResult.Accept) return;
    const detail = { propagationSource, msgId: '', msg };
    this.dispatchEvent(new CustomEvent('gossipsub:message', { detail }));
    const passed = this.relay(topic, data);
    if (passed) this.#send(topic, passed, from.peerId);
  }
}
