// An answer whose entries are refused is read to its end all the same: left in the middle it would cost the stream, and who
// gave it is to be asked, over the same one, what proves that there are two histories.

import type { EntrySource } from '../feed/intake.ts';

/** A mismatch shows at the end of a tile, or of the answer: not much follows. Whoever sends more is not asked. */
const MOST_PIECES = 16;

type Entries = ReturnType<EntrySource['entries']>;

export const readingOn = (source: EntrySource): EntrySource => ({
  hashes: (level, from, to) => source.hashes(level, from, to),
  entries: (from, to) => readOn(source.entries(from, to)),
});

async function* readOn(entries: Entries) {
  const reader =
    Symbol.asyncIterator in entries ? entries[Symbol.asyncIterator]() : entries[Symbol.iterator]();
  let isOver = false;
  try {
    for (;;) {
      const next = await reader.next();
      isOver = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) await leave(reader);
  }
}

async function leave(reader: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
  try {
    for (let i = 0; i < MOST_PIECES; i++) if ((await reader.next()).done) return;
    await reader.return?.();
  } catch {
    // Why its reader stopped says more.
  }
}
