// Items: the newest version of each named thing of a feed, kept as one row an item so that reading never replays a log.

import { Reader, Writer } from '../../protocols/codec.ts';
import { type Entry, KIND } from '../../protocols/entry.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { itemKey, nameOfItemKey, tableRange } from '../store/keys.ts';
import type { RangeOptions, Row, Store, Write } from '../store/store.ts';

export interface Item {
  readonly name: string;
  /** 16 bytes that stand for the item in entries. */
  readonly id: Buffer;
  readonly version: number;
  /** Index of the entry of this version. */
  readonly index: number;
  readonly isWithdrawn: boolean;
  readonly sizeBytes: number;
  readonly timeMs: number;
  /** SHA-256 of the content; zeros when withdrawn. */
  readonly sha256: Buffer;
  /** Of the entry, in a sealed feed. */
  readonly keyEpoch: number | null;
}

const writer = new Writer(128);

export function putItem(log: Buffer, item: Item): Write {
  const { keyEpoch } = item;
  const w = writer
    .reset()
    .array(keyEpoch === null ? 7 : 8)
    .bytes(item.id)
    .uint(item.version)
    .uint(item.index);
  w.bool(item.isWithdrawn).uint(item.sizeBytes).uint(item.timeMs).bytes(item.sha256);
  if (keyEpoch !== null) w.uint(keyEpoch);
  return { type: 'put', key: itemKey(log, item.name), value: w.take() };
}

function decodeItem(name: string, bytes: Buffer): Item {
  const r = new Reader(bytes);
  const isOpen = r.array(8) === 7;
  return {
    name,
    id: r.bytesOf(16),
    version: r.uint(),
    index: r.uint(),
    isWithdrawn: r.value() === true,
    sizeBytes: r.uint(),
    timeMs: r.uint(),
    sha256: r.bytesOf(32),
    keyEpoch: isOpen ? null : r.uint(),
  };
}

/** The row that an entry makes, once its record told the name and the content's hash. Its id is a view of the entry. */
export function itemOf(entry: Entry, index: number, name: string, sha256: Buffer): Item {
  const { item, version, kind, sizeBytes, timeMs, keyEpoch } = entry;
  const isWithdrawn = kind === KIND.withdraw;
  const id = Buffer.isBuffer(item) ? item : Buffer.from(item);
  return { name, id, version, index, isWithdrawn, sizeBytes, timeMs, sha256, keyEpoch };
}

/** Rows of several names, in the same order. */
export async function readItems(
  store: Store,
  log: Buffer,
  names: readonly string[],
): Promise<(Item | undefined)[]> {
  const rows = await store.getMany(names.map((name) => itemKey(log, name)));
  return rows.map((bytes, i) => bytes && decodeItem(names[i]!, bytes));
}

export async function readItem(store: Store, log: Buffer, name: string): Promise<Item | undefined> {
  return (await readItems(store, log, [name]))[0];
}

export interface ListOptions {
  /** Start behind this name. */
  readonly after?: string;
  readonly limit?: number;
  readonly withWithdrawn?: boolean;
}

/** Items in byte order of their names. */
export async function* listItems(
  rows: (options: RangeOptions) => AsyncGenerator<Row>,
  log: Buffer,
  options: ListOptions = {},
): AsyncGenerator<Item> {
  const { after, limit = LIMITS.pageRows, withWithdrawn = false } = options;
  const { gte, lt } = tableRange('i', log);
  let left = limit;
  for await (const row of rows(
    after === undefined ? { gte, lt } : { gt: itemKey(log, after), lt },
  )) {
    const item = decodeItem(nameOfItemKey(row.key), row.value);
    if (item.isWithdrawn && !withWithdrawn) continue;
    yield item;
    if (--left === 0) return;
  }
}
