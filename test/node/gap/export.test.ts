import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempFolder } from '../temp-folder.ts';
import { codeOf } from './refusal-code.ts';
import { drafts, Sites } from './sites.ts';

async function sites() {
  const made = await Sites.create(await tempFolder());
  onTestFinished(() => made.close());
  const feed = await made.feed('library', 'variables', ['vault']);
  const [library, vault] = [made.site('library'), made.site('vault')];
  await made.publish(library, feed, drafts(20));
  return { made, feed, library, vault };
}

/** Entries of the feed that a bundle has. */
const range = ({ logs }: { logs: readonly { origin: string; from: number; to: number }[] }) =>
  logs.slice(1).map(({ from, to }) => [from, to]);

describe('an export', () => {
  it('has all from the start until its destination has said what it has', async () => {
    const { made, feed, library, vault } = await sites();
    const base = 'acknowledged' as const;
    const one = await made.export('library', 'vault', { base });
    expect(one.crossing).toMatchObject({ sequence: 1, base: 0, state: 'written' });
    await vault.import(one.path, 'Bob');
    const two = await made.export('library', 'vault', { base });
    expect(two.crossing.base).toBe(0);
    for await (const { receipt, proof } of vault.node.gap.receipts.proven())
      await library.node.gap.book.add(receipt, proof);
    expect((await library.node.gap.ledger.get('out', vault.id, 1))?.state).toBe('acknowledged');
    await made.publish(library, feed, drafts(3, 2));
    const three = await made.export('library', 'vault', { base });
    expect(three.crossing).toMatchObject({ sequence: 3, base: 1 });
    expect(range(three.crossing)).toEqual([[20, 23]]);
    expect((await vault.import(three.path, 'Bob')).state).toBe('applied');
    expect(await vault.held(feed)).toBe(23);
  });

  it('goes on from a bundle by its number, or has everything', async () => {
    const { made, feed, library } = await sites();
    await made.export('library', 'vault');
    await made.publish(library, feed, drafts(3, 2));
    const two = await made.export('library', 'vault', { base: { sequence: 1 } });
    expect(range(two.crossing)).toEqual([[20, 23]]);
    const full = await made.export('library', 'vault');
    expect(range(full.crossing)).toEqual([[0, 23]]);
    const unknown = made.export('library', 'vault', { base: { sequence: 9 } });
    expect(await codeOf(unknown)).toBe('NO_SUCH_ENTRY');
  });

  it('writes nothing when nothing is new and that is asked for', async () => {
    const { made, feed, library } = await sites();
    await made.export('library', 'vault');
    const path = join(made.folder, 'drop', 'news');
    const order = { path, base: { sequence: 1 }, ifNews: true };
    expect(await made.tryExport('library', 'vault', order)).toBeUndefined();
    await made.publish(library, feed, drafts(1, 2));
    expect((await made.tryExport('library', 'vault', order))?.crossing.sequence).toBe(2);
  });

  it('that is interrupted leaves no file, and its number is not used again', async () => {
    const { made, library, vault } = await sites();
    const stop = new AbortController();
    const writing = made.export('library', 'vault', {
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(writing).rejects.toThrow();
    expect(await readdir(join(made.folder, 'drop'))).toEqual([]);
    expect((await library.node.gap.ledger.get('out', vault.id, 1))?.state).toBe('failed');
    expect((await made.export('library', 'vault')).crossing.sequence).toBe(2);
  });

  it('under a name that no manifest may have is refused before anything is written', async () => {
    const { made } = await sites();
    for (const name of ['A Bundle', '.hidden', 'x'.repeat(120)]) {
      const path = join(made.folder, 'drop', name);
      expect(await codeOf(made.export('library', 'vault', { path }))).toBe('MALFORMED');
    }
    expect(await readdir(join(made.folder, 'drop'))).toEqual([]);
  });

  it('names the records that are not here, and the far side shows them', async () => {
    const { made, feed, library, vault } = await sites();
    const { publisher, log } = await library.node.feeds.open(feed);
    await publisher!.publish(drafts(2, 2, 30_000));
    const { blockStore } = library.disks;
    const rows = await Array.fromAsync(blockStore.range({}));
    const record = rows.find(({ value }) => value.length > 20_000)!;
    await blockStore.write([{ type: 'del', key: record.key }]);
    const { path, missing } = await made.export('library', 'vault');
    expect(missing).toHaveLength(1);
    const { imports } = vault.node.gap;
    const { bundle } = await imports.stage(path, 'Lisa', { signal: new AbortController().signal });
    expect(bundle.missing).toEqual(missing);
    expect(await vault.import(path, 'Bob')).toMatchObject({ state: 'applied', missing: 1 });
    expect(await vault.held(feed)).toBe(log.size);
  });

  it('leaves out feeds without a grant, and refuses when one is named', async () => {
    const { made, library } = await sites();
    const secret = await made.feed('library', 'secret', []);
    await made.publish(library, secret, drafts(3));
    const { crossing } = await made.export('library', 'vault');
    expect(crossing.logs.some(({ origin }) => origin.includes(secret))).toBe(false);
    const row = library.node.directory.state.feeds.get(secret)!;
    expect(await codeOf(made.export('library', 'vault', { feeds: [row] }))).toBe('NO_GRANT');
  });

  it('for a space that was shut out holds the directory alone, in which it reads that', async () => {
    const { made, feed, library, vault } = await sites();
    await made.revoke('vault');
    await made.tell(library);
    const { path, crossing } = await made.export('library', 'vault');
    expect(crossing.logs.map(({ origin }) => origin)).toEqual([library.node.directory.origin]);
    const row = library.node.directory.state.feeds.get(feed)!;
    expect(await codeOf(made.export('library', 'vault', { feeds: [row] }))).toBe('REVOKED');
    expect(await vault.import(path, 'Bob')).toMatchObject({ state: 'applied' });
    expect(vault.node.self.revoked).not.toBeNull();
  });

  it('leaves out a feed of a publisher that was shut out, so that the news of it crosses', async () => {
    const { made, library } = await sites();
    await made.revoke('library');
    await made.tell(library);
    const { crossing, absent } = await made.export('library', 'vault');
    expect(crossing.logs).toHaveLength(1);
    expect(absent).toEqual(['library/variables']);
  });
});
