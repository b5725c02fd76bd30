import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../node/log.ts';
import { Receipts } from '../../../node/replicate/receipts.ts';
import { markKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { parseSpaceId } from '../../../protocols/ids.ts';
import type { Presence } from '../../../protocols/presence.ts';

const SPACE = parseSpaceId('0199b7c2-1f00-7000-8000-000000000001');
const OTHER = parseSpaceId('0199b7c2-1f00-7000-8000-000000000002');
const statement = (timeMs: number, size: number, space = SPACE): Presence => ({
  ...{ space, timeMs, incarnation: Buffer.alloc(16), headsHash: Buffer.alloc(32), version: '1' },
  ...{ directory: { size, root: Buffer.alloc(32, size) }, addresses: [], suspicions: [] },
  signature: Buffer.alloc(64, 9),
});

describe('statements of others', () => {
  let store: MemoryStore;
  const reopened = () => Receipts.open(store, silentLog);

  beforeEach(() => {
    store = new MemoryStore();
  });

  it('are shown as they were signed, the newest of each space, also after a restart', async () => {
    const receipts = await reopened();
    for (const one of [statement(1, 5), statement(2, 6), statement(3, 4, OTHER)])
      receipts.keep(one);
    expect(receipts.of(SPACE)).toEqual(statement(2, 6));
    await receipts.stop();
    const after = await reopened();
    expect([after.of(SPACE), after.of(OTHER)]).toEqual([statement(2, 6), statement(3, 4, OTHER)]);
  });

  it('do not give way to older ones', async () => {
    const receipts = await reopened();
    receipts.keep(statement(2, 6));
    receipts.keep(statement(1, 9));
    expect(receipts.of(SPACE)).toEqual(statement(2, 6));
  });

  it('are written when the directory in them has grown, not at each heartbeat', async () => {
    const receipts = await reopened();
    receipts.keep(statement(1, 5));
    await receipts.stop();
    await store.write([{ type: 'del', key: markKey(`receipt/${SPACE}`) }]);
    receipts.keep(statement(2, 5));
    await receipts.stop();
    expect(await store.get(markKey(`receipt/${SPACE}`))).toBeUndefined();
    receipts.keep(statement(3, 6));
    await receipts.stop();
    expect((await reopened()).of(SPACE)).toEqual(statement(3, 6));
  });
});
