// Passing gossip on: a random moment after it came, not to peers that brought it meanwhile, and in bundles when much comes.
// Whoever publishes tells all its peers itself, so most of what is passed on is known already: relaying each message at once,
// everybody would send everything to everybody in the very moment in which the entries are to be stored.

import { LIMITS } from '../../protocols/limits.ts';
import type { Log } from '../log.ts';
import type { Gossip, GossipInternals, Rpc } from './gossip.ts';
import { MESSAGES_A_TURN } from './gossip-guard.ts';

/** A message that was found good, and the peer that brought it first. */
interface Relay {
  readonly id: string;
  readonly message: { readonly topic: string; readonly data?: Uint8Array };
  readonly from: string | undefined;
  readonly except: ReadonlySet<string> | undefined;
}

/** What waits on one topic: one that is quiet, the directory's for example, does not wait for a busy one. */
class Waiting {
  relays: Relay[] = [];
  bytes = 0;
  lastMs = Number.NEGATIVE_INFINITY;
  timer: NodeJS.Timeout | undefined;

  /** No more than fits into one frame, and than a peer reads in one turn. */
  get isFull(): boolean {
    return (
      this.relays.length >= MESSAGES_A_TURN ||
      this.bytes + LIMITS.announcementMessageBytes > LIMITS.gossipBatchBytes
    );
  }

  take(): Relay[] {
    const { relays } = this;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.relays = [];
    this.bytes = 0;
    this.lastMs = performance.now();
    return relays;
  }
}

/** Replaces how messages are passed on; frames stay within what {@link boundFrames} allows. */
export function relayLater(gossip: Gossip, log: Log): void {
  const inner = gossip as GossipInternals;
  const forward = inner.forwardMessage.bind(inner);
  const send = inner.sendRpc.bind(inner);
  const topics = new Map<string, Waiting>();
  let bundles: Map<string, Rpc['messages']> | undefined;

  inner.sendRpc = (peerId, rpc) => {
    if (!bundles) return send(peerId, rpc);
    const bundle = bundles.get(peerId);
    if (bundle) bundle.push(...rpc.messages);
    else bundles.set(peerId, [...rpc.messages]);
    return true;
  };

  /** To whom each message goes is the library's choice; what it would send to one peer leaves as one frame. */
  const relay = (relays: readonly Relay[]): void => {
    const filled = new Map<string, Rpc['messages']>();
    const failures: unknown[] = [];
    bundles = filled;
    for (const { id, message, from, except } of relays) {
      try {
        const known = inner.score.deliveryRecords.getRecord(id)?.peers ?? [];
        forward(id, message, from, new Set([...known, ...(except ?? [])]));
      } catch (error) {
        failures.push(error);
      }
    }
    bundles = undefined;
    for (const [peerId, messages] of filled) {
      try {
        if (send(peerId, { messages })) continue;
        log.debug({ peerId, count: messages.length }, 'a peer takes no gossip that is passed on');
      } catch (error) {
        failures.push(error);
      }
    }
    // Nobody waits for what a timer does: thrown on from here, it would be the end of the process. One line a bundle.
    if (failures.length === 0) return;
    const detail = { topic: relays[0]?.message.topic, count: failures.length };
    log.warn({ ...detail, err: String(failures[0]) }, 'gossip could not be passed on');
  };

  inner.forwardMessage = (id, message, from, except) => {
    let waiting = topics.get(message.topic);
    if (!waiting) {
      waiting = new Waiting();
      topics.set(message.topic, waiting);
    }
    waiting.relays.push({ id, message, from, except });
    waiting.bytes += message.data?.byteLength ?? 0;
    const momentMs = Math.random() * LIMITS.relayWithinMs;
    // Timers never hold up the end of the process: of what was not passed on, others and the next look tell.
    if (waiting.isFull) {
      // Everybody hears the same publisher and is full at the same time: a moment of its own even so.
      setTimeout(relay, momentMs, waiting.take()).unref();
      return;
    }
    const restMs = Math.max(0, waiting.lastMs + LIMITS.relayEveryMs - performance.now());
    const whole = waiting;
    waiting.timer ??= setTimeout(() => relay(whole.take()), restMs + momentMs).unref();
  };
}
