import { describe, expect, it } from 'vitest';
import type { OpenFeed } from '../../../node/feed/feeds.ts';
import type { Commit } from '../../../node/feed/publisher.ts';
import { Announcer, type AnnouncerOptions } from '../../../node/replicate/announcer.ts';
import { decodeAnnouncement } from '../../../protocols/gossip.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import type { Frontier } from '../../../protocols/merkle.ts';
import { packSegments } from '../../../protocols/segment.ts';
import { checkpointOf, MESH, noteOf, samplePack, treeOf } from '../../protocols/sample-log.ts';
import { settle, VirtualTime } from '../virtual-time.ts';

const ENTRIES = samplePack(600);

const frontier = (size: number): Frontier => treeOf(ENTRIES.slice(0, size));

/** A feed of this node; batches make it grow to these sizes. */
function newFeed() {
  const time = new VirtualTime();
  const access = { isForAll: true };
  const log = { size: 0, frontier: () => frontier(log.size) };
  const feed = { log, row: { context: 'variables' } } as unknown as OpenFeed;
  const told: (readonly [from: number, to: number, inline: number])[] = [];
  const announcer = new Announcer({
    ...{ mesh: MESH, clock: time, timers: time },
    directory: { state: { isForAll: () => access.isForAll } },
    publish: async (_: string, message: Buffer) => {
      const { note, frontier: before, segments } = decodeAnnouncement(message);
      const inline = segments.reduce((sum, { entries }) => sum + entries.length, 0);
      told.push([before.size, note.checkpoint.size, inline]);
    },
    run: (work: Promise<void>) => void work,
  } as unknown as AnnouncerOptions);
  const grow = (size: number) => {
    const before = frontier(log.size);
    const segments = packSegments(log.size, ENTRIES.slice(log.size, size));
    log.size = size;
    const all = ENTRIES.slice(0, size);
    const commit: Commit = { note: noteOf(all), checkpoint: checkpointOf(all), before, segments };
    announcer.announce(feed, commit);
  };
  return { time, access, told, grow, announcer };
}

describe('announcements', () => {
  it('tell the first batch at once and those that follow within a moment together', async () => {
    const { time, told, grow } = newFeed();
    grow(1);
    await settle();
    expect(told).toEqual([[0, 1, 1]]);
    for (const size of [2, 3, 4]) grow(size);
    await settle();
    expect(told).toHaveLength(1);
    await time.advance(LIMITS.announceDelayMs);
    expect(told).toEqual([
      [0, 1, 1],
      [1, 4, 3],
    ]);
    await time.advance(LIMITS.announceDelayMs + 1);
    grow(5);
    await settle();
    expect(told.at(-1)).toEqual([4, 5, 1]);
  });

  it('tell only the head when the entries are not for everybody, or too many', async () => {
    const { time, access, told, grow } = newFeed();
    access.isForAll = false;
    grow(2);
    await settle();
    expect(told).toEqual([[2, 2, 0]]);
    await time.advance(LIMITS.announceDelayMs + 1);
    access.isForAll = true;
    grow(600);
    await settle();
    expect(told.at(-1)).toEqual([600, 600, 0]);
  });

  it('tell only the head when a part of the entries became known to all just now', async () => {
    const { time, access, told, grow } = newFeed();
    grow(1);
    await settle();
    access.isForAll = false;
    grow(2);
    access.isForAll = true;
    grow(3);
    await time.advance(LIMITS.announceDelayMs);
    expect(told).toEqual([
      [0, 1, 1],
      [3, 3, 0],
    ]);
  });

  it('end with the node', async () => {
    const { time, told, grow, announcer } = newFeed();
    grow(1);
    await settle();
    grow(2);
    announcer.stop();
    expect(time.waiting).toBe(0);
    grow(3);
    await settle();
    expect(told).toHaveLength(1);
  });
});
