import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onCrashpoint } from '../../../node/crashpoint.ts';
import { readEntries } from '../../../node/feed/read-entries.ts';
import { blockKey, tableRange } from '../../../node/store/keys.ts';
import { Packs } from '../../../node/store/packs.ts';
import type { Store } from '../../../node/store/store.ts';
import { decodeEntry } from '../../../protocols/entry.ts';
import type { Body } from '../../../protocols/record.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { tempFolder } from '../temp-folder.ts';
import { drafts, Sites } from './sites.ts';

const COUNT = 30;

class Forgetful extends Packs {
  override read(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

class NoLinks extends Packs {
  override adopt(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

/** The vault keeps packs, and the library has a bundle for it that is worth one. */
async function sites(PacksOf: typeof Packs = Packs, recordBytes = 40_000) {
  const made = await Sites.create(await tempFolder());
  onTestFinished(() => made.close());
  const feed = await made.feed('library', 'variables', ['vault']);
  const [library, vault] = [made.site('library'), made.site('vault')];
  await made.publish(library, feed, drafts(COUNT, 1, recordBytes));
  const folder = vault.home.paths.packs;
  await mkdir(vault.home.paths.store, { recursive: true });
  const restart = async (disks: { logs?: Store; blockStore?: Store } = {}) => {
    await vault.stop();
    await vault.start({ ...vault.disks, ...disks, packs: new PacksOf(folder) });
  };
  await restart();
  const names = () => readdir(folder).catch((): string[] => []);
  const tables = async () => {
    const rows = ['b', 'j', 'z'].map((table) =>
      Array.fromAsync(vault.disks.blockStore.range(tableRange(table))),
    );
    const [b, j, z] = (await Promise.all(rows)).map(({ length }) => length);
    return { b, j, z };
  };
  const { path, crossing } = await made.export('library', 'vault');
  const car = join(vault.home.paths.quarantine, crossing.manifest, 'bundle.car');
  return { made, feed, library, vault, folder, restart, names, tables, path, car };
}

type All = Awaited<ReturnType<typeof sites>>;

/** The exporter loses the last record, and says so in what it exports from then on. */
async function exportLacking({ made, library, feed }: All) {
  const { log } = await library.node.feeds.open(feed);
  const { record } = decodeEntry((await log.entry(COUNT - 1)).leaf);
  await library.disks.blockStore.write([{ type: 'del', key: blockKey(record!.hash) }]);
  return made.export('library', 'vault');
}

/** Every item, and every record whole. */
async function expectWhole({ vault, library, feed }: All): Promise<void> {
  expect((await vault.node.gap.ledger.get('in', library.id, 1))?.state).toBe('applied');
  const here = await vault.node.feeds.open(feed);
  expect([here.log.size, here.view.applied, here.view.deadLetterCount]).toEqual([COUNT, COUNT, 0]);
  const { blocks } = vault.node;
  const entries = await Array.fromAsync(readEntries({ log: here.log, blocks }, 0, COUNT));
  expect(entries.map(({ item }) => item)).toEqual(drafts(COUNT).map(({ item }) => item));
  expect(vault.node.gap.receipts.size).toBe(1);
}

/** A byte in the middle of the file is another one from now on. */
async function flip(path: string): Promise<void> {
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, size >> 1);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, size >> 1);
  await file.close();
}

describe('an import of large records', () => {
  it('keeps the file as it is, and copies no record', async () => {
    const all = await sites();
    expect((await all.vault.import(all.path, 'Bob')).state).toBe('applied');
    await expectWhole(all);
    expect(await all.tables()).toEqual({ b: 0, j: COUNT, z: COUNT });
    const [name] = await all.names();
    expect((await stat(join(all.folder, name!))).ino).toBe((await stat(all.car)).ino);
    await rm(all.vault.home.paths.quarantine, { recursive: true });
    await all.restart();
    await expectWhole(all);
  });

  it('names the file before any of its records, and finishes what a crash cut there', async () => {
    const all = await sites();
    onCrashpoint((name) => {
      if (name === 'import.after-pack') throw new Error('the machine ends');
    });
    onTestFinished(() => onCrashpoint(undefined));
    await expect(all.vault.import(all.path, 'Bob')).rejects.toThrow('not in whole yet');
    onCrashpoint(undefined);
    expect([(await all.names()).length, await all.tables()]).toEqual([1, { b: 0, j: 0, z: 0 }]);
    await all.restart();
    await expectWhole(all);
    expect([(await all.names()).length, (await all.tables()).j]).toEqual([1, COUNT]);
  });

  it.each(['logs', 'blockStore'] as const)(
    'is finished at the next start where the disk of %s was full',
    async (which) => {
      const all = await sites();
      const disk = new FaultyStore(all.vault.disks[which]);
      await all.restart({ [which]: disk });
      onCrashpoint((name) => {
        if (name === 'import.after-log') disk.fails = 'full';
      });
      onTestFinished(() => onCrashpoint(undefined));
      const stopped = all.vault.import(all.path, 'Bob');
      await expect(stopped).rejects.toMatchObject({ code: 'DISK_FULL' });
      onCrashpoint(undefined);
      disk.fails = undefined;
      await all.restart();
      await expectWhole(all);
      expect(await all.tables()).toEqual({ b: 0, j: COUNT, z: COUNT });
    },
  );

  it('that rots after its check is not let in whole, and is when its file is brought again', async () => {
    const all = await sites();
    const { space } = await all.vault.import(all.path);
    await flip(all.car);
    const run = { signal: new AbortController().signal };
    const approved = all.vault.node.gap.imports.approve(space, 1, 'Bob', run);
    await expect(approved).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    expect(all.vault.node.gap.receipts.size).toBe(0);
    expect((await all.vault.import(all.path)).state).toBe('applied');
    await expectWhole(all);
  });

  it('that lacks a record is not let in whole either when another one rots after its check', async () => {
    const all = await sites();
    const { path, crossing } = await exportLacking(all);
    const { space, missing } = await all.vault.import(path);
    await flip(join(all.vault.home.paths.quarantine, crossing.manifest, 'bundle.car'));
    const run = { signal: new AbortController().signal };
    const approved = all.vault.node.gap.imports.approve(space, crossing.sequence, 'Bob', run);
    await expect(approved).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    expect([missing, all.vault.node.gap.receipts.size]).toEqual([1, 0]);
    expect(await all.vault.import(path)).toMatchObject({ state: 'applied', missing: 1 });
  });

  it('of which the pack gives nothing back is not let in whole, whatever its exporter lacks', async () => {
    const all = await sites(Forgetful);
    const { path } = await exportLacking(all);
    const stopped = all.vault.import(path, 'Bob');
    await expect(stopped).rejects.toMatchObject({ code: 'RECORD_MISSING' });
    expect(all.vault.node.gap.receipts.size).toBe(0);
  });

  it('is let in behind one that lacked a record', async () => {
    const all = await sites();
    const { made, library, vault, feed } = all;
    const first = await exportLacking(all);
    await vault.import(first.path, 'Bob');
    await made.publish(library, feed, drafts(COUNT + 1, 1, 40_000).slice(COUNT));
    const base = { sequence: first.crossing.sequence };
    const { path } = await made.export('library', 'vault', { base });
    expect(await vault.import(path, 'Bob')).toMatchObject({ state: 'applied', missing: 0 });
    expect(await vault.held(feed)).toBe(COUNT + 1);
  });

  it('has them in the database where the bundle is small', async () => {
    const all = await sites(Packs, 20_000);
    await all.vault.import(all.path, 'Bob');
    await expectWhole(all);
    expect([await all.names(), await all.tables()]).toEqual([[], { b: COUNT, j: 0, z: COUNT }]);
  });

  it('has them in the database where a file has one name only', async () => {
    const all = await sites(NoLinks);
    await all.vault.import(all.path, 'Bob');
    await expectWhole(all);
    expect([await all.names(), await all.tables()]).toEqual([[], { b: COUNT, j: 0, z: COUNT }]);
  });

  it('has the chunks of a large file in it, and gives them back byte for byte', async () => {
    const all = await sites(Packs, 20);
    const { made, library, vault } = all;
    const files = await made.feed('library', 'files', ['vault'], 'server-extensions');
    const content = Buffer.alloc(2_500_000);
    for (let i = 0; i < content.length; i += 4) content.writeUInt32LE(i, i);
    const stored = await library.node.blocks.putContent(Readable.from([content]));
    const body = { ...stored, mediaType: 'application/octet-stream' };
    await made.publish(library, files, [{ item: 'agent', body }]);
    const { path } = await made.export('library', 'vault');
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
    expect((await all.names()).length).toBe(1);
    const { log, view } = await vault.node.feeds.open(files);
    expect([view.applied, view.deadLetterCount]).toEqual([1, 0]);
    const { blocks } = vault.node;
    const [entry] = await Array.fromAsync(readEntries({ log, blocks }, 0, 1));
    const found = entry!.body as Body & { kind: 'attachment' };
    const chunks = await Array.fromAsync(blocks.content(found.attachment));
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect((await all.tables()).b).toBe(0);
  });

  it('does not keep a file of which most is here already', async () => {
    const all = await sites();
    const { made, library, vault, feed } = all;
    await vault.import(all.path, 'Bob');
    const more = drafts(COUNT + 1, 1, 40_000).slice(COUNT);
    await made.publish(library, feed, more);
    const { path } = await made.export('library', 'vault');
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
    expect(await vault.held(feed)).toBe(COUNT + 1);
    expect((await all.names()).length).toBe(1);
  });
});

describe('the scrub', () => {
  it('finds the record in a pack that has rotted, and says which', async () => {
    const all = await sites();
    const { vault } = all;
    await vault.import(all.path, 'Bob');
    const [name] = await all.names();
    await flip(join(all.folder, name!));
    await all.restart();
    const { scrub, board } = vault.node.care;
    scrub.begin();
    // As if it had all the time it may take.
    all.made.nowMs += 3_600_000;
    await scrub.settled();
    expect(scrub.last).toMatchObject({ found: 1 });
    const [damage] = board.open;
    expect(damage).toMatchObject({ kind: 'block', repairedMs: null });
    expect(vault.node.blocks.isDamaged(Buffer.from(damage!.subject, 'hex'))).toBe(true);
    expect(await all.names()).toEqual([name]);
  });
});
