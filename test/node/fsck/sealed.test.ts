import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { Trust } from '../../../node/directory/trust.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { Feeds } from '../../../node/feed/feeds.ts';
import { putSealedContent } from '../../../node/feed/seal-content.ts';
import { ForkBook } from '../../../node/fork/fork-book.ts';
import { checkNode } from '../../../node/fsck/check-node.ts';
import { openHome } from '../../../node/home/home.ts';
import { sealSecrets } from '../../../node/home/seal-secrets.ts';
import { silentLog } from '../../../node/log.ts';
import { OwnKeys } from '../../../node/rotate/own-keys.ts';
import { itemKey, logPrefix } from '../../../node/store/keys.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { parseContextName, parseFeedId, parseFeedName, uuidBytes } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { init, newFolder } from '../enrol/mesh.ts';

const CANARY = 'canary 5f0c9a7e21';

/** The folder of an ODCM node with one sealed feed, of files and events, in two epochs. */
async function sealedHome(): Promise<{ dir: string; feed: string }> {
  const dir = join(await newFolder(), 'home');
  await init({ dir });
  const home = await openHome(dir);
  const { mesh, space: self } = home.config;
  const [logs, blockStore, views] = await Promise.all(
    [home.paths.log, home.paths.blocks, home.paths.views].map((path) => openLevelStore(path)),
  );
  const system = { clock: systemClock, random: systemRandom };
  const blocks = new Blocks(blockStore!);
  const directory = await Directory.open({
    ...{ store: logs!, root: home.root.root, mesh, log: silentLog },
    ...system,
  });
  const writer = await DirectoryWriter.open({
    ...{ directory, blocks, views: views!, space: home.config.name, ...system },
    directoryKey: await home.directoryKey(),
    timestampKey: await home.timestampKey(),
  });
  const trust = new Trust({ mesh, directory, writer, ...system });
  const keys = new OwnKeys(await home.nodeKey());
  const feeds = new Feeds({
    ...{ logs: logs!, views: views!, blocks, directory, mesh, self, keys, ...system },
    forks: await ForkBook.open(logs!, systemClock),
    sealing: { secrets: sealSecrets(home), trusted: systemClock },
    onCommitted: () => {},
    onApplied: () => {},
  });
  const made = await trust.carryOut(self, {
    ...{ wish: 'feed', sync: 'chosen', to: [] },
    name: parseFeedName('secrets'),
    context: parseContextName('server-extensions'),
  });
  const { id } = JSON.parse(made) as { id: string };
  const feed = await feeds.open(parseFeedId(id));
  expect(feed.row.isSealed).toBe(true);
  const { scope } = feed.sealing!.sealer.ring;
  const large = Buffer.alloc(3 * LIMITS.chunkBytes, CANARY);
  const fileKey = Buffer.from(systemRandom.bytes(32));
  const stored = await putSealedContent(blocks, Readable.from([large]), scope, fileKey);
  const body = { ...stored, mediaType: 'application/octet-stream' };
  await feed.publisher!.publish([{ item: 'large', body }]);
  for (let i = 0; i < 300; i++)
    await feed.publisher!.publish([
      { item: `item ${i % 20}`, body: { payload: `${CANARY} ${i}` } },
    ]);
  await feed.publisher!.idle();
  for (const store of [logs, blockStore, views]) await store!.close();
  return { dir, feed: id };
}

const options = () => ({
  signal: new AbortController().signal,
  onProgress: () => {},
  nowMs: () => 0,
});

describe('a sealed feed at rest', () => {
  it('is sound to fsck, holds no plaintext in its files, and a changed item is found', async () => {
    const { dir, feed } = await sealedHome();
    const home = await openHome(dir);
    const result = await checkNode({ home, ...options() });
    expect(result.problems).toEqual([]);
    expect(result.logs.find(({ log }) => log.endsWith('/secrets'))).toMatchObject({
      entries: 302,
      applied: 302,
      items: 21,
      deadLetters: 0,
    });
    for (const name of await readdir(home.paths.store, { recursive: true })) {
      const bytes = await readFile(join(home.paths.store, name)).catch(() => Buffer.alloc(0));
      expect(bytes.includes(CANARY), name).toBe(false);
    }
    const views = await openLevelStore(home.paths.views);
    const key = itemKey(logPrefix(uuidBytes(parseFeedId(feed)), 1), 'large');
    await views.write([{ type: 'put', key, value: (await views.get(key))!.fill(1, 3, 5) }]);
    await views.close();
    const damaged = await checkNode({ home: await openHome(dir), ...options() });
    expect(damaged.problems.map(({ code }) => code)).toEqual(['STORE_DAMAGED']);
  }, 30_000);
});
