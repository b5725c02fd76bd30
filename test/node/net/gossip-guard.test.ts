import { TopicValidatorResult } from '@libp2p/gossipsub';
import { afterEach, describe, expect, it } from 'vitest';
import type { GossipInternals } from '../../../node/net/gossip.ts';
import type { Host } from '../../../node/net/host.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { VirtualTime } from '../virtual-time.ts';
import { connect, gossipPair, inMesh, startHost, stopAll, TOPIC, until } from './hosts.ts';

const LATE = 'odcm/test/late';

/** Puts bytes on the gossip stream to a peer as they are. */
function push(from: Host, to: Host, bytes: Uint8Array): void {
  const { streamsOutbound } = from.gossip as unknown as {
    streamsOutbound: Map<string, { push(data: Uint8Array): void }>;
  };
  streamsOutbound.get(to.peerId)!.push(bytes);
}

async function isShutOut(from: Host, to: Host): Promise<void> {
  await until(() => !to.isConnected(from.peerId) && !from.isConnected(to.peerId), 'the cut');
  await connect(from, to).catch(() => {});
  await until(() => (to.refusals().OUTCAST ?? 0) >= 1, 'the refusal');
  expect(to.isConnected(from.peerId)).toBe(false);
}

describe('a peer that forges gossip', () => {
  afterEach(stopAll);

  it('is gone after its first bad message, and nothing after it is looked at', async () => {
    const [from, to] = await gossipPair();
    let looks = 0;
    to.gossip.topicValidators.set(TOPIC, () => {
      looks++;
      return TopicValidatorResult.Reject;
    });
    const forged = Array.from({ length: 50 }, (_, i) =>
      from.gossip.publish(TOPIC, Buffer.from(`forged ${i}`)),
    );
    await Promise.allSettled(forged);
    await isShutOut(from, to);
    expect(looks).toBe(1);
  });

  it('is gone as well when the verdict takes a while', async () => {
    const [from, to] = await gossipPair();
    to.gossip.topicValidators.set(TOPIC, async () => TopicValidatorResult.Reject);
    await from.gossip.publish(TOPIC, Buffer.from('forged'));
    await isShutOut(from, to);
  });

  it.each([
    ['no frame', new Uint8Array(40).fill(0xff)],
    ['a frame of too many messages', repeated(Buffer.from([0x12, 0]), 100)],
    ['a frame above its limit', new Uint8Array(2 * LIMITS.gossipFrameBytes)],
  ])('is gone after %s', async (_, bytes) => {
    const [from, to] = await gossipPair();
    push(from, to, bytes);
    await isShutOut(from, to);
  });

  it('may come back after a while', async () => {
    const clock = new VirtualTime();
    const [from, to] = [await startHost(), await startHost({ clock })];
    for (const host of [from, to]) host.gossip.subscribe(TOPIC);
    await connect(from, to);
    await until(() => inMesh(from, to), 'the gossip mesh');
    to.gossip.topicValidators.set(TOPIC, () => TopicValidatorResult.Reject);
    await from.gossip.publish(TOPIC, Buffer.from('forged'));
    await isShutOut(from, to);
    await clock.advance(LIMITS.outcastMinMs);
    await connect(from, to);
    await until(() => to.isConnected(from.peerId), 'its return');
  });

  it('stays when what it passes on is only passed over', async () => {
    const [from, to] = await gossipPair();
    let looks = 0;
    to.gossip.topicValidators.set(TOPIC, () => {
      looks++;
      return TopicValidatorResult.Ignore;
    });
    for (let i = 0; i < 20; i++) await from.gossip.publish(TOPIC, Buffer.from(`old head ${i}`));
    await until(() => looks === 20, 'all messages');
    expect(to.isConnected(from.peerId)).toBe(true);
    expect(to.gossip.getScore(from.peerId)).toBe(10);
  });
});

describe('a peer that says much at once', () => {
  afterEach(stopAll);

  it('is heard in turn with the others, a few messages at a time', async () => {
    const [from, to] = await gossipPair();
    let looks = 0;
    let inTurn = 0;
    let most = 0;
    to.gossip.topicValidators.set(TOPIC, () => {
      looks++;
      most = Math.max(most, ++inTurn);
      return TopicValidatorResult.Ignore;
    });
    let isOver = false;
    const turn = () => {
      inTurn = 0;
      if (!isOver) setImmediate(turn);
    };
    turn();
    const inner = to.gossip as GossipInternals;
    const peer = to.gossip.getSubscribers(TOPIC).find(String)!;
    await inner.pipePeerReadStream(peer, messages(200));
    await until(() => looks === 200, 'all messages');
    isOver = true;
    expect(most).toBeLessThanOrEqual(16);
    expect(to.isConnected(from.peerId)).toBe(true);
  });
});

describe('a topic that comes later', () => {
  afterEach(stopAll);

  it.each([
    ['the publisher', 0],
    ['the reader', 1],
  ])('carries messages, whoever is first: %s', async (_, first) => {
    const pair = await gossipPair();
    const [from, to] = pair;
    for (const host of first === 0 ? pair : pair.toReversed()) {
      host.allowTopic?.(LATE);
      host.gossip.subscribe(LATE);
      // The other one hears of it before it allows the topic itself.
      await host.gossip.publish(TOPIC, Buffer.from(`after ${host.peerId}`));
    }
    const inLate = (host: Host, other: Host) =>
      host.gossip.getMeshPeers(LATE).includes(other.peerId);
    await until(() => inLate(from, to) && inLate(to, from), 'the mesh of the topic');
    const received = Promise.withResolvers<string>();
    to.gossip.addEventListener('message', ({ detail }) => {
      if (detail.topic === LATE) received.resolve(`${detail.data}`);
    });
    await from.gossip.publish(LATE, Buffer.from('head 1'));
    expect(await received.promise).toBe('head 1');
  });

  it('punishes forgeries like any other', async () => {
    const [from, to] = await gossipPair();
    for (const host of [from, to]) {
      host.allowTopic?.(LATE);
      host.gossip.subscribe(LATE);
    }
    await until(() => from.gossip.getMeshPeers(LATE).length === 1, 'the mesh of the topic');
    to.gossip.topicValidators.set(LATE, () => TopicValidatorResult.Reject);
    await from.gossip.publish(LATE, Buffer.from('forged'));
    await isShutOut(from, to);
  });
});

/** Frames of one message each, all there already. */
async function* messages(count: number): AsyncGenerator<Uint8Array> {
  const field = (tag: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  for (let n = 0; n < count; n++) {
    const parts = [field(0x12, Buffer.from(`head ${n}`)), field(0x22, Buffer.from(TOPIC))];
    yield field(0x12, Buffer.concat(parts));
  }
}

function repeated(bytes: Buffer, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}
