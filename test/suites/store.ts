// What every store must do, whatever it keeps its rows in. Run against each of them.

import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RangeOptions, Store, Write } from '../../node/store/store.ts';

const key = (text: string) => Buffer.from(text);
const put = (name: string, value: string): Write => ({
  type: 'put',
  key: key(name),
  value: Buffer.from(value),
});

async function rows(store: Store, options: RangeOptions = {}): Promise<[string, string][]> {
  const out: [string, string][] = [];
  for await (const row of store.range(options))
    out.push([row.key.toString('hex'), row.value.toString('hex')]);
  return out;
}

const bytes = (maxLength: number) =>
  fc.uint8Array({ minLength: 1, maxLength }).map((b) => Buffer.from(b));
/** Few and short keys, with bytes at both ends of their range: they meet, and their order matters. */
const someKey = fc
  .array(fc.constantFrom(0, 1, 0x61, 0x7f, 0x80, 0xfe, 0xff), { minLength: 1, maxLength: 3 })
  .map((b) => Buffer.from(b));
const someWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key: someKey, value: bytes(20) }),
  fc.record({ type: fc.constant('del' as const), key: someKey }),
);
const noBound = fc.constant({});
const someRange: fc.Arbitrary<RangeOptions> = fc
  .tuple(
    fc.oneof(noBound, fc.record({ gte: someKey }), fc.record({ gt: someKey })),
    fc.oneof(noBound, fc.record({ lt: someKey }), fc.record({ lte: someKey })),
    fc.record(
      { reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 5 }) },
      { requiredKeys: [] },
    ),
  )
  .map(([lower, upper, rest]) => ({ ...lower, ...upper, ...rest }));

/** Keys and values in hexadecimal, which orders as bytes do. */
function expected(model: ReadonlyMap<string, string>, o: RangeOptions): [string, string][] {
  const inside = ([k]: [string, string]) =>
    (!o.gte || k >= o.gte.toString('hex')) &&
    (!o.gt || k > o.gt.toString('hex')) &&
    (!o.lt || k < o.lt.toString('hex')) &&
    (!o.lte || k <= o.lte.toString('hex'));
  const found = [...model].filter(inside).sort(([a], [b]) => (a < b ? -1 : 1));
  if (o.reverse) found.reverse();
  return found.slice(0, o.limit);
}

export function storeSuite(name: string, open: () => Promise<Store>): void {
  const opened = async (): Promise<Store> => {
    const store = await open();
    onTestFinished(() => store.close());
    return store;
  };

  describe(name, () => {
    it('is an ordered map after any batches, in every range', async () => {
      const batches = fc.array(fc.array(someWrite, { maxLength: 8 }), { maxLength: 8 });
      const property = fc.asyncProperty(
        batches,
        fc.array(someRange, { maxLength: 8 }),
        async (all, ranges) => {
          const store = await open();
          const model = new Map<string, string>();
          for (const [i, batch] of all.entries()) {
            await store.write(batch, { sync: i % 2 === 0 });
            for (const w of batch) {
              if (w.type === 'put') model.set(w.key.toString('hex'), w.value.toString('hex'));
              else model.delete(w.key.toString('hex'));
            }
          }
          expect(await rows(store)).toEqual(expected(model, {}));
          for (const range of ranges)
            expect(await rows(store, range)).toEqual(expected(model, range));
          for (const { key: k } of all.flat()) {
            const value = model.get(k.toString('hex'));
            expect((await store.get(k))?.toString('hex')).toBe(value);
            expect(store.getSync(k)?.toString('hex')).toBe(value);
            const [same] = await store.getMany([k]);
            expect(same?.toString('hex')).toBe(value);
            expect(await store.has(k)).toBe(value !== undefined);
          }
          await store.close();
        },
      );
      await fc.assert(property, { numRuns: 20, seed: 1 });
    });

    it('keeps its rows apart from the memory of its callers', async () => {
      const store = await opened();
      const value = Buffer.from('value');
      const name = key('name');
      await store.write([{ type: 'put', key: name, value }]);
      value.fill(0);
      (await store.get(key('name')))!.fill(0);
      store.getSync(key('name'))!.fill(0);
      for (const read of await store.getMany([key('name')])) read!.fill(0);
      for await (const row of store.range({})) row.value.fill(0);
      name.fill(0);
      expect(String(await store.get(key('name')))).toBe('value');
    });

    it('reads a range as it was when the reading began', async () => {
      const store = await opened();
      await store.write([put('a', '1'), put('b', '2'), put('c', '3')]);
      const seen: string[] = [];
      for await (const row of store.range({})) {
        if (seen.length === 0)
          await store.write([put('b', 'changed'), { type: 'del', key: key('c') }, put('d', 'new')]);
        seen.push(`${row.key}=${row.value}`);
      }
      expect(seen).toEqual(['a=1', 'b=2', 'c=3']);
    });

    it('gives values in the order of the keys that were asked for, and none for those it has not', async () => {
      const store = await opened();
      await store.write([put('a', '1'), put('b', '')]);
      const found = await store.getMany([key('x'), key('b'), key('a'), key('b')]);
      expect(found.map((value) => value && String(value))).toEqual([undefined, '', '1', '']);
    });

    it('takes a batch of nothing', async () => {
      const store = await opened();
      await store.write([], { sync: true });
      expect(await rows(store)).toEqual([]);
    });

    it('says nothing of being opened again while nothing failed, and lets go of who listens', async () => {
      const store = await opened();
      const told: string[] = [];
      const stop = store.onReopened(() => told.push('again'));
      await store.write([put('a', '1')]);
      await store.get(key('a'));
      stop();
      expect(told).toEqual([]);
    });

    it('gives and takes nothing once it is closed', async () => {
      const store = await open();
      await store.write([put('a', '1')]);
      await store.close();
      await expect(store.get(key('a'))).rejects.toThrow();
      await expect(store.write([put('b', '2')])).rejects.toThrow();
      await expect(rows(store)).rejects.toThrow();
      expect(() => store.getSync(key('a'))).toThrow();
      await expect(store.getMany([key('a')])).rejects.toThrow();
    });
  });
}
