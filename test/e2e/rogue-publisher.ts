// A publisher that checks nothing: writes into a stopped node's feed, with that node's own key, what the node itself
// would refuse to publish. Subscribers must judge it for themselves.

import { Readable } from 'node:stream';
import { systemClock, systemRandom } from '../../node/clock.ts';
import { Directory } from '../../node/directory/directory.ts';
import { Blocks } from '../../node/feed/blocks.ts';
import { FeedLog } from '../../node/feed/log.ts';
import { Publisher } from '../../node/feed/publisher.ts';
import { FeedView } from '../../node/feed/view.ts';
import { openHome } from '../../node/home/home.ts';
import { silentLog } from '../../node/log.ts';
import { OwnKeys } from '../../node/rotate/own-keys.ts';
import { openLevelStore } from '../../node/store/level.ts';
import { feedOrigin, uuidBytes } from '../../protocols/ids.ts';

export async function publishUnchecked(
  folder: string,
  feedName: string,
  item: string,
  content: Buffer,
): Promise<void> {
  const home = await openHome(folder);
  const { mesh, space } = home.config;
  const [logs, views, blockStore] = await Promise.all([
    openLevelStore(home.paths.log),
    openLevelStore(home.paths.views),
    openLevelStore(home.paths.blocks),
  ]);
  try {
    const clock = systemClock;
    const directory = await Directory.open({
      store: logs,
      root: home.root.root,
      mesh,
      clock,
      log: silentLog,
    });
    const row = directory.state.feedNamed(space, feedName)!;
    const { name } = directory.state.spaces.get(space)!;
    const keys = new OwnKeys(await home.nodeKey());
    const identity = {
      space: name,
      feed: row.name,
      context: directory.state.contexts.get(row.context)!,
    };
    const blocks = new Blocks(blockStore);
    const feedId = uuidBytes(row.id);
    const log = await FeedLog.open(logs, feedId);
    const view = await FeedView.open(views, log, blocks, identity);
    const origin = feedOrigin(mesh, space, row.id);
    const publisher = new Publisher({
      ...{ ...identity, view, blocks, log, origin, clock, feedId, random: systemRandom },
      signers: () => keys.signers(origin),
      onCommitted: () => {},
    });
    const stored = await blocks.putContent(Readable.from([content]));
    await publisher.publish([{ item, body: { ...stored, mediaType: 'application/json' } }]);
  } finally {
    for (const store of [logs, views, blockStore]) await store.close();
  }
}
