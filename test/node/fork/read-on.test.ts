import { describe, expect, it } from 'vitest';
import type { EntrySource } from '../../../node/feed/intake.ts';
import { readingOn } from '../../../node/fork/read-on.ts';

function sourceOf(pieces: number, fault?: Error) {
  const seen = { given: 0, isWhole: false, isLeft: false };
  async function* entries(): AsyncGenerator<Buffer> {
    try {
      for (; seen.given < pieces; seen.given++) yield Buffer.from([seen.given]);
      if (fault) throw fault;
      seen.isWhole = true;
    } finally {
      seen.isLeft = !seen.isWhole;
    }
  }
  const hashes = async (level: number, from: number, to: number) => Buffer.from([level, from, to]);
  return { seen, source: readingOn({ entries, hashes } satisfies EntrySource) };
}

/** Reads so many pieces, then refuses what comes. */
async function read(source: EntrySource, most: number): Promise<number> {
  let count = 0;
  for await (const _ of source.entries(0, 9)) {
    count++;
    if (count > most) throw new Error('refused');
  }
  return count;
}

describe('an answer that is read on', () => {
  it('is what it was, and so are hashes', async () => {
    const { source, seen } = sourceOf(5);
    expect(await read(source, 9)).toBe(5);
    expect(seen).toEqual({ given: 5, isWhole: true, isLeft: false });
    expect(await source.hashes(1, 2, 3)).toEqual(Buffer.from([1, 2, 3]));
    const inline = readingOn({ ...source, entries: () => [Buffer.from('a')] });
    expect(await read(inline, 9)).toBe(1);
  });

  it('comes to its end also where its reader refuses what it says', async () => {
    const { source, seen } = sourceOf(5);
    await expect(read(source, 0)).rejects.toThrow('refused');
    expect(seen).toEqual({ given: 5, isWhole: true, isLeft: false });
  });

  it('is left by its reader where it has no end', async () => {
    const { source, seen } = sourceOf(1e9);
    await expect(read(source, 0)).rejects.toThrow('refused');
    expect(seen.isLeft).toBe(true);
    expect(seen.given).toBeLessThan(100);
  });

  it('fails as it does, and never hides why its reader refused it', async () => {
    await expect(read(sourceOf(2, new Error('cut')).source, 9)).rejects.toThrow('cut');
    await expect(read(sourceOf(2, new Error('cut')).source, 0)).rejects.toThrow('refused');
  });
});
