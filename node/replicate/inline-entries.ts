// The entries that stand in an announcement itself: of which log they are, and how intake reads them. Knows no topics.

import type { Announcement } from '../../protocols/gossip.ts';
import { parseFeedId, parseOrigin, uuidBytes } from '../../protocols/ids.ts';
import { Frontier } from '../../protocols/merkle.ts';
import { packSegments } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Directory } from '../directory/directory.ts';
import type { EntrySource } from '../feed/intake.ts';

/** The 16 bytes by which entries name the log of an announcement. */
export function logOf({ note }: Announcement): Uint8Array {
  const { log } = parseOrigin(note.checkpoint.origin);
  return log === 'dir' ? DIRECTORY_LOG : uuidBytes(parseFeedId(log.slice('feed-'.length)));
}

/** The inline entries of an announcement as a source; what is held already is cut off. */
export function inline(announcement: Announcement): EntrySource {
  return {
    hashes: () => Promise.resolve(Buffer.alloc(0)),
    *entries(from: number) {
      for (const segment of announcement.segments) {
        const rest = segment.entries.slice(Math.max(0, from - segment.from));
        const start = segment.from + segment.entries.length - rest.length;
        if (rest.length > 0) yield* packSegments(start, rest);
      }
    },
  };
}

/** The frontier of a log at an earlier size, out of its tiles. */
export async function frontierAt(directory: Directory, size: number): Promise<Frontier> {
  const hashes: Buffer[] = [];
  let start = 0;
  for (let height = 40; height >= 0; height--) {
    const width = 2 ** height;
    if (Math.floor(size / width) % 2 === 0) continue;
    hashes.push(await directory.log.node(height, start / width));
    start += width;
  }
  return new Frontier(size, hashes);
}
