// Hostile drop folders, and imports that end in the middle.

import { execFileSync } from 'node:child_process';
import { copyFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import type { Store, Write } from '../../../node/store/store.ts';
import { MeshError } from '../../../protocols/errors.ts';
import type { Disks } from '../../node/gap/sites.ts';
import { emptyFolder, standOf, verdictOf, withScene } from '../gap-site.ts';
import type { Row } from '../row.ts';

export const rows: readonly Row[] = [
  {
    id: 'A05',
    what: 'links, pipes, devices, folders and strange names where the files of a bundle should be',
    how: 'processes',
    expected: 'none opened, none waited for, nothing changed',
    run: ({ folder }) =>
      withScene(folder, async (scene) => {
        const { vault, files, path } = scene;
        const before = await standOf(scene);
        let [tried, opened] = [0, 0];
        for (const ending of ['manifest', 'signature', 'car'] as const) {
          for (const kind of ['link', 'pipe', 'device', 'folder', 'dangling'] as const) {
            const drop = await emptyFolder(folder, `${ending}-${kind}`);
            const stem = join(drop, 'bundle-1');
            const own = bundleFiles(stem);
            for (const name of ['manifest', 'signature', 'car'] as const)
              if (name !== ending) await copyFile(files[name], own[name]);
            const target = own[ending];
            if (kind === 'link') await symlink(files[ending], target);
            else if (kind === 'pipe') execFileSync('mkfifo', [target]);
            else if (kind === 'device') await symlink('/dev/zero', target);
            else if (kind === 'dangling') await symlink('/nowhere/at/all', target);
            else
              await emptyFolder(
                drop,
                `bundle-1.${ending === 'signature' ? 'manifest.p7s' : ending}`,
              );
            tried++;
            if ((await verdictOf(() => vault.import(stem))) !== 'FILE_UNREADABLE') opened++;
          }
        }
        for (const name of ['../bundle-1', 'x'.repeat(300), 'a\0b', '.']) {
          const drop = await emptyFolder(folder, 'names');
          tried++;
          if ((await verdictOf(() => vault.import(join(drop, 'sub', name)))) === 'nothing')
            opened++;
        }
        const left = await readdir(vault.home.paths.quarantine).catch(() => []);
        const isSame = before === (await standOf(scene)) && left.length === 0;
        const isGood = (await verdictOf(() => vault.import(path))) === 'nothing';
        return {
          measured: `${opened} of ${tried} opened`,
          pass: opened === 0 && isSame && isGood,
        };
      }),
  },
  {
    id: 'A07',
    what: 'the machine ends at each write of an import in turn',
    how: 'simulated',
    expected: '0 partial: nothing or everything after the next start',
    run: async ({ folder, log }) => {
      let [partial, cuts] = [0, 0];
      for (let at = 1; ; at++) {
        const outcome = await withScene(folder, async (scene) => {
          const { vault, path, feed } = scene;
          await vault.stop();
          const budget = { left: Number.POSITIVE_INFINITY };
          const { logs, views, blockStore } = vault.disks;
          const dying: Disks = {
            logs: dyingStore(logs, budget),
            views: dyingStore(views, budget),
            blockStore: dyingStore(blockStore, budget),
          };
          await vault.start(dying);
          const before = await standOf(scene);
          budget.left = at;
          const isCut = (await verdictOf(() => vault.import(path, 'Bob'))) !== 'nothing';
          // What it held in memory is gone; its timers and databases must not stay behind.
          budget.left = Number.POSITIVE_INFINITY;
          await vault.stop();
          await vault.start();
          const row = (await Array.fromAsync(vault.node.gap.ledger.crossings('in')))[0];
          const held = await vault.held(feed);
          const isAll =
            row?.state === 'applied' && held === 3 && vault.node.gap.receipts.size === 1;
          const after = await standOf(scene);
          // One that waits for approval is a row in the ledger, and nothing else.
          const [size, , receipts] = JSON.parse(after) as number[];
          const [sizeBefore] = JSON.parse(before) as number[];
          const isStill = held === 0 && size === sizeBefore && receipts === 0;
          const isNothing = isStill && (row === undefined || row.state === 'waiting');
          return { isCut, isWhole: isAll || isNothing };
        });
        if (!outcome.isWhole) partial++;
        if (!outcome.isCut) break;
        cuts++;
      }
      log(`${cuts} writes`);
      return { measured: `${partial} partial of ${cuts} cuts`, pass: partial === 0 && cuts > 5 };
    },
  },
  {
    id: 'A07',
    what: 'half-written bundles lie in quarantine when the node starts',
    how: 'processes',
    expected: 'removed, nothing changed',
    run: ({ folder }) =>
      withScene(folder, async (scene) => {
        const { vault } = scene;
        const before = await standOf(scene);
        const { quarantine } = vault.home.paths;
        const half = await emptyFolder(quarantine, `.${'0'.repeat(64)}`);
        await writeFile(join(half, 'bundle.car'), 'half of it');
        await vault.restart();
        const left = await readdir(quarantine);
        return {
          measured: `${left.length} left`,
          pass: left.length === 0 && before === (await standOf(scene)),
        };
      }),
  },
];

/** From the write on for which nothing is left, none of them reaches the disk. */
function dyingStore(store: Store, budget: { left: number }): Store {
  return {
    get: (key) => store.get(key),
    getSync: (key) => store.getSync(key),
    getMany: (keys) => store.getMany(keys),
    has: (key) => store.has(key),
    range: (options) => store.range(options),
    onReopened: (listener) => store.onReopened(listener),
    close: () => store.close(),
    flush: () => store.flush(),
    write: async (batch: readonly Write[], options) => {
      if (--budget.left < 0) throw new MeshError('DISK_FULL', 'the machine has ended');
      await store.write(batch, options);
    },
  };
}
