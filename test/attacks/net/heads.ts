// Spaces with real keys and feeds, a directory that knows them, and what they tell by gossip: true heads and forged ones. For
// those who measure what a node makes of them. Every process that makes it with the same numbers has the same.

import { systemClock } from '../../../node/clock.ts';
import { peerIdOfPublicKey } from '../../../node/net/keys.ts';
import type { GossipFeedsOptions } from '../../../node/replicate/gossip-feeds.ts';
import { GossipFeeds } from '../../../node/replicate/gossip-feeds.ts';
import { type LogKey, logKey, signCheckpoint, verifyNote } from '../../../protocols/checkpoint.ts';
import { DirectoryState } from '../../../protocols/directory.ts';
import type { Json } from '../../../protocols/envelope.ts';
import { contextTopic, encodeAnnouncement } from '../../../protocols/gossip.ts';
import {
  type FeedId,
  feedOrigin,
  type Origin,
  parseContextName,
  parseFeedId,
  parseSpaceId,
} from '../../../protocols/ids.ts';
import { Frontier } from '../../../protocols/merkle.ts';
import { keyOf, MESH } from '../../protocols/sample-log.ts';

const CONTEXT = parseContextName('variables');
export const HEADS_TOPIC = contextTopic(MESH, CONTEXT);
export { MESH };

const idOf = (kind: number, n: number): string =>
  `0199b7c2-1f00-4000-8${kind.toString(16).padStart(3, '0')}-${n.toString(16).padStart(12, '0')}`;

interface Space {
  readonly key: ReturnType<typeof keyOf>;
  readonly peerId: string;
  readonly pem: string;
  readonly feed: FeedId;
  readonly origin: Origin;
  readonly logKey: LogKey;
}

function makeSpace(n: number): Space {
  const key = keyOf(n + 1);
  const feed = parseFeedId(idOf(2, n));
  const origin = feedOrigin(MESH, parseSpaceId(idOf(1, n)), feed);
  return {
    ...{ key, feed, origin, logKey: logKey(origin, key.publicKey, key.raw) },
    peerId: peerIdOfPublicKey(key.raw),
    pem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

export class SampleHeads {
  readonly spaces: readonly Space[];
  readonly state = new DirectoryState();

  constructor(count: number) {
    this.spaces = Array.from({ length: count }, (_, n) => makeSpace(n));
    this.spaces.forEach(({ key, feed }, n) => {
      const raw = key.raw.toString('base64');
      const space = idOf(1, n);
      const keys = { nodeKey: raw, exchangeKey: raw, certificateSha256: '0'.repeat(64) };
      this.#apply('SpaceEnrolledV1Event', { space, name: `space-${n}`, ...keys, addresses: [] });
      const about = { name: 'base', context: CONTEXT, sync: 'chosen' };
      this.#apply('FeedCreatedV1Event', { feed, space, ...about });
    });
    if (this.state.passedOver > 0) throw new Error('the sample breaks a rule of the directory');
  }

  #apply(type: string, payload: Json): void {
    this.state.apply({
      ...{ id: idOf(3, this.state.size), activityId: idOf(4, this.state.size), type, payload },
      ...{ source: 'odcm://odcm/directory#x', occurredTimeUtc: '2026-11-21T10:00:00Z' },
      specVersion: '1.0',
    });
  }

  /** What a space tells about its feed; each size is another message. */
  announcement(n: number, size: number): Buffer {
    const { origin, logKey: key, key: own } = this.spaces[n]!;
    const root = Buffer.alloc(32);
    root.writeUIntBE(size, 0, 6);
    const note = signCheckpoint({ origin, size, root }, key, own.privateKey);
    return encodeAnnouncement(note, new Frontier(), []);
  }

  /** The same with a signature of another head. */
  forged(n: number, size: number): Buffer {
    const one = this.announcement(n, size);
    const other = this.announcement(n, size + 1);
    // The signature is base64 at the end of the note; the frontier and the segments behind it are the same in both.
    const at = one.lastIndexOf('\n') - 60;
    const out = Buffer.from(one);
    other.copy(out, at, at, at + 40);
    return out;
  }

  /** Judges heads as a node does that takes no feed. */
  listen(
    host: Pick<GossipFeedsOptions['host'], 'gossip'>,
    clock: GossipFeedsOptions['clock'] = systemClock,
  ): { readonly refused: Record<string, number> } {
    const refused: Record<string, number> = {};
    const feeds = new GossipFeeds({
      ...{ host, mesh: MESH, clock, log: { debug: () => {}, warn: () => {} } },
      directory: {
        ...{ state: this.state, origin: 'odcm/none' },
        verifyFeedNote: (note: Parameters<typeof verifyNote>[0], row: { id: FeedId }, of: Origin) =>
          verifyNote(note, of, this.#keyOf(row.id)),
      },
      feeds: { peek: () => undefined },
      subscriptions: { get: () => undefined },
      carry: { isCopied: () => false },
      onRefused: (code: string) => {
        refused[code] = (refused[code] ?? 0) + 1;
      },
    } as unknown as GossipFeedsOptions);
    feeds.start();
    return { refused };
  }

  #keys: ReadonlyMap<FeedId, LogKey> | undefined;

  #keyOf(feed: FeedId): LogKey {
    this.#keys ??= new Map(this.spaces.map((space) => [space.feed, space.logKey]));
    return this.#keys.get(feed)!;
  }
}
