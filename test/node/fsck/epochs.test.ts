import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readKeyFile } from '../../../certs/keystore.ts';
import { addRootSignatures, nextRootPayload } from '../../../certs/root-rotation.ts';
import { systemClock, systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { rootAt } from '../../../node/fork/prove.ts';
import { type Home, openHome } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import { headKey } from '../../../node/store/keys.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { decodeRoot } from '../../../protocols/root.ts';
import { decodeRootEnvelope } from '../../../protocols/root-chain.ts';
import { cleanUp } from '../enrol/mesh.ts';
import { forge, fsck, makeSampleHome, problemsOf } from './sample-home.ts';

afterAll(cleanUp);

/** ODCM's directory as its node opens it, with the pen. */
async function withDirectory(
  home: Home,
  work: (directory: Directory, pen: () => Promise<DirectoryWriter>) => Promise<void>,
): Promise<void> {
  const { paths, config, root } = home;
  const stores = await Promise.all(
    [paths.log, paths.blocks, paths.views].map((path) => openLevelStore(path)),
  );
  const [store, blocks, views] = stores as [
    (typeof stores)[0],
    (typeof stores)[0],
    (typeof stores)[0],
  ];
  const directory = await Directory.open({
    ...{ store, root: root.root, mesh: config.mesh, clock: systemClock, log: silentLog },
    roots: home.rootEnvelopes.map((bytes) => decodeRoot(decodeRootEnvelope(bytes).payload)),
  });
  await work(directory, async () =>
    DirectoryWriter.open({
      ...{ directory, blocks: new Blocks(blocks), views, space: config.name },
      ...{ clock: systemClock, random: systemRandom },
      directoryKey: await home.directoryKey(),
      timestampKey: await home.timestampKey(),
    }),
  );
  for (const one of stores) await one.close();
}

it('finds nothing wrong with a node whose directory goes on from before its feeds, waiting or not', async () => {
  const { dir, logs } = await makeSampleHome();
  const home = await openHome(dir);
  await withDirectory(home, async ({ log }) => {
    const continueDirectory = { size: 1, root: await rootAt(log, 1) };
    const payload = nextRootPayload(home.root.root, {
      ...{ expiresMs: Date.now() + 1e10, continueDirectory },
    });
    const offline = join(dir, 'root-keys-OFFLINE');
    const names = (await readdir(offline)).filter((name) => /^root-\d/.test(name));
    const keys = await Promise.all(names.map((name) => readKeyFile(join(offline, name))));
    await home.addRoot(addRootSignatures({ payload, signatures: [] }, keys));
  });
  await withDirectory(home, async ({ isWaiting }) => expect(isWaiting).toBe(true));
  expect(await problemsOf(dir)).toEqual([]);
  const names = (await fsck(dir)).logs.map(({ log }) => log);
  expect(names).toContain('odcm/variables');
  await withDirectory(home, async (directory, pen) => {
    await (await pen()).begin([]);
    expect([directory.isWaiting, directory.state.feeds.size]).toEqual([false, 0]);
  });
  expect(await problemsOf(dir)).toEqual([]);
  // Their heads are looked at all the same, by the directory that knew them.
  await forge(dir, 'log', headKey(logs.variables), (value) => {
    value[value.length - 4]! ^= 1;
    return value;
  });
  expect((await problemsOf(dir)).join()).toContain('the head of odcm/variables');
});
