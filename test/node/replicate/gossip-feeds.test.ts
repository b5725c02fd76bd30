import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { describe, expect, it } from 'vitest';
import type { DirectoryAge } from '../../../node/directory/directory.ts';
import { GossipFeeds, type GossipFeedsOptions } from '../../../node/replicate/gossip-feeds.ts';
import { Replicator, type ReplicatorOptions } from '../../../node/replicate/replicator.ts';
import { logKey, type Note, signCheckpoint, verifyNote } from '../../../protocols/checkpoint.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { contextTopic, encodeAnnouncement } from '../../../protocols/gossip.ts';
import { feedOrigin, type Origin, parseContextName } from '../../../protocols/ids.ts';
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

const CONTEXT = parseContextName('variables');
const TOPIC = contextTopic(MESH, CONTEXT);

type Judge = (peer: unknown, message: Message) => TopicValidatorResult;

interface Given {
  /** False for a feed that this node does not take. */
  readonly isOpen?: boolean;
  readonly isRevoked?: boolean;
}

/** A node that holds two entries of the feed, unless it is not open; judges heads of any number of entries. */
function newNode({ isOpen = true, isRevoked = false }: Given = {}) {
  const topicValidators = new Map<string, Judge>();
  const row = { id: FEED, space: SPACE, context: CONTEXT };
  const own = checkpointOf(samplePack(2));
  let asked = 0;
  const gossip = { topicValidators, addEventListener: () => {}, subscribe: () => {} };
  new GossipFeeds({
    ...{ host: { gossip }, mesh: MESH, onRefused: () => {}, log: { debug: () => {} } },
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

describe('what the directory allows', () => {
  it.each<[DirectoryAge, boolean]>([
    ['fresh', true],
    ['stale', true],
    ['expired', false],
    ['unknown', false],
  ])('while it is %s is taken: %s', (age, isTaken) => {
    const state = { feeds: new Map([[FEED, { id: FEED }]]), grantFor: () => 'own' };
    const options = { directory: { state, age }, self: SPACE, clock: { nowMs: () => 0 } };
    const replicator = new Replicator(options as unknown as ReplicatorOptions);
    expect(replicator.mayTake(FEED)).toBe(isTaken);
  });
});
