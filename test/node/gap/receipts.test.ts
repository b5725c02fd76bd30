import { describe, expect, it, onTestFinished } from 'vitest';
import { healthRows } from '../../../node/control/health-handlers.ts';
import { DeploymentReceipts } from '../../../node/gap/deployment-receipts.ts';
import { ReceiptLog } from '../../../node/gap/receipt-log.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { conditionOf } from '../../../protocols/condition.ts';
import { decodeReceipt } from '../../../protocols/gap/receipt.ts';
import type { FeedId } from '../../../protocols/ids.ts';
import { receiptsOrigin } from '../../../protocols/ids.ts';
import { tempFolder } from '../temp-folder.ts';
import { codeOf } from './refusal-code.ts';
import { drafts, type Site, Sites } from './sites.ts';

async function sites() {
  const made = await Sites.create(await tempFolder());
  onTestFinished(() => made.close());
  const feed = await made.feed('library', 'variables', ['vault']);
  const deployments = await made.feed('vault', 'deployments', 'all', 'deployments');
  const [library, vault] = [made.site('library'), made.site('vault')];
  await made.publish(library, feed, drafts(2));
  return { made, library, vault, deployments };
}

const deploy = (made: Sites, site: Site, feed: FeedId, ...ids: string[]) => {
  const at = new Date(made.nowMs).toISOString();
  const body = (id: string) => ({
    payload: {
      ...{ id, project: 'Web', release: '1.2.0', environment: 'Production', outcome: 'ok' },
      ...{ startedAt: at, endedAt: at, by: 'Geoff' },
    },
  });
  return made.publish(
    site,
    feed,
    ids.map((id) => ({ item: id, body: body(id) })),
  );
};

const follow = async (site: Site, feed: FeedId) =>
  site.node.gap.deployed(await site.node.feeds.open(feed));

const receiptsOf = async (site: Site) =>
  (await Array.fromAsync(site.node.gap.receipts.all())).map(
    ({ receipt }) => decodeReceipt(receipt).statement.predicate,
  );

describe('deployments behind an air gap', () => {
  it('have receipts from the first bundle on, each one', async () => {
    const { made, vault, deployments } = await sites();
    await deploy(made, vault, deployments, 'before');
    await follow(vault, deployments);
    expect(vault.node.gap.receipts.size).toBe(0);
    made.nowMs += 1000;
    await vault.import((await made.export('library', 'vault')).path, 'Bob');
    made.nowMs += 1000;
    await deploy(made, vault, deployments, 'deployment-1', 'deployment-2');
    await follow(vault, deployments);
    const [first, ...rest] = await receiptsOf(vault);
    expect(first?.kind).toBe('import');
    expect(rest).toMatchObject([
      { kind: 'deployment', id: 'deployment-1', deployedBy: 'Geoff', bundle: { sequence: 1 } },
      { kind: 'deployment', id: 'deployment-2', outcome: 'ok', bundle: { sequence: 1 } },
    ]);
  });

  it('have one receipt each, also where a crash came between the receipt and the mark', async () => {
    const { made, vault, deployments } = await sites();
    Object.assign(vault.home.config, { gap: { receipts: true } });
    await deploy(made, vault, deployments, 'a', 'b', 'c');
    await follow(vault, deployments);
    expect((await receiptsOf(vault)).map((one) => one.kind)).toEqual(Array(3).fill('deployment'));
    for await (const { key } of vault.disks.logs.range({}))
      if (key.includes('receipts/seen/')) await vault.disks.logs.write([{ type: 'del', key }]);
    await vault.restart();
    await follow(vault, deployments);
    expect(vault.node.gap.receipts.size).toBe(3);
  });

  it('are caught up with at the start', async () => {
    const { made, vault, deployments } = await sites();
    await deploy(made, vault, deployments, 'a', 'b');
    await follow(vault, deployments);
    expect(vault.node.gap.receipts.size).toBe(0);
    Object.assign(vault.home.config, { gap: { receipts: true } });
    await vault.restart();
    await follow(vault, deployments);
    expect(vault.node.gap.receipts.size).toBe(2);
  });

  it('have none where nobody wants them, nor do things that are no deployments', async () => {
    const { made, vault, library, deployments } = await sites();
    Object.assign(vault.home.config, { gap: { receipts: false } });
    await vault.import((await made.export('library', 'vault')).path, 'Bob');
    await deploy(made, vault, deployments, 'a');
    await follow(vault, deployments);
    expect((await receiptsOf(vault)).map((one) => one.kind)).toEqual(['import']);
    const receipts = await ReceiptLog.open({
      ...{ store: new MemoryStore(), origin: receiptsOrigin(made.ground.mesh, library.id) },
      signer: () => {
        throw new Error('nothing is to be signed');
      },
    });
    const other = new DeploymentReceipts({
      ...{ store: new MemoryStore(), ledger: library.node.gap.ledger, receipts },
      ...{ home: { config: { ...library.home.config, gap: { receipts: true } } } },
      directory: library.node.directory,
    });
    const [row] = library.node.directory.state.feeds.values();
    await other.follow(await library.node.feeds.open(row!.id));
    expect(receipts.size).toBe(0);
  });
});

describe('receipts of another space', () => {
  it('acknowledge what was exported; a number that does not come is missing', async () => {
    const { made, library, vault, deployments } = await sites();
    await vault.import((await made.export('library', 'vault')).path, 'Bob');
    made.nowMs += 1000;
    await deploy(made, vault, deployments, 'a', 'b', 'c');
    await follow(vault, deployments);
    const proven = await Array.fromAsync(vault.node.gap.receipts.proven());
    const { book, ledger } = library.node.gap;
    for (const { receipt, proof } of [proven[0]!, proven[3]!]) await book.add(receipt, proof);
    expect((await ledger.get('out', vault.id, 1))?.state).toBe('acknowledged');
    expect(await book.missing(vault.id, 10)).toEqual([1, 2]);
    expect((await book.add(proven[1]!.receipt, proven[1]!.proof)).isNew).toBe(true);
    expect((await book.add(proven[1]!.receipt, proven[1]!.proof)).isNew).toBe(false);
    expect(await book.missing(vault.id, 10)).toEqual([2]);
    const kept = await Array.fromAsync(book.all(vault.id));
    expect(kept.map(({ index }) => index)).toEqual([0, 1, 3]);
  });

  it('are refused when they are forged, exchanged, or of a space that was shut out', async () => {
    const { made, library, vault, deployments } = await sites();
    Object.assign(vault.home.config, { gap: { receipts: true } });
    await deploy(made, vault, deployments, 'a', 'b');
    await follow(vault, deployments);
    const [one, two] = await Array.fromAsync(vault.node.gap.receipts.proven());
    const { book } = library.node.gap;
    expect(await codeOf(book.add(one!.receipt, two!.proof))).toBe('ROOT_MISMATCH');
    const text = one!.receipt.toString();
    const payload = JSON.parse(text).payload as string;
    const other = Buffer.from(payload, 'base64').toString().replace('"ok"', '"failed"');
    const forged = text.replace(payload, Buffer.from(other).toString('base64'));
    expect(await codeOf(book.add(Buffer.from(forged), one!.proof))).toBe('ROOT_MISMATCH');
    await made.revoke('vault');
    await made.tell(library);
    expect(await codeOf(book.add(one!.receipt, one!.proof))).toBe('REVOKED');
    expect(await Array.fromAsync(book.all())).toEqual([]);
  });

  it('are refused when their space has signed two with one number, or two histories', async () => {
    const { made, library, vault, deployments } = await sites();
    Object.assign(vault.home.config, { gap: { receipts: true } });
    const empty = await vault.disks.logs.copy();
    await deploy(made, vault, deployments, 'a', 'b');
    await follow(vault, deployments);
    const told = await Array.fromAsync(vault.node.gap.receipts.proven());
    // The machine comes back from a backup and deploys other things.
    await vault.stop();
    vault.disks = { ...vault.disks, logs: empty };
    await vault.start();
    await deploy(made, vault, deployments, 'x', 'y');
    await follow(vault, deployments);
    const others = await Array.fromAsync(vault.node.gap.receipts.proven());
    const { book } = library.node.gap;
    await book.add(told[0]!.receipt, told[0]!.proof);
    expect(await codeOf(book.add(others[0]!.receipt, others[0]!.proof))).toBe('CONFLICT');
    expect(await codeOf(book.add(others[1]!.receipt, others[1]!.proof))).toBe('CONFLICT');
    expect(await Array.fromAsync(book.all())).toHaveLength(1);
    const [audit] = await Array.fromAsync(library.node.gap.ledger.audits());
    expect(audit).toMatchObject({ what: 'refused', code: 'CONFLICT' });
  });
});

describe('a space that only files reach', () => {
  it('is heard of by the newest of what it signed, also after the next start', async () => {
    const { made, library, vault, deployments } = await sites();
    const { heard } = library.node.gap;
    expect(heard.of(vault.id)).toBeUndefined();
    const bundle = await made.export('library', 'vault');
    await vault.import(bundle.path, 'Bob');
    expect(vault.node.gap.heard.of(library.id)).toEqual({ atMs: made.nowMs, what: 'bundle 1' });
    made.nowMs += 60_000;
    const deployedMs = made.nowMs;
    await deploy(made, vault, deployments, 'a');
    await follow(vault, deployments);
    const [first, second] = await Array.fromAsync(vault.node.gap.receipts.proven());
    made.nowMs += 3_600_000;
    await library.node.gap.book.add(second!.receipt, second!.proof);
    // An older one that comes later says nothing newer.
    await library.node.gap.book.add(first!.receipt, first!.proof);
    const newest = { atMs: deployedMs, what: 'receipt 1' };
    expect(library.node.gap.heard.of(vault.id)).toEqual(newest);
    const row = healthRows(library.node).find(({ id }) => id === vault.id)!;
    const at = new Date(deployedMs).toISOString();
    expect(row).toMatchObject({ heardAgoMs: null, byFile: { at, agoMs: 3_600_000 } });
    expect(conditionOf(row)).toBe('isolated');
    await library.restart();
    await vault.restart();
    expect(library.node.gap.heard.of(vault.id)).toEqual(newest);
    expect(vault.node.gap.heard.of(library.id)?.what).toBe('bundle 1');
  });

  it('is not heard of by receipts and bundles that are refused', async () => {
    const { made, library, vault, deployments } = await sites();
    Object.assign(vault.home.config, { gap: { receipts: true } });
    await deploy(made, vault, deployments, 'a', 'b');
    await follow(vault, deployments);
    const [one, two] = await Array.fromAsync(vault.node.gap.receipts.proven());
    const { book, heard } = library.node.gap;
    expect(await codeOf(book.add(one!.receipt, two!.proof))).toBe('ROOT_MISMATCH');
    book.verify(one!.receipt, one!.proof);
    expect(heard.of(vault.id)).toBeUndefined();
    const { path } = await made.export('library', 'vault');
    await vault.node.gap.imports
      .stage(path, 'Lisa', { signal: new AbortController().signal }, true)
      .catch(() => {});
    expect(vault.node.gap.heard.of(library.id)).toBeUndefined();
  });
});
