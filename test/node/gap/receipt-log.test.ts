import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReceiptLog } from '../../../node/gap/receipt-log.ts';
import { ReceiptMark } from '../../../node/gap/receipt-mark.ts';
import { silentLog } from '../../../node/log.ts';
import { forgetDamagedMarks } from '../../../node/parts.ts';
import { markKey } from '../../../node/store/keys.ts';
import { parseOrigin } from '../../../protocols/ids.ts';
import { KEY, LOG_KEY, ORIGIN } from '../../protocols/sample-log.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { tempFolder } from '../temp-folder.ts';
import { KeptStore } from './sites.ts';

const HASH = 'ab'.repeat(32);
const SPACE = '0199b7c2-1f00-4000-8000-000000000001';
const { mesh: MESH } = parseOrigin(ORIGIN);
const code = (name: string) => expect.objectContaining({ code: name });
const leaf = (index: number) => markKey(`receipts/leaf/${String(index).padStart(16, '0')}`);
const HEAD = markKey('receipts/head');

const open = (store: FaultyStore | KeptStore, mark?: ReceiptMark) =>
  ReceiptLog.open({
    ...{ store, origin: ORIGIN, ...(mark ? { mark } : {}) },
    signer: () => ({ key: LOG_KEY, privateKey: KEY.privateKey }),
  });

const append = (log: ReceiptLog, id: string) =>
  log.append(
    {
      ...{ kind: 'import', mesh: MESH, space: { id: SPACE, name: 'vault' }, entries: 1 },
      bundle: { exporter: SPACE, sequence: 1, manifestSha256: HASH },
      ...{ appliedAt: '2026-01-01T00:00:00.000Z', approvedBy: [] },
      directory: { size: 1, root: HASH },
    } as unknown as Parameters<ReceiptLog['append']>[0],
    { name: `bundle:${id}`, sha256: HASH },
  );

async function three() {
  const disk = new KeptStore();
  const log = await open(disk);
  for (const id of ['a', 'b', 'c']) await append(log, id);
  return { disk, note: log.note!, store: new FaultyStore(disk) };
}

describe('the log of receipts', () => {
  it('makes a damaged head anew, with the same signature, and goes on behind it', async () => {
    const { store, note } = await three();
    store.rot(HEAD);
    await forgetDamagedMarks(store, silentLog);
    expect(await store.has(HEAD)).toBe(true);
    const log = await open(store);
    expect([log.size, log.note, log.fault]).toEqual([3, note, undefined]);
    expect(await append(log, 'd')).toBe(3);
  });

  it('makes a missing head anew', async () => {
    const { disk, note } = await three();
    await disk.write([{ type: 'del', key: HEAD }]);
    expect((await open(disk)).note).toEqual(note);
  });

  it('signs nothing when leaves are missing or damaged beside the head', async () => {
    const gone = await three();
    await gone.disk.write([HEAD, leaf(1)].map((key) => ({ type: 'del', key })));
    const rotten = await three();
    for (const key of [HEAD, leaf(1)]) rotten.store.rot(key);
    for (const log of [await open(gone.disk), await open(rotten.store)]) {
      await expect(append(log, 'd')).rejects.toEqual(code('STORE_DAMAGED'));
      await expect(log.giveOut(0)).rejects.toEqual(code('STORE_DAMAGED'));
    }
  });

  it('signs no number again that was given out before its store came from a backup', async () => {
    const mark = new ReceiptMark(join(await tempFolder(), 'gap', 'receipts.mark'));
    const disk = new KeptStore();
    const log = await open(disk, mark);
    await append(log, 'a');
    const backup = await disk.copy();
    const other = await disk.copy();
    await append(log, 'b');
    expect((await log.giveOut(0))?.index).toBe(0);
    expect(await append(await open(disk, mark), 'c')).toBe(2);
    const restored = await open(backup, mark);
    await expect(append(restored, 'x')).rejects.toEqual(code('CONFLICT'));
    expect((await restored.giveOut(0))?.index).toBe(0);
    expect((await mark.read())?.size).toBe(2);
    // As by a node that did not know of the mark.
    await append(await open(other), 'y');
    await expect(append(await open(other, mark), 'z')).rejects.toEqual(code('CONFLICT'));
  });
});

describe('damaged marks', () => {
  it('are forgotten where they are hints, and stay where they are of the air gap', async () => {
    const store = new FaultyStore(new KeptStore());
    const keys = ['gap/out/x/1', 'gap/in/x/1', 'receipts/seen/x', 'other'].map(markKey);
    await store.write(keys.map((key) => ({ type: 'put', key, value: Buffer.from('1') })));
    for (const key of keys) store.rot(key);
    await forgetDamagedMarks(store, silentLog);
    expect(await Promise.all(keys.map((key) => store.has(key)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    await expect(store.get(keys[0]!)).rejects.toEqual(code('STORE_DAMAGED'));
  });
});
