// Gossip as this mesh uses it: unsigned (what travels is signed by its author), a fixed list of topics, scores that
// punish provable forgeries only. Knows nothing of what the messages say.

import { hash } from 'node:crypto';
import {
  type GossipSub,
  gossipsub,
  StrictNoSign,
  type TopicValidatorResult,
} from '@libp2p/gossipsub';
import type { PeerId, Stream } from '@libp2p/interface';
import { LIMITS } from '../../protocols/limits.ts';
import type { Membership } from './gater.ts';

export interface GossipTopic {
  readonly name: string;
  /** Weight of the square of rejected messages (P4); one at the default puts a peer below the graylist threshold. */
  readonly rejectedWeight?: number;
}

/** The service and the public methods that its published type leaves out. */
export interface Gossip extends GossipSub {
  getMeshPeers(topic: string): string[];
  getScore(peerId: string): number;
  reportMessageValidationResult(
    messageId: string,
    propagationSource: string,
    acceptance: TopicValidatorResult,
  ): void;
}

/** The inner parts that are looked at or wrapped here, in gossip-guard.ts and in relay.ts; the package is pinned to the version they belong to. */
export interface GossipInternals extends Gossip {
  readonly peers: ReadonlyMap<string, unknown>;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
  readonly streamsInbound: ReadonlyMap<string, { readonly rawStream: Stream }>;
  readonly allowedTopics: Set<string>;
  decodeRpc(bytes: Uint8Array): Rpc;
  pipePeerReadStream(peerId: PeerId, source: AsyncIterable<Frame>): Promise<void>;
  sendSubscriptions(peerId: string, topics: string[], isSubscribed: boolean): void;
  sendRpc(peerId: string, rpc: Rpc): boolean;
  pushGossip(peerId: string, offers: Offer[]): void;
  forwardMessage(
    id: string,
    message: { readonly topic: string; readonly data?: Uint8Array },
    from?: string,
    except?: ReadonlySet<string>,
  ): void;
  readonly score: {
    readonly params: { readonly topics: Record<string, unknown> };
    readonly deliveryRecords: {
      /** The peers that passed the message on to this node, after the first one. */
      getRecord(id: string): { readonly peers: ReadonlySet<string> } | undefined;
    };
  };
}

export interface Frame {
  subarray(): Uint8Array;
}

export interface Rpc {
  messages: Array<{ data?: Uint8Array }>;
  subscriptions?: readonly unknown[];
  control?: unknown;
}

interface Offer {
  messageIDs: Uint8Array[];
}

const ID_BYTES = 20;
const MEMBER_SCORE = 10;
const STRANGER_SCORE = -1000;
const DEFAULT_REJECTED_WEIGHT = -100;
/** Per second: a peer that forged once stays below the graylist threshold (-80) for about a minute. */
const REJECTED_DECAY = 0.999;
/** Promises a busy peer may break before it counts against it. */
const BEHAVIOUR_PENALTY_THRESHOLD = 6;
const IDONTWANT_MIN_BYTES = 16 * 1024;

export function gossipService(topics: readonly GossipTopic[], membership: Membership) {
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ topic, data }) => messageId(topic, data),
    allowedTopics: topics.map(({ name }) => name),
    fallbackToFloodsub: false,
    floodPublish: true,
    doPX: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    maxInboundDataLength: LIMITS.gossipFrameBytes,
    maxOutboundBufferSize: LIMITS.gossipQueueBytes,
    idontwantMinDataSize: IDONTWANT_MIN_BYTES,
    // Past a limit the whole frame is dropped, hence these are never below what wrapped senders put into a frame.
    decodeRpcLimits: {
      maxSubscriptions: LIMITS.gossipSubscriptions,
      maxMessages: 2 * LIMITS.gossipBatchMessages,
      maxIhaveMessageIDs: LIMITS.gossipIds,
      // As many as fit into a frame: topics may come later.
      maxIwantMessageIDs: LIMITS.gossipFrameBytes / ID_BYTES,
      maxIdontwantMessageIDs: 128,
      maxControlMessages: LIMITS.gossipControls,
      maxPeerInfos: 0,
    },
    scoreParams: scoreParams(topics, membership),
  });
}

/** Same bytes on the same topic are the same message, whoever sends them. */
export function messageId(topic: string, data: Uint8Array): Uint8Array {
  const prefix = Buffer.from(`${topic}\0`);
  return hash('sha256', Buffer.concat([prefix, data]), 'buffer').subarray(0, ID_BYTES);
}

/** What counts for and against a peer on one topic. */
export function topicParams({ rejectedWeight = DEFAULT_REJECTED_WEIGHT }: GossipTopic) {
  return {
    topicWeight: 1,
    // Good conduct earns nothing, so that it cannot pay for bad conduct later.
    timeInMeshWeight: 0,
    timeInMeshQuantum: 1000,
    timeInMeshCap: 1,
    firstMessageDeliveriesWeight: 0,
    firstMessageDeliveriesDecay: 0.5,
    firstMessageDeliveriesCap: 1,
    // Quiet topics are normal: no peer owes us messages.
    meshMessageDeliveriesWeight: 0,
    meshMessageDeliveriesDecay: 0.5,
    meshMessageDeliveriesCap: 1,
    meshMessageDeliveriesThreshold: 1,
    meshMessageDeliveriesWindow: 10,
    meshMessageDeliveriesActivation: 5000,
    meshFailurePenaltyWeight: 0,
    meshFailurePenaltyDecay: 0.5,
    invalidMessageDeliveriesWeight: rejectedWeight,
    invalidMessageDeliveriesDecay: REJECTED_DECAY,
  };
}

function scoreParams(topics: readonly GossipTopic[], membership: Membership) {
  return {
    // Spaces share hosts and sites share one address: more than a few peers behind one are normal.
    IPColocationFactorWeight: 0,
    appSpecificWeight: 1,
    appSpecificScore: (peerId: string) =>
      membership.isMember(peerId) && !membership.isRevoked?.(peerId)
        ? MEMBER_SCORE
        : STRANGER_SCORE,
    behaviourPenaltyWeight: -10,
    behaviourPenaltyThreshold: BEHAVIOUR_PENALTY_THRESHOLD,
    topics: Object.fromEntries(topics.map((topic) => [topic.name, topicParams(topic)])),
  };
}

/** True while messages flow both ways as far as can be seen here; a live connection alone does not say that. */
export function hearsGossip(gossip: Gossip, peerId: string): boolean {
  const { peers, streamsOutbound } = gossip as GossipInternals;
  return peers.has(peerId) && streamsOutbound.has(peerId);
}

/** In how many of our topics a peer takes part, and whether we pass messages of any of them on to it at once. */
export function gossipMeasures(
  gossip: Gossip,
  peerId: string,
): { readonly topics: number; readonly inMesh: boolean } {
  const topics = gossip.getTopics();
  const isSubscriber = (topic: string): boolean =>
    gossip.getSubscribers(topic).some((peer) => peer.toString() === peerId);
  return {
    topics: topics.filter(isSubscriber).length,
    inMesh: topics.some((topic) => gossip.getMeshPeers(topic).includes(peerId)),
  };
}

/**
 * Keeps what we send within what peers accept. A frame that is too large does not fail: the receiver drops the stream
 * for good and the pair is deaf. Only two kinds can grow: answers to requests for many messages, and lists of ids.
 */
export function boundFrames(gossip: Gossip): void {
  const inner = gossip as GossipInternals;
  const sendRpc = inner.sendRpc.bind(inner);
  const pushGossip = inner.pushGossip.bind(inner);
  inner.sendRpc = (peerId, rpc) => {
    const [first, ...rest] = batches(rpc.messages ?? []);
    if (first === undefined || rest.length === 0) return sendRpc(peerId, rpc);
    const sent = sendRpc(peerId, { ...rpc, messages: first });
    // What a broken stream does not take is offered again by others.
    return rest.reduce((all, messages) => sendRpc(peerId, { messages }) && all, sent);
  };
  inner.pushGossip = (peerId, offers) => {
    const bounded = offers.map((offer) => ({
      ...offer,
      messageIDs: offer.messageIDs.slice(-LIMITS.gossipIds),
    }));
    pushGossip(peerId, bounded);
  };
}

/** Groups that fit into a frame each; what goes beyond an answer's total is left out. */
export function batches<Message extends { data?: Uint8Array }>(
  messages: readonly Message[],
): Message[][] {
  const groups: Message[][] = [];
  let group: Message[] = [];
  let groupBytes = 0;
  let totalBytes = 0;
  for (const message of messages) {
    const bytes = message.data?.byteLength ?? 0;
    totalBytes += bytes;
    if (totalBytes > LIMITS.gossipAnswerBytes && groups.length > 0) break;
    const full =
      group.length === LIMITS.gossipBatchMessages || groupBytes + bytes > LIMITS.gossipBatchBytes;
    if (full && group.length > 0) {
      groups.push(group);
      group = [];
      groupBytes = 0;
    }
    group.push(message);
    groupBytes += bytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
