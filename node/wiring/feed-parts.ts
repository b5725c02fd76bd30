// The feeds of a node, wired: what they are read and written with, and the keys of sealed ones.

import { Blocks } from '../feed/blocks.ts';
import { Feeds } from '../feed/feeds.ts';
import { Rekeying } from '../feed/rekeying.ts';
import { sealSecrets } from '../home/seal-secrets.ts';
import type { Inner } from './inner.ts';

export interface FeedParts {
  readonly blocks: Blocks;
  readonly feeds: Feeds;
  readonly rekeying: Rekeying;
}

export function createFeedParts(inner: Inner): FeedParts {
  const { node, parts, background } = inner;
  const { home, clock, random, timers } = inner.o;
  const { directory, forks, logs, views, keys, trustClock: trusted } = parts;
  const { mesh, space: self } = home.config;
  const blocks = new Blocks(parts.blockStore, parts.packs);
  const feeds = new Feeds({
    ...{ forks, logs, views, blocks, directory, mesh, self, keys, clock, random },
    sealing: { secrets: sealSecrets(home), trusted },
    onCommitted: (feed, commit) => inner.reactions.committed(feed, commit),
    onApplied: (feed, applied) => inner.reactions.applied(feed, applied),
    onDamaged: (feed, damage) => node.care.feedDamaged(feed, damage),
    requireRoom: () => node.care.requireRoom(),
  });
  feeds.mayPublish = (feed) => node.gate.mayPublish(feed);
  const rekeying = new Rekeying({
    ...{ opened: () => feeds.opened, timers, trusted },
    onFault: (_, error) => background.shrug(error),
  });
  return { blocks, feeds, rekeying };
}
