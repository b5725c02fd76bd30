// The whole key space of a node's three databases. Nothing else builds a database key.
//
//   log/     h <log>                     head: verified size, frontier, newest checkpoint
//            s <log> <u48 first index>   segment of entries with their small records
//            t <log> <u8 level> <u48 n>  tile: up to 256 tree hashes
//            x <log>                     two checkpoints that contradict each other
//            u <feed>                    subscription
//            m <name>                    counters and marks
//            w <feed> <u32 epoch>        opened share key of a sealed feed, wrapped under the local key
//   blocks/  b <hash>                    block of a record
//            v <log> <hash>              block of a log that is only carried for others
//            j <hash>                    where a block lies in a pack: a file in store/packs
//            z <hash> <log>              log for which a peer gave the block
//   views/   i <log> <item name>         newest version of an item (feeds this node reads)
//            a <log>                     apply cursor: entries turned into items
//            d <log> <u48 index>         dead letter: an entry whose record breaks its contract
//            o <log> <hash>              block that the log names: whoever may have the log may have it
//            p <log> <u48 index>         page of a share key: its epoch and for whom it was wrapped
//            c <log>                     count cursor: entries that reports count (feeds of inventory and deployments)
//            g <log> <u32 number>        group: a pair of project and environment
//            k <log> <item name>         what the item's newest version adds to the counts
//            e <log> <u48 ms> <u48 index>  counted entry, by the time when the thing happened
//            q <log> <u8 level> <u32 n>  deployments that ended in the n-th hour, day or week, by group and outcome
//            y <log> <u8 level> <u32 n>  how long these took
//            f <log> <u48 index>         entry that is the newest of its item and cannot be counted
//            r <log> <u48 first index>   second copy of a segment of the directory
//            n <log>                     second copy of the directory's head
//            l <feed>                    second copy of a subscription
//
// views/ can be made again from the other two. It is apart because its keys come in any order: beside the segments,
// whose keys only grow, LevelDB would rewrite the segments with every compaction.
//
// <log> is the 16-byte feed id (sixteen zero bytes for the directory) and a u16 epoch, so one log is one range.

const u48 = (value: number): Buffer => {
  const out = Buffer.allocUnsafe(6);
  out.writeUIntBE(value, 0, 6);
  return out;
};

const u32 = (value: number): Buffer => {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value, 0);
  return out;
};

const key = (table: string, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from(table), ...parts]);

/** Prefix of a log: 18 bytes. */
export function logPrefix(feed: Uint8Array, epoch: number): Buffer {
  const out = Buffer.alloc(18);
  out.set(feed, 0);
  out.writeUInt16BE(epoch, 16);
  return out;
}

export const headKey = (log: Buffer): Buffer => key('h', log);
export const segmentKey = (log: Buffer, from: number): Buffer => key('s', log, u48(from));
export const tileKey = (log: Buffer, level: number, n: number): Buffer =>
  key('t', log, Buffer.of(level), u48(n));
/** Written out: one is made for every item that is published. */
export function itemKey(log: Buffer, name: string): Buffer {
  const out = Buffer.allocUnsafe(1 + log.length + Buffer.byteLength(name));
  out[0] = 0x69; // 'i'
  out.set(log, 1);
  out.write(name, 1 + log.length);
  return out;
}
export const appliedKey = (log: Buffer): Buffer => key('a', log);
export const deadLetterKey = (log: Buffer, index: number): Buffer => key('d', log, u48(index));
export const ownedKey = (log: Buffer, hash: Uint8Array): Buffer => key('o', log, hash);
export const countedKey = (log: Buffer): Buffer => key('c', log);
export const groupKey = (log: Buffer, group: number): Buffer => key('g', log, u32(group));
export const shareKey = (log: Buffer, name: string): Buffer => key('k', log, Buffer.from(name));
export const happenedKey = (log: Buffer, ms: number, index: number): Buffer =>
  key('e', log, u48(ms), u48(index));
export const sumsKey = (log: Buffer, level: number, n: number): Buffer =>
  key('q', log, Buffer.of(level), u32(n));
export const durationsKey = (log: Buffer, level: number, n: number): Buffer =>
  key('y', log, Buffer.of(level), u32(n));
export const uncountedKey = (log: Buffer, index: number): Buffer => key('f', log, u48(index));
export const copiedSegmentKey = (log: Buffer, from: number): Buffer => key('r', log, u48(from));
export const copiedNoteKey = (log: Buffer): Buffer => key('n', log);
export const copiedSubscriptionKey = (feed: Uint8Array): Buffer => key('l', feed);
export const openedShareKey = (feed: Uint8Array, epoch: number): Buffer =>
  key('w', feed, u32(epoch));
export const sharePageKey = (log: Buffer, index: number): Buffer => key('p', log, u48(index));
export const conflictKey = (log: Buffer): Buffer => key('x', log);
export const subscriptionKey = (feed: Uint8Array): Buffer => key('u', feed);
export const markKey = (name: string): Buffer => key('m', Buffer.from(name));
/** Marks whose names begin so. */
export const markRange = (prefix: string): { gte: Buffer; lt: Buffer } =>
  tableRange('m', Buffer.from(prefix));
/**
 * Marks that are no hints: what was signed or taken across an air gap. Without one of them a number is given twice. How far
 * deployments were looked at is a hint: looked at again, they have their receipts already.
 */
export const isLastingMark = (k: Buffer): boolean => {
  const name = k.toString('latin1');
  return /^m(gap|receipts)\//.test(name) && !name.startsWith('mreceipts/seen/');
};
export const blockKey = (hash: Uint8Array): Buffer => key('b', hash);
export const packedKey = (hash: Uint8Array): Buffer => key('j', hash);
export const givenForKey = (hash: Uint8Array, log: Buffer): Buffer => key('z', hash, log);
/** Logs for which the block was given, each at the end of its key. */
export const givenForRange = (hash: Uint8Array): { gte: Buffer; lt: Buffer } =>
  tableRange('z', Buffer.from(hash));
export const logOfGivenForKey = (k: Buffer): Buffer => k.subarray(33);
export const carriedBlockKey = (log: Buffer, hash: Uint8Array): Buffer => key('v', log, hash);

/** Everything of one table, or of one log in one table. */
export function tableRange(
  table: string,
  log: Buffer = Buffer.alloc(0),
): { gte: Buffer; lt: Buffer } {
  const gte = key(table, log);
  const lt = Buffer.from(gte);
  // The next prefix in byte order: prefixes end in an epoch or a letter, so the last byte below 0xff is near.
  let i = lt.length - 1;
  while (lt[i] === 0xff) i--;
  lt[i] = lt[i]! + 1;
  return { gte, lt: lt.subarray(0, i + 1) };
}

/** Length of every key of a table; names, which end some keys, have at least one byte. */
const KEY_BYTES: Readonly<Record<string, { readonly bytes: number; readonly isLeast?: true }>> = {
  h: { bytes: 19 },
  s: { bytes: 25 },
  t: { bytes: 26 },
  x: { bytes: 19 },
  u: { bytes: 17 },
  m: { bytes: 2, isLeast: true },
  b: { bytes: 33 },
  j: { bytes: 33 },
  v: { bytes: 51 },
  z: { bytes: 51 },
  w: { bytes: 21 },
  p: { bytes: 25 },
  i: { bytes: 20, isLeast: true },
  a: { bytes: 19 },
  d: { bytes: 25 },
  o: { bytes: 51 },
  c: { bytes: 19 },
  g: { bytes: 23 },
  k: { bytes: 20, isLeast: true },
  e: { bytes: 31 },
  q: { bytes: 24 },
  y: { bytes: 24 },
  f: { bytes: 25 },
  r: { bytes: 25 },
  n: { bytes: 19 },
  l: { bytes: 17 },
};

/** Letter of the table that a key belongs to; undefined when it is no key of ours. */
export function tableOf(k: Buffer): string | undefined {
  const table = k.toString('latin1', 0, 1);
  const form = KEY_BYTES[table];
  if (!form || k.length < form.bytes || (k.length > form.bytes && !form.isLeast)) return undefined;
  return table;
}

/** The log that a key belongs to, in those tables that have one. */
export const logOfKey = (k: Buffer): Buffer => k.subarray(1, 19);

/** Index of a segment, dead letter, counted or uncounted entry out of its key. */
export const indexOfKey = (k: Buffer): number => k.readUIntBE(k.length - 6, 6);
/** Hash of a block out of a key that says which log names it. */
export const hashOfOwnedKey = (k: Buffer): Buffer => k.subarray(19);
/** When a counted entry happened, out of its key. */
export const timeOfHappenedKey = (k: Buffer): number => k.readUIntBE(19, 6);
/** Which group, hour, day or week, out of the key. */
export const numberOfKey = (k: Buffer): number => k.readUInt32BE(k.length - 4);
/** Name of an item out of its key. */
export const nameOfItemKey = (k: Buffer): string => k.toString('utf8', 19);
