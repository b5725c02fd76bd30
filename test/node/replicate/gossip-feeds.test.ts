import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { describe, expect, it } from 'vitest';
import type { DirectoryAge } from '../../../node/directory/directory.ts';
import { GossipFeeds, type GossipFeedsOptions } from '../../../node/replicate/gossip-feeds.ts';
import { Replicator, type ReplicatorOptions } from '../../../node/replicate/replicator.ts';
import { logKey, type Note, signCheckpoint, verifyNote } from '../../../protocols/checkpoint.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { contextTopic, encodeAnnouncement } from '../../../protocols/gossip.ts';
import { feedOrigin, type Origin, parseContextName } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { Frontier } from '../../../protocols/merkle.ts';
import { packSegments } from '../../../protocols/segment.ts';
import {
  checkpointOf,
  FEED,
  KEY,
  MESH,
  SPACE,
  samplePack,
  samplePacked,
} from '../../protocols/sample-log.ts';
import { VirtualTime } from '../virtual-time.ts';

const CONTEXT = parseContextName('variables');
const TOPIC = contextTopic(MESH, CONTEXT);

type Judge = (peer: unknown, message: Message) => TopicValidatorResult;

interface Given {
  /** False for a feed that this node does not take. */
  readonly isOpen?: boolean;
  readonly isRevoked?: boolean;
  readonly time?: VirtualTime;
}

/** A node that holds two entries of the feed, unless it is not open; judges heads of any number of entries. */
function newNode({ isOpen = true, isRevoked = false, time = new VirtualTime() }: Given = {}) {
  const topicValidators = new Map<string, Judge>();
  const row = { id: FEED, space: SPACE, context: CONTEXT };
  const own = checkpointOf(samplePack(2));
  let asked = 0;
  const gossip = { topicValidators, addEventListener: () => {}, subscribe: () => {} };
  new GossipFeeds({
    ...{ host: { gossip }, clock: time, mesh: MESH, onRefused: () => {}, log: { debug: () => {} } },
    directory: {
      state: {
        contexts: new Map(BUILT_IN_CONTEXTS.map((c) => [c.name, c])),
        feeds: new Map([[FEED, row]]),
        spaces: new Map([[SPACE, { revoked: isRevoked ? { lastGood: {} } : null }]]),
      },
      verifyFeedNote: (note: Note, _: object, origin: Origin) => {
        asked++;
        return verifyNote(note, origin, logKey(origin, KEY.publicKey, KEY.raw));
      },
    },
    feeds: { peek: () => (isOpen ? { head: own, log: { size: 2 } } : undefined) },
  } as unknown as GossipFeedsOptions).start();
  return (
    count: number,
    { epoch = 1, root = checkpointOf(samplePack(count)).root, segments = [] as Buffer[] } = {},
  ) => {
    asked = 0;
    const origin = feedOrigin(MESH, SPACE, FEED, epoch);
    const key = logKey(origin, KEY.publicKey, KEY.raw);
    const note = signCheckpoint({ origin, size: count, root }, key, KEY.privateKey);
    const data = encodeAnnouncement(note, new Frontier(), segments);
    const verdict = topicValidators.get(TOPIC)!(undefined, { data } as unknown as Message);
    return { verdict, asked };
  };
}

const { Accept, Ignore, Reject } = TopicValidatorResult;

describe('heads heard by gossip', () => {
  it('are passed on when they are newer than what is held', () => {
    expect(newNode()(3)).toEqual({ verdict: Accept, asked: 1 });
  });

  it('are passed over without a look at the signature when they are older', () => {
    expect(newNode()(1)).toEqual({ verdict: Ignore, asked: 0 });
  });

  it('are passed over without a look at the signature when they are of another epoch', () => {
    expect(newNode()(3, { epoch: 2 })).toEqual({ verdict: Ignore, asked: 0 });
  });

  it('are passed over without a look at the signature when their space is revoked', () => {
    expect(newNode({ isRevoked: true })(3)).toEqual({ verdict: Ignore, asked: 0 });
    expect(newNode({ isRevoked: true, isOpen: false })(3)).toEqual({ verdict: Ignore, asked: 0 });
  });

  it.each([true, false])(
    'are verified once, and older ones never, of a feed open here: %s',
    (isOpen) => {
      const judge = newNode({ isOpen });
      expect(judge(5)).toEqual({ verdict: Accept, asked: 1 });
      for (const count of [5, 4, 3]) expect(judge(count)).toEqual({ verdict: Ignore, asked: 0 });
      expect(judge(6)).toEqual({ verdict: Accept, asked: 1 });
    },
  );

  it('that contradict each other are told on once, however often they come', () => {
    const judge = newNode({ isOpen: false });
    const root = Buffer.alloc(32, 7);
    expect(judge(5).verdict).toBe(Accept);
    expect(judge(5, { root })).toEqual({ verdict: Accept, asked: 1 });
    expect(judge(5, { root })).toEqual({ verdict: Ignore, asked: 0 });
    expect(judge(5)).toEqual({ verdict: Ignore, asked: 0 });
  });

  it('whose entries are of another feed cost the peer that passed them on, and do not count as seen', () => {
    const judge = newNode({ isOpen: false });
    const foreign = [0, 1, 2].map((i) => samplePacked(i, { feed: Buffer.alloc(16, 9) }));
    const segments = [...packSegments(0, foreign)];
    expect(judge(3, { segments })).toEqual({ verdict: Reject, asked: 1 });
    expect(judge(3)).toEqual({ verdict: Accept, asked: 1 });
  });
});

describe('heads of one space', () => {
  it('are verified up to its rate and passed over beyond, without blame', async () => {
    const time = new VirtualTime();
    const judge = newNode({ isOpen: false, time });
    // Roots are made up: a head without entries says only that there is more.
    const root = Buffer.alloc(32, 7);
    for (let size = 3; size < 3 + LIMITS.headsBurst; size++)
      expect(judge(size, { root }).verdict).toBe(Accept);
    const next = 3 + LIMITS.headsBurst;
    expect(judge(next, { root })).toEqual({ verdict: Ignore, asked: 0 });
    await time.advance(1000 / LIMITS.headsPerSecond + 1);
    expect(judge(next + 1, { root })).toEqual({ verdict: Accept, asked: 1 });
  });
});

describe('topics', () => {
  it('are those of all contexts, also of those that the directory brings later, each joined once', () => {
    const contexts = new Map(BUILT_IN_CONTEXTS.map((c) => [c.name, c]));
    const joined: string[] = [];
    const allowed: string[] = [];
    const gossip = {
      topicValidators: new Map(),
      addEventListener: () => {},
      subscribe: (topic: string) => joined.push(topic),
    };
    const feeds = new GossipFeeds({
      ...{ host: { gossip, allowTopic: (topic: string) => allowed.push(topic) }, mesh: MESH },
      ...{ clock: new VirtualTime(), directory: { state: { contexts } } },
    } as unknown as GossipFeedsOptions);
    feeds.joinContexts();
    expect(joined).toEqual([]);
    feeds.start();
    expect(joined).toHaveLength(BUILT_IN_CONTEXTS.length + 1);
    const name = parseContextName('invoices');
    contexts.set(name, { name, noun: 'Invoices', content: 'json' } as never);
    for (let i = 0; i < 2; i++) feeds.joinContexts();
    expect(joined.at(-1)).toBe(contextTopic(MESH, name));
    expect(joined).toHaveLength(BUILT_IN_CONTEXTS.length + 2);
    expect(allowed.at(-1)).toBe(joined.at(-1));
    expect(gossip.topicValidators.has(joined.at(-1)!)).toBe(true);
  });
});

describe('what the directory allows', () => {
  it.each<[DirectoryAge, boolean]>([
    ['fresh', true],
    ['stale', true],
    ['expired', false],
    ['unknown', false],
  ])('while it is %s is taken: %s', (age, isTaken) => {
    const state = { feeds: new Map([[FEED, { id: FEED }]]), grantFor: () => 'own' };
    const options = {
      directory: { state, age },
      self: SPACE,
      clock: { nowMs: () => 0 },
      trusted: { nowMs: () => 0 },
    };
    const replicator = new Replicator(options as unknown as ReplicatorOptions);
    expect(replicator.mayTake(FEED)).toBe(isTaken);
  });
});
