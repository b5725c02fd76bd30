import { afterEach, describe, expect, it } from 'vitest';
import { batches, messageId } from '../../../node/net/gossip.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { connect, gossipPair, startHost, stopAll, TOPIC, until } from './hosts.ts';

const OTHER = 'odcm/test/other';

const message = (sizeBytes: number) => ({ data: new Uint8Array(sizeBytes) });
const sizes = (groups: ReturnType<typeof message>[][]): number[][] =>
  groups.map((group) => group.map(({ data }) => data.byteLength));

describe('gossip', () => {
  afterEach(stopAll);

  it('delivers the bytes that were published, without a signature', async () => {
    const [from, to] = await gossipPair();
    const received = Promise.withResolvers<{ type: string; data: Uint8Array }>();
    to.gossip.addEventListener('message', ({ detail }) => received.resolve(detail));
    await from.gossip.publish(TOPIC, Buffer.from('head 41'));
    expect(await received.promise).toMatchObject({ type: 'unsigned' });
    expect(Buffer.from((await received.promise).data).toString()).toBe('head 41');
  });

  it('names a message by topic and bytes', () => {
    const data = Buffer.from('head');
    expect(messageId('a', data)).toEqual(messageId('a', Buffer.from('head')));
    expect(messageId('a', data)).not.toEqual(messageId('b', data));
    expect(messageId('a', data).byteLength).toBe(20);
  });

  it('refuses other topics', async () => {
    const from = await startHost({ topics: [{ name: TOPIC }, { name: OTHER }] });
    const to = await startHost();
    const heard: string[] = [];
    to.gossip.addEventListener('message', ({ detail }) =>
      heard.push(`${detail.topic}: ${Buffer.from(detail.data)}`),
    );
    // Only who wants a topic is sent it, and only who takes part in it hears it.
    for (const topic of [TOPIC, OTHER]) to.gossip.subscribe(topic);
    await connect(from, to);
    await until(() => from.gossip.getSubscribers(OTHER).length === 1, 'the wish for the other');
    from.gossip.subscribe(OTHER);
    for (const topic of [OTHER, TOPIC]) {
      const { recipients } = await from.gossip.publish(topic, Buffer.from('head 41'));
      expect(recipients.map(String)).toEqual([to.peerId]);
    }
    await until(() => heard.includes(`${TOPIC}: head 41`), 'what was sent last');
    expect(heard).toEqual([`${TOPIC}: head 41`]);
    expect(to.gossip.getSubscribers(OTHER)).toEqual([]);
  });

  it('survives an answer of many messages, which is more than one frame may hold', async () => {
    const [from, to] = await gossipPair();
    const count = 20;
    const seen = new Set<number>();
    to.gossip.addEventListener('message', ({ detail }) => seen.add(detail.data[0]!));
    const internals = from.gossip as unknown as {
      sendRpc(peerId: string, rpc: { messages: unknown[] }): boolean;
    };
    const messages = Array.from({ length: count }, (_, index) => ({
      topic: TOPIC,
      data: new Uint8Array(LIMITS.announcementBytes).fill(index),
    }));
    expect(internals.sendRpc(to.peerId, { messages })).toBe(true);
    await until(() => seen.size === count, 'all messages');
    expect(to.hearsGossip(from.peerId)).toBe(true);
  });
});

describe('batches', () => {
  it('keeps small answers in one group', () => {
    expect(sizes(batches([message(10), message(20)]))).toEqual([[10, 20]]);
    expect(batches([])).toEqual([]);
  });

  it('starts a group before a frame is too large or has too many messages', () => {
    const half = LIMITS.gossipBatchBytes / 2;
    expect(sizes(batches([message(half), message(half), message(1)]))).toEqual([[half, half], [1]]);
    const many = batches(Array.from({ length: LIMITS.gossipBatchMessages + 1 }, () => message(1)));
    expect(many.map(({ length }) => length)).toEqual([LIMITS.gossipBatchMessages, 1]);
  });

  it('leaves out what exceeds the total of an answer', () => {
    const size = LIMITS.gossipBatchBytes;
    const groups = batches(Array.from({ length: 100 }, () => message(size)));
    expect(groups).toHaveLength(LIMITS.gossipAnswerBytes / size);
  });
});
