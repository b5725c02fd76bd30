// Whom gossip listens to and on which topics, where the library's own rules are too slow or fixed at its start. Knows nothing
// of what the messages say.

import { setImmediate, setTimeout } from 'node:timers/promises';
import { TopicValidatorResult } from '@libp2p/gossipsub';
import type { Stream } from '@libp2p/interface';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';
import { Rate } from '../rate.ts';
import { type Frame, type Gossip, type GossipInternals, type Rpc, topicParams } from './gossip.ts';

/** Of one peer, before it is the others' turn: 2 ms, when each is a head that is verified and passed on. Frames are read whole. */
export const MESSAGES_A_TURN = 8;

/**
 * Ends it with a peer at its first provable offence: a message that a validator rejects, or a frame that is none. The
 * score alone would let it go on for up to a second, and reads frames that cannot be taken apart for ever.
 */
export function shutOutForgers(
  gossip: Gossip,
  gate: { isOutcast(peerId: string): boolean },
  shutOut: (peerId: string) => void,
  clock: Clock,
): void {
  const inner = gossip as GossipInternals;
  const { topicValidators } = gossip;
  const set = topicValidators.set.bind(topicValidators);
  const note = (peerId: string, verdict: TopicValidatorResult): TopicValidatorResult => {
    if (verdict === TopicValidatorResult.Reject) shutOut(peerId);
    return verdict;
  };
  topicValidators.set = (topic, validate) =>
    set(topic, (from, message) => {
      const peerId = from.toString();
      // What it sent before it heard of its end costs no signature any more.
      if (gate.isOutcast(peerId)) return TopicValidatorResult.Ignore;
      const verdict = validate(from, message);
      return verdict instanceof Promise
        ? verdict.then((result) => note(peerId, result))
        : note(peerId, verdict);
    });

  const decode = inner.decodeRpc.bind(inner);
  const pipe = inner.pipePeerReadStream.bind(inner);
  const decoded = new WeakMap<Uint8Array, Rpc>();
  inner.decodeRpc = (bytes) => decoded.get(bytes) ?? decode(bytes);
  // Of the peer and not of its stream, which it can open anew. Only members get so far: their number bounds the table.
  const rates = new Map<string, Rate>();
  const rateOf = (peerId: string): Rate => {
    const { gossipPerSecondPerPeer: perSecond, gossipBurstPerPeer: burst } = LIMITS;
    const rate = rates.get(peerId) ?? new Rate({ perSecond, burst, clock });
    rates.set(peerId, rate);
    return rate;
  };
  async function* checked(peerId: string, source: AsyncIterable<Frame>): AsyncGenerator<Frame> {
    const rate = rateOf(peerId);
    let inTurn = 0;
    const stream = inner.streamsInbound.get(peerId)?.rawStream;
    try {
      for await (const frame of source) {
        if (gate.isOutcast(peerId)) return;
        const bytes = frame.subarray();
        const rpc = attempt(() => decode(bytes));
        if (!rpc) {
          shutOut(peerId);
          return;
        }
        decoded.set(bytes, rpc);
        yield { subarray: () => bytes };
        // Held up and not blamed: it may be the one who passes on what many others tell.
        // A frame costs something, also when it says nothing.
        const said = Math.max(1, (rpc.messages?.length ?? 0) + (rpc.subscriptions?.length ?? 0));
        rate.take(said);
        inTurn += said;
        if (rate.waitMs() > 0) await pause(stream, rate.waitMs());
        // What one peer says at once does not keep the others from being heard.
        else if (inTurn >= MESSAGES_A_TURN) await setImmediate();
        else continue;
        inTurn = 0;
      }
    } catch (error) {
      // Of all that can end a stream only a length that is none, or too large, is the peer's doing for sure.
      if (error instanceof Error && error.name.startsWith('InvalidData')) shutOut(peerId);
      throw error;
    }
  }
  inner.pipePeerReadStream = (peerId, source) => pipe(peerId, checked(peerId.toString(), source));
}

/** Nothing is read from the stream for a while, and soon nothing sent on it by the other side. */
async function pause(stream: Stream | undefined, forMs: number): Promise<void> {
  try {
    stream?.pause();
    await setTimeout(Math.max(forMs, LIMITS.gossipPauseMs));
    stream?.resume();
  } catch {
    // The connection has ended meanwhile.
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/**
 * Lets a topic in that was not there at the start. Peers that joined it earlier said so while it was not allowed here, and
 * would not say it again: hence whoever joins it late is answered once with our own subscription.
 */
export function lateTopics(gossip: Gossip): (topic: string) => void {
  const inner = gossip as GossipInternals;
  const late = new Set<string>();
  const answered = new Map<string, Set<string>>();
  gossip.addEventListener('subscription-change', ({ detail }) => {
    const peerId = detail.peerId.toString();
    const told = answered.get(peerId) ?? new Set<string>();
    const joined = detail.subscriptions
      .filter(({ topic, subscribe }) => subscribe && late.has(topic) && !told.has(topic))
      .map(({ topic }) => topic)
      .filter((topic) => gossip.getTopics().includes(topic));
    if (joined.length === 0) return;
    answered.set(peerId, told);
    for (const topic of joined) told.add(topic);
    inner.sendSubscriptions(peerId, joined, true);
    for (const known of answered.keys()) if (!inner.peers.has(known)) answered.delete(known);
  });
  return (topic) => {
    if (inner.allowedTopics.has(topic)) return;
    late.add(topic);
    inner.allowedTopics.add(topic);
    inner.score.params.topics[topic] = topicParams({ name: topic });
  };
}
