// The folder of an ODCM node with feeds of every kind in it, made without a network, and ways to damage a copy of it.

import { createHash } from 'node:crypto';
import { cp, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Level } from 'level';
import { systemClock, systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { Trust } from '../../../node/directory/trust.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import type { Draft } from '../../../node/feed/batch.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { Feeds } from '../../../node/feed/feeds.ts';
import { ForkBook } from '../../../node/fork/fork-book.ts';
import { checkNode } from '../../../node/fsck/check-node.ts';
import type { FsckResult } from '../../../node/fsck/report.ts';
import { openHome } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import { OwnKeys } from '../../../node/rotate/own-keys.ts';
import { logPrefix } from '../../../node/store/keys.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { sealValue } from '../../../node/store/store.ts';
import { parseContextName, parseFeedId, parseFeedName, uuidBytes } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { init, newFolder } from '../enrol/mesh.ts';

export interface SampleHome {
  readonly dir: string;
  /** Keys of the logs in the store, by name of the feed. */
  readonly logs: Readonly<Record<'variables' | 'files' | 'empty' | 'directory', Buffer>>;
}

export const ITEMS = 600;

/** Tiles that are full, an unfinished one, versions, withdrawals, large events, files in chunks, an empty feed. */
export async function makeSampleHome(): Promise<SampleHome> {
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
    onCommitted: () => {},
    onApplied: () => {},
  });
  const create = async (name: string, context: string) => {
    const wish = { wish: 'feed', sync: 'chosen', to: 'all' } as const;
    const made = await trust.carryOut(self, {
      ...wish,
      name: parseFeedName(name),
      context: parseContextName(context),
    });
    return feeds.open(parseFeedId((JSON.parse(made) as { id: string }).id));
  };
  const variables = await create('variables', 'variables');
  const drafts = Array.from({ length: ITEMS }, (_, i): Draft => variable(i, `value ${i}`));
  await variables.publisher!.publish(drafts);
  for (let i = 0; i < 5; i++) await variables.publisher!.publish([variable(i, `newer ${i}`)]);
  await variables.publisher!.publish([{ item: 'item 007', body: null }]);

  const files = await create('files', 'server-extensions');
  for (const [item, sizeBytes] of [
    ['small', 5_000],
    ['chunked', 3 * LIMITS.chunkBytes],
    ['gone', 100_000],
  ] as const) {
    const stored = await blocks.putContent(Readable.from([Buffer.alloc(sizeBytes, item)]));
    const body = { ...stored, mediaType: 'application/octet-stream' };
    await files.publisher!.publish([{ item, body }]);
  }
  await files.publisher!.publish([{ item: 'gone', body: null }]);
  await files.publisher!.publish([{ item: 'event', body: { payload: 'x'.repeat(20_000) } }]);

  const empty = await create('empty', 'releases');
  for (const store of [logs, blockStore, views]) await store!.close();
  const prefixOf = (feed: { row: { id: Parameters<typeof uuidBytes>[0] } }) =>
    logPrefix(uuidBytes(feed.row.id), 1);
  return {
    dir,
    logs: {
      variables: prefixOf(variables),
      files: prefixOf(files),
      empty: prefixOf(empty),
      directory: logPrefix(Buffer.alloc(16), 1),
    },
  };
}

const variable = (i: number, value: string): Draft => ({
  item: `item ${String(i).padStart(3, '0')}`,
  body: { payload: { value } },
});

export async function copyOf(sample: SampleHome): Promise<string> {
  const dir = join(await newFolder(), 'home');
  await cp(sample.dir, dir, { recursive: true });
  return dir;
}

/** The database behind the product's back. */
export async function withDatabase<T>(
  dir: string,
  name: 'log' | 'blocks' | 'views',
  work: (db: Level<Buffer, Buffer>) => Promise<T>,
): Promise<T> {
  const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false };
  const db = new Level<Buffer, Buffer>(join(dir, 'store', name), options);
  await db.open();
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Changes a value and gives it the checksum that it then must have. */
export function forge(
  dir: string,
  name: 'log' | 'blocks' | 'views',
  key: Buffer,
  change: (value: Buffer) => Buffer,
): Promise<void> {
  return withDatabase(dir, name, async (db) => {
    const sealed = await db.get(key);
    const value = sealed ? Buffer.from(sealed.subarray(4)) : Buffer.alloc(0);
    await db.put(key, sealValue(key, change(value)));
  });
}

export async function fsck(dir: string): Promise<FsckResult> {
  const home = await openHome(dir);
  return checkNode({ home, signal: new AbortController().signal, nowMs: () => 0 });
}

/** Problems as `CODE message`. */
export async function problemsOf(dir: string): Promise<string[]> {
  return (await fsck(dir)).problems.map(({ code, message }) => `${code} ${message}`);
}

/** Names, times and hashes of everything below a folder. */
export async function fingerprint(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  const lines = names.sort().map(async (name) => {
    const path = join(dir, name);
    const info = await stat(path);
    if (!info.isFile()) return name;
    return `${name} ${info.mtimeMs} ${createHash('sha256')
      .update(await readFile(path))
      .digest('hex')}`;
  });
  return Promise.all(lines);
}
