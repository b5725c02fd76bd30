// Takes the entries of a feed that is only carried off the disk, in all its epochs. What proves a fork of it stays.

import { crashpoint } from '../crashpoint.ts';
import { heldRange } from '../replicate/held-notes.ts';
import { tableRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';

/** Rows deleted together. */
const GROUP = 500;

/** Done again after a stop in the middle, it does the rest. */
export async function eraseEntries(logs: Store, feed: Uint8Array): Promise<void> {
  const id = Buffer.from(feed);
  const ranges = [...['h', 's', 't'].map((table) => tableRange(table, id)), heldRange(feed)];
  for (const range of ranges) {
    for (;;) {
      const writes: Write[] = [];
      const remove = (key: Buffer) => writes.push({ type: 'del', key });
      for await (const { key } of logs.range({ ...range, limit: GROUP, onDamaged: remove }))
        remove(key);
      if (writes.length === 0) break;
      crashpoint('carry.before-erase');
      await logs.write(writes, { sync: true });
    }
  }
}
