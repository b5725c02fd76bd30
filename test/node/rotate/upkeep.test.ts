import { describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { generateX25519, x25519Raw } from '../../../certs/x25519.ts';
import { Home } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import type { MeshNode } from '../../../node/node.ts';
import { adoptKeys, openOwnKeys } from '../../../node/rotate/adopt-keys.ts';
import { Upkeep } from '../../../node/rotate/upkeep.ts';
import { decodeNote, signCheckpointBy } from '../../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { ORIGIN, SPACE } from '../../protocols/sample-log.ts';
import { SimKeys } from '../../sim/keys.ts';
import { VirtualTime } from '../virtual-time.ts';

const time = new VirtualTime();

/** A space whose directory row names these keys, and a folder with keys beside. */
async function scene() {
  const [nodeKey, exchangeKey] = [generateEd25519(), generateX25519()];
  const [nodeKeyNext, exchangeKeyNext] = [generateEd25519(), generateX25519()];
  const keys = new SimKeys({ nodeKey, exchangeKey });
  const home = {
    keys,
    config: { space: SPACE },
    nodeKey: () => keys.get('nodeKey'),
    exchangeKey: () => keys.get('exchangeKey'),
    certificates: () => Promise.reject(new Error('not looked at')),
  } as unknown as Home;
  const spaceKeys = (node: typeof nodeKey, exchange: typeof exchangeKey, sinceMs: number) => ({
    ...{ nodeKey: ed25519Raw(node), exchangeKey: x25519Raw(exchange), from: {}, entry: 1 },
    since: new Date(sinceMs).toISOString(),
  });
  const first = spaceKeys(nodeKey, exchangeKey, 0);
  const second = spaceKeys(nodeKeyNext, exchangeKeyNext, time.nowMs());
  const before = { ...first, keys: [first], revoked: null };
  const after = { ...second, keys: [first, second], revoked: null };
  await keys.add('nodeKeyNext', nodeKeyNext);
  await keys.add('exchangeKeyNext', exchangeKeyNext);
  return { home, keys, before, after, nodeKey, nodeKeyNext };
}

const signersOf = (own: Awaited<ReturnType<typeof openOwnKeys>>): number => {
  const checkpoint = { origin: ORIGIN, size: 1, root: Buffer.alloc(32) };
  return decodeNote(signCheckpointBy(checkpoint, own.signers(ORIGIN))).lines.length;
};

describe('the keys of a folder', () => {
  it('stay as they are until the directory names the next ones, and sign beside them', async () => {
    const { home, keys, before, nodeKey } = await scene();
    const own = await openOwnKeys(home, before, time.nowMs());
    expect(own.current.equals(nodeKey)).toBe(true);
    expect(signersOf(own)).toBe(2);
    expect(await keys.state('nodeKeyBefore')).toBe('missing');
    expect(await adoptKeys(home, undefined, time.nowMs())).toBe(false);
  });

  it('are the next ones from then on, also after a stop between the two', async () => {
    const { home, keys, after, nodeKey, nodeKeyNext } = await scene();
    await keys.keep('nodeKeyBefore', nodeKey);
    const own = await openOwnKeys(home, after, time.nowMs());
    expect(own.current.equals(nodeKeyNext)).toBe(true);
    expect(own.isIdentityFormer).toBe(false);
    expect(signersOf(own)).toBe(2);
    expect((await keys.get('nodeKeyBefore')).equals(nodeKey)).toBe(true);
    expect(await keys.state('exchangeKeyBefore')).toBe('plain');
    expect(await adoptKeys(home, after, time.nowMs())).toBe(false);
  });

  it('lose the former ones when nobody needs them any more, each in its time', async () => {
    const { home, keys, after } = await scene();
    await adoptKeys(home, after, time.nowMs());
    await adoptKeys(home, after, time.nowMs() + LIMITS.keyOverlapMs);
    expect(await keys.state('nodeKeyBefore')).toBe('plain');
    await adoptKeys(home, after, time.nowMs() + LIMITS.keyOverlapMs + 1);
    expect(await keys.state('nodeKeyBefore')).toBe('missing');
    expect(await keys.state('exchangeKeyBefore')).toBe('plain');
    await adoptKeys(home, after, time.nowMs() + LIMITS.exchangeKeyKeptMs + 1);
    expect(await keys.state('exchangeKeyBefore')).toBe('missing');
  });
});

describe('the keys of a folder whose directory goes on from before their rotation', () => {
  it('are the former ones again, with the newest to be asked for once more, at one step or after a stop', async () => {
    for (const isStopped of [false, true]) {
      const { home, keys, before, after, nodeKey, nodeKeyNext } = await scene();
      await adoptKeys(home, after, time.nowMs());
      if (isStopped) await keys.add('nodeKeyNext', nodeKeyNext);
      // That the former ones were in force for long is no reason to give them up.
      const nowMs = time.nowMs() + 10 * LIMITS.exchangeKeyKeptMs;
      expect(await adoptKeys(home, before, nowMs)).toBe(true);
      const own = await openOwnKeys(home, before, nowMs);
      expect(own.current.equals(nodeKey)).toBe(true);
      expect((await keys.get('nodeKeyNext')).equals(nodeKeyNext)).toBe(true);
      expect(x25519Raw(await keys.get('exchangeKey'))).toEqual(before.exchangeKey);
      expect(x25519Raw(await keys.get('exchangeKeyNext'))).toEqual(after.exchangeKey);
      expect(await keys.state('nodeKeyBefore')).toBe('missing');
      expect(await adoptKeys(home, before, nowMs)).toBe(false);
      expect(await adoptKeys(home, after, time.nowMs())).toBe(true);
      expect((await keys.get('nodeKeyBefore')).equals(nodeKey)).toBe(true);
    }
  });

  it('leave a key in its place that was asked for since', async () => {
    const { home, keys, before, after } = await scene();
    await adoptKeys(home, after, time.nowMs());
    const third = generateEd25519();
    await keys.add('nodeKeyNext', third);
    await adoptKeys(home, before, time.nowMs());
    expect((await keys.get('nodeKeyNext')).equals(third)).toBe(true);
  });

  it('open all that was wrapped for any of them, also where one was asked for since', async () => {
    for (const third of [undefined, generateX25519()]) {
      const { home, keys, before, after } = await scene();
      await adoptKeys(home, after, time.nowMs());
      if (third) await keys.add('exchangeKeyNext', third);
      await adoptKeys(home, before, time.nowMs() + 10 * LIMITS.exchangeKeyKeptMs);
      const own = (await Home.prototype.exchangeKeys.call(home)).map(x25519Raw);
      const wanted = [before.exchangeKey, ...(third ? [x25519Raw(third)] : []), after.exchangeKey];
      expect(own).toEqual(wanted);
      expect(await keys.state('exchangeKeyAside')).toBe(third ? 'plain' : 'missing');
    }
  });

  it('lose one that was set aside when a later rotation is over', async () => {
    const { home, keys, before, after } = await scene();
    const third = generateX25519();
    await adoptKeys(home, after, time.nowMs());
    await keys.add('exchangeKeyNext', third);
    await adoptKeys(home, before, time.nowMs());
    const last = { ...after, exchangeKey: x25519Raw(third) };
    await adoptKeys(home, last, time.nowMs());
    expect(await keys.state('exchangeKeyAside')).toBe('plain');
    await adoptKeys(home, last, time.nowMs() + LIMITS.exchangeKeyKeptMs + 1);
    expect(await keys.state('exchangeKeyAside')).toBe('missing');
  });

  it('stay where they are, all of them, while the directory names none of them', async () => {
    const { home, keys, after, nodeKey, nodeKeyNext } = await scene();
    await adoptKeys(home, after, time.nowMs());
    const stranger = { ...after, nodeKey: Buffer.alloc(32, 7), exchangeKey: Buffer.alloc(32, 8) };
    const nowMs = time.nowMs() + 10 * LIMITS.exchangeKeyKeptMs;
    expect(await adoptKeys(home, stranger, nowMs)).toBe(false);
    expect((await keys.get('nodeKey')).equals(nodeKeyNext)).toBe(true);
    expect((await keys.get('nodeKeyBefore')).equals(nodeKey)).toBe(true);
    expect(await keys.state('exchangeKeyBefore')).toBe('plain');
  });
});

describe('a process whose space has new keys', () => {
  it('is to start again before its identity no longer counts, and not at once', async () => {
    const { home, before, after } = await scene();
    const keys = await openOwnKeys(home, before, time.nowMs());
    keys.advance();
    const node = {
      ...{ home, keys, log: silentLog },
      // What this machine's clock says is no reason to give up a key: only the time that trust goes by is.
      clock: { nowMs: () => time.nowMs() + 10 * LIMITS.exchangeKeyKeptMs },
      trustClock: time,
      ...{ petitioner: {}, rotation: { onAdopted: () => {} }, roots: { onAdopted: () => {} } },
      directory: { state: { spaces: new Map([[SPACE, after]]) } },
    } as unknown as MeshNode;
    const upkeep = new Upkeep(node, time);
    let isDue = false;
    void upkeep.isDue.then(() => {
      isDue = true;
    });
    upkeep.start();
    await time.advance(LIMITS.upkeepMs * 3);
    expect(isDue).toBe(false);
    expect(await home.keys.state('nodeKeyBefore')).toBe('plain');
    await upkeep.stop();
    const later = { ...time, nowMs: () => time.nowMs() + LIMITS.keyOverlapMs / 2 + 1 };
    const again = new Upkeep({ ...node, trustClock: later } as unknown as MeshNode, time);
    again.start();
    await again.isDue;
    await again.stop();
    expect(keys.isIdentityFormer).toBe(true);
  });

  it('goes by the former one while the directory has two histories, and by the newest when it has not', async () => {
    const { home, before, after, nodeKey, nodeKeyNext } = await scene();
    const open = (isDoubtful: boolean, laterMs = 0) =>
      openOwnKeys(home, after, time.nowMs() + laterMs, isDoubtful);
    const newest = await open(false);
    expect([newest.identity.equals(nodeKeyNext), newest.isIdentityFormer]).toEqual([true, false]);
    const former = await open(true);
    expect([former.identity.equals(nodeKey), former.current.equals(nodeKeyNext)]).toEqual([
      ...[true, true],
    ]);
    const state = { spaces: new Map([[SPACE, after]]) };
    const isDue = async (keys: typeof newest, isFrozen: boolean, laterMs = 0) => {
      const node = {
        ...{ home, keys, log: silentLog, directory: { state, isFrozen, isWaiting: false } },
        trustClock: { nowMs: () => time.nowMs() + laterMs },
        ...{ petitioner: {}, rotation: { onAdopted: () => {} }, roots: { onAdopted: () => {} } },
      } as unknown as MeshNode;
      const upkeep = new Upkeep(node, time);
      let isTold = false;
      void upkeep.isDue.then(() => {
        isTold = true;
      });
      upkeep.start();
      await time.advance(1);
      await upkeep.stop();
      return isTold;
    };
    const lateMs = LIMITS.keyOverlapMs / 2 + 1;
    expect(await isDue(newest, true)).toBe(true);
    expect(await isDue(newest, false)).toBe(false);
    expect(await isDue(former, true, lateMs)).toBe(false);
    expect(await isDue(former, false, lateMs)).toBe(true);
    // Nobody knows it by the former one any more, and here it is not even kept.
    expect((await open(true, LIMITS.keyOverlapMs + 1)).isIdentityFormer).toBe(false);
    expect(await isDue(newest, true, LIMITS.keyOverlapMs + 1)).toBe(false);
    const back = await openOwnKeys(home, before, time.nowMs(), true);
    expect(back.isIdentityFormer).toBe(false);
  });

  it('is to start again at once where the directory does not know it by them any more', async () => {
    const { home, before, after } = await scene();
    const keys = await openOwnKeys(home, after, time.nowMs());
    keys.goBack();
    const node = {
      ...{ home, keys, log: silentLog, trustClock: time },
      ...{ petitioner: {}, rotation: { onAdopted: () => {} }, roots: { onAdopted: () => {} } },
      directory: { state: { spaces: new Map([[SPACE, before]]) } },
    } as unknown as MeshNode;
    const upkeep = new Upkeep(node, time);
    upkeep.start();
    await upkeep.isDue;
    await upkeep.stop();
    expect(await home.keys.state('nodeKeyBefore')).toBe('missing');
  });
});
