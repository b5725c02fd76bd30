// Entries as they are applied: of segments that rest in a log, or that were verified just now.

import { decodeEntry, type Entry } from '../../protocols/entry.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { decodeSegment } from '../../protocols/segment.ts';

/** A verified entry of the log, with its record when that lies beside it. */
export interface StoredEntry {
  readonly index: number;
  readonly entry: Entry;
  readonly record: Buffer | null;
}

/** Entries of a stored segment. */
export function storedEntries(bytes: Buffer): StoredEntry[] {
  const { from, entries } = decodeSegment(bytes);
  return entries.map(({ leaf, record }, i) => {
    return { index: from + i, entry: decodeEntry(leaf), record };
  });
}

/** The same of segments that were verified just now: nothing is decoded twice. */
export function verifiedEntries(run: readonly Verified[]): StoredEntry[] {
  return run.flatMap(({ segment, entries }) =>
    entries.map((entry, i) => {
      return { index: segment.from + i, entry, record: segment.entries[i]!.record };
    }),
  );
}
