// Real processes on folders that others use too, that are of another version, on disks that are full, with little memory.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from '../../../node/store/level.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { TestMesh, until } from '../../e2e/mesh.ts';
import type { Row, Size } from '../row.ts';

const FEED = 'library/stock';
const MiB = 1024 * 1024;
const GOES_ON_MS = 5_000;

async function withMesh<T>(spaces: readonly string[], work: (mesh: TestMesh) => Promise<T>) {
  const mesh = new TestMesh();
  try {
    await mesh.init();
    await mesh.spaces(...spaces);
    await mesh.ask('library', 'createFeed', {
      body: { name: 'stock', context: 'targets', to: 'all' },
    });
    return await work(mesh);
  } finally {
    await mesh.close();
  }
}

const publish = (mesh: TestMesh, name: string, count: number, bytes: number) =>
  mesh.ask('library', 'publishEvents', {
    query: { feed: 'stock' },
    body: {
      drafts: Array.from({ length: count }, (_, i) => ({
        item: `${name}-${i}`,
        payload: { text: `${name} ${i} `.padEnd(bytes, '.') },
      })),
    } as never,
  });

async function twoProcesses({ isLong }: Size) {
  return withMesh(['library'], async (mesh) => {
    const tries = isLong ? 20 : 3;
    let refused = 0;
    for (let i = 0; i < tries; i++) {
      const second = await mesh.odcm('library', 'run');
      if (second.code === 1 && second.stderr.includes('LOCKED')) refused++;
      await publish(mesh, `while ${i}`, 1, 20);
    }
    await mesh.stop('library');
    const sound = (await mesh.odcm('library', 'fsck')).code === 0;
    return {
      measured: `${refused} of ${tries} refused, the store is ${sound ? 'sound' : 'damaged'}`,
      pass: refused === tries && sound,
    };
  });
}

/** A later version left a configuration, or rows, that this one does not know; then it is taken back. */
async function otherVersion() {
  return withMesh(['library'], async (mesh) => {
    await publish(mesh, 'before', 50, 300);
    await mesh.kill('library');
    const config = join(mesh.home('library'), 'node.json');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replace('"version": 1', '"version": 2'));
    const newer = await mesh.odcm('library', 'run');
    await writeFile(config, text);
    const store = await openLevelStore(join(mesh.home('library'), 'store', 'log'));
    const key = Buffer.from(`Z${'later'.repeat(4)}`);
    await store.write([{ type: 'put', key, value: Buffer.from('of a later version') }], {
      sync: true,
    });
    await store.close();
    const checked = await mesh.odcm('library', 'fsck');
    await mesh.start('library');
    await publish(mesh, 'after', 1, 20);
    const items = await mesh.items('library', FEED);
    const [isRefused, isNamed] = [
      newer.code === 1 && /^odcm: [A-Z_]+: /m.test(newer.stderr),
      checked.stdout.includes('a row of no known kind'),
    ];
    return {
      measured: `${isRefused ? 'refused with a reason' : 'not refused'}, ${items.length} of 51 items afterwards`,
      pass: isRefused && isNamed && items.length === 51,
    };
  });
}

/** A subscriber with a heap of 128 MiB fetches everything. */
async function littleMemory({ isLong, log }: Size) {
  return withMesh(['library', 'platform'], async (mesh) => {
    const total = isLong ? 1_000_000 : 20_000;
    for (let at = 0; at < total; at += LIMITS.batchEntries) {
      await publish(mesh, `n${at}`, Math.min(LIMITS.batchEntries, total - at), 200);
      if (at % 100_000 === 0) log(`${at} of ${total} published`);
    }
    await mesh.stop('platform');
    await mesh.startWith('platform', { nodeFlags: ['--max-old-space-size=128'] });
    await mesh.subscribe('platform', { feed: FEED });
    const startedMs = performance.now();
    await until(
      'platform has everything',
      async () => (await mesh.feed('platform', FEED))?.applied === total,
      isLong ? 1_800_000 : 60_000,
    );
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    return { measured: `${total} entries in ${seconds} s with a heap of 128 MiB`, pass: true };
  });
}

const DISK_BYTES = 48 * MiB;

/** Takes what is left of a disk, and gives it back. */
async function fill(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'filler');
  const file = await open(path, 'w');
  const piece = Buffer.alloc(64 * 1024);
  try {
    for (;;) await file.write(piece);
  } catch {
    // No more of it.
  } finally {
    await file.close();
  }
  return () => rm(path);
}

async function fullDisk({ isLong }: Size) {
  const mounted = mkdtempSync(join(tmpdir(), 'odcm-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', mounted]);
  try {
    return await withMesh(['library'], async (mesh) => {
      await moveHome(mesh, 'library', mounted);
      try {
        return await fillAgainAndAgain(mesh, mounted, isLong ? 20 : 2);
      } finally {
        await mesh.stop('library');
        execFileSync('umount', [mesh.home('library')]);
      }
    });
  } finally {
    execFileSync('umount', [mounted]);
    rmdirSync(mounted);
  }
}

async function fillAgainAndAgain(mesh: TestMesh, mounted: string, rounds: number) {
  const acknowledged = new Set<string>();
  let [refusals, slowestMs] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    await publish(mesh, `r${round}-before`, 50, 2_000);
    for (let n = 0; n < 50; n++) acknowledged.add(`r${round}-before-${n}`);
    const giveBack = await fill(mounted);
    for (let i = 0, wasRefused = false; !wasRefused; i++) {
      const name = `r${round}-${i}`;
      try {
        await publish(mesh, name, 50, 2_000);
        for (let n = 0; n < 50; n++) acknowledged.add(`${name}-${n}`);
      } catch (error) {
        if (!isMeshError(error, 'DISK_FULL')) throw error;
        wasRefused = true;
        refusals++;
      }
    }
    await giveBack();
    const freedMs = performance.now();
    await until('it goes on', () => publish(mesh, `r${round}-on`, 1, 20), 30_000);
    slowestMs = Math.max(slowestMs, performance.now() - freedMs);
    acknowledged.add(`r${round}-on-0`);
  }
  const held = new Set((await mesh.items('library', FEED)).map(({ item }) => item));
  const lost = [...acknowledged].filter((item) => !held.has(item)).length;
  await mesh.stop('library');
  const sound = (await mesh.odcm('library', 'fsck')).code === 0;
  return {
    measured: `${refusals} times full, ${lost} of ${acknowledged.size} lost, goes on after ${Math.round(slowestMs)} ms, ${sound ? 'sound' : 'damaged'}`,
    pass: lost === 0 && sound && refusals === rounds && slowestMs <= GOES_ON_MS,
  };
}

/** Its folder lies on the small disk from now on. */
async function moveHome(mesh: TestMesh, name: string, disk: string): Promise<void> {
  await mesh.stop(name);
  const home = mesh.home(name);
  execFileSync('cp', ['-a', `${home}/.`, disk]);
  await rm(home, { recursive: true });
  mkdirSync(home, { mode: 0o700 });
  execFileSync('mount', ['--bind', disk, home]);
  await mesh.start(name);
}

/** Why a disk of a given size cannot be had here; undefined when it can. */
function noMount(): string | undefined {
  if (!existsSync('/proc/filesystems')) return 'this system has no tmpfs';
  const probe = mkdtempSync(join(tmpdir(), 'odcm-probe-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'mounting a small disk needs rights that this process does not have';
  } finally {
    rmdirSync(probe);
  }
}

const processes = { how: 'processes' } as const;
const full = {
  ...{ id: 'C05', what: 'a disk of 48 MiB filled by others while a node publishes', ...processes },
  expected: '0 lost, goes on <= 5 s after there is space, no restart',
};
const missing = noMount();

export const rows: readonly Row[] = [
  missing === undefined
    ? { ...full, onlyLong: 'fills a disk and starts processes', run: fullDisk }
    : { ...full, notHere: missing },
  {
    ...{ id: 'C08', what: 'bulk sync by a subscriber with a heap of 128 MiB', ...processes },
    expected: 'completes',
    onlyLong: 'publishes a million entries first',
    run: littleMemory,
  },
  {
    ...{ id: 'C09', what: 'a second process on the folder of a running node', ...processes },
    expected: 'refused every time',
    onlyLong: 'starts processes',
    run: twoProcesses,
  },
  {
    ...{ id: 'C10', what: 'configuration and rows of a later version, killed, taken back' },
    ...processes,
    expected: 'refused with a reason, or read; nothing lost',
    onlyLong: 'starts processes',
    run: otherVersion,
  },
];
