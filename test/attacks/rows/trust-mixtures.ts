// True parts of a log that do not belong together, and entries that point to what is not theirs.

import { Blocks } from '../../../node/feed/blocks.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import { FeedView } from '../../../node/feed/view.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { decodeNote } from '../../../protocols/checkpoint.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { type Entry, encodeEntry, KIND } from '../../../protocols/entry.ts';
import { type Envelope, encodeEnvelope } from '../../../protocols/envelope.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import {
  type Announcement,
  decodeAnnouncement,
  encodeAnnouncement,
  verifyInline,
} from '../../../protocols/gossip.ts';
import { parseFeedName, parseSpaceName } from '../../../protocols/ids.ts';
import { leafHash, rootOf, sha256 } from '../../../protocols/merkle.ts';
import { rawCid } from '../../../protocols/record.ts';
import {
  checkPacked,
  RunVerifier,
  skeletonRange,
  verifySkeleton,
} from '../../../protocols/run-verifier.ts';
import { type Packed, packSegments } from '../../../protocols/segment.ts';
import {
  checkpointOf,
  FEED_BYTES,
  noteOf,
  samplePack,
  samplePacked,
  treeOf,
} from '../../protocols/sample-log.ts';
import { Seeded } from '../../vectors/wire.ts';
import type { Row } from '../row.ts';

/** True when the parts are taken for one moment of the log. */
const isTaken = (act: () => boolean): boolean => {
  try {
    return act();
  } catch (error) {
    if (isMeshError(error)) return false;
    throw error;
  }
};

const LENGTH = 700;
const log = samplePack(LENGTH);
/** The same log, had its publisher said something else from the middle on. */
const otherLog = [...log.slice(0, 350), ...samplePack(LENGTH).slice(350).map(changed)];

function changed(_: Packed, i: number): Packed {
  return samplePacked(350 + i, { version: 2 });
}

type Mixture = (dice: Seeded) => boolean;

/** Two different sizes, the smaller first. */
function sizes(dice: Seeded): [number, number] {
  const a = 1 + dice.below(LENGTH - 2);
  return [a, a + 1 + dice.below(LENGTH - a - 1)];
}

const MIXTURES: Record<string, Mixture> = {
  'a head with the entries of an earlier head': (dice) => {
    const [early, late] = sizes(dice);
    const verifier = new RunVerifier(treeOf([]), checkpointOf(log.slice(0, late)), FEED_BYTES);
    for (const bytes of packSegments(0, log.slice(0, early))) verifier.push(bytes);
    return verifier.isComplete;
  },
  'a head with the entries of another history': (dice) => {
    const size = 351 + dice.below(LENGTH - 351);
    const held = treeOf(log.slice(0, dice.below(350)));
    const verifier = new RunVerifier(held, checkpointOf(log.slice(0, size)), FEED_BYTES);
    for (const bytes of packSegments(held.size, otherLog.slice(held.size, size)))
      verifier.push(bytes);
    return verifier.isComplete;
  },
  'a head with the tree of another moment': (dice) => {
    const [early, late] = sizes(dice);
    const leaves = log.map((packed) => leafHash(packed.leaf));
    const { firstTile, lastTile } = skeletonRange(0, late);
    const tiles: Buffer[] = [];
    for (let n = firstTile; n < lastTile; n++)
      tiles.push(rootOf(leaves.slice(n * 256, n * 256 + 256)));
    const tail = leaves.slice(lastTile * 256, late);
    verifySkeleton(treeOf([]), tiles, tail, checkpointOf(log.slice(0, early)));
    return true;
  },
  'an announcement with the frontier of another moment': (dice) => {
    const [early, late] = sizes(dice);
    const message = encodeAnnouncement(
      noteOf(log.slice(0, late)),
      treeOf(log.slice(0, early - 1)),
      packSegments(early - 1, log.slice(early - 1, Math.min(early + 3, late - 1))),
    );
    return holds(decodeAnnouncement(message));
  },
  'an announcement with entries of another place': (dice) => {
    const [early, late] = sizes(dice);
    const frontier = treeOf(log.slice(0, late - 1));
    const message = encodeAnnouncement(
      noteOf(log.slice(0, late)),
      frontier,
      packSegments(frontier.size, [log[early - 1]!]),
    );
    return holds(decodeAnnouncement(message));
  },
};

function holds(announcement: Announcement): boolean {
  verifyInline(announcement, FEED_BYTES);
  return true;
}

const IDENTITY = {
  space: parseSpaceName('library'),
  feed: parseFeedName('variables/base'),
  context: BUILT_IN_CONTEXTS.find(({ name }) => name === 'variables')!,
};

function entryOf(
  item: string,
  { changes = {}, event = {} }: { changes?: Partial<Entry>; event?: Partial<Envelope> } = {},
): Packed {
  const record = encodeEnvelope({
    ...{ id: '0199b7c2-1f00-4000-8000-000000000009', type: 'VariableSetPublishedV1Event' },
    ...{ source: `odcm://library/variables/base#${item}`, occurredTimeUtc: '2026-11-21T10:00:00Z' },
    ...{ activityId: '0199b7c2-1f00-4000-8000-000000000008', specVersion: '1.0', payload: 1 },
    ...event,
  });
  const entry: Entry = {
    ...{ kind: KIND.publish, event: 'VariableSetPublishedV1Event', version: 1, timeMs: 1 },
    ...{ item: sha256(Buffer.from(item)).subarray(0, 16), feed: FEED_BYTES, keyEpoch: null },
    ...{ record: rawCid(record), sizeBytes: record.length, prev: null, expiresS: null },
    ...changes,
  };
  return { leaf: encodeEntry(entry), record };
}

const other = (source: string): Packed => entryOf('stray', { event: { source } });

/** Signed by the right key and in the right log, and yet none of its business. */
const FOREIGN: readonly Packed[] = [
  other('odcm://payments/variables/base#a'),
  other('odcm://library/variables/inner#a'),
  other('odcm://library/variables/base/../inner#a'),
  other('odcm://library/variables/base%2F..%2Finner#a'),
  other('odcm://LIBRARY/variables/base#a'),
  other('odcm://library/variables/base/#a'),
  other('odcm://library/variables/base#%61'),
  other('https://library/variables/base#a'),
  entryOf('stray', { event: { type: 'TargetPublishedV1Event' } }),
  entryOf('stray', { changes: { event: 'TargetPublishedV1Event' } }),
];

/** What becomes of each foreign entry among honest ones. */
async function applyForeign(): Promise<{ items: string[]; letters: number; entries: number }> {
  const [logs, views, blocks] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
  const held = await FeedLog.open(logs, FEED_BYTES);
  const view = await FeedView.open(views, held, new Blocks(blocks), IDENTITY);
  const entries = [entryOf('honest'), ...FOREIGN, entryOf('honest-too')];
  await held.exclusively(async () => held.commit(await held.grow(entries), undefined, false));
  await view.catchUp();
  const items: string[] = [];
  for await (const { name } of view.list({ withWithdrawn: true })) items.push(name);
  return { items, letters: view.deadLetterCount, entries: entries.length };
}

export const rows: readonly Row[] = [
  {
    id: 'T03',
    what: 'signed entries whose event is of another space, feed or kind',
    how: 'vectors',
    expected: '0 applied, each a dead letter',
    async run() {
      const { items, letters, entries } = await applyForeign();
      const stray = entryOf('a', { changes: { feed: Buffer.alloc(16, 9) } });
      const isRefused = !isTaken(() => checkPacked(stray, FEED_BYTES) !== undefined);
      const applied = items.filter((name) => !name.startsWith('honest')).length;
      const isRest = items.length - applied === 2 && letters === entries - 2;
      const measured = `${applied} applied, ${letters} dead letters, ${items.length} honest items`;
      return { measured, pass: applied === 0 && isRest && isRefused };
    },
  },
  {
    id: 'T07',
    what: 'heads, trees and entries of one key but of different moments',
    how: 'vectors',
    expected: '0 taken',
    async run({ mutations }) {
      const dice = new Seeded(7);
      const kinds = Object.values(MIXTURES);
      const count = Math.ceil(Math.min(mutations, 100_000) / 20 / kinds.length);
      let taken = 0;
      for (const mixture of kinds)
        for (let i = 0; i < count; i++) if (isTaken(() => mixture(dice))) taken++;
      const isWhole = isTaken(() => {
        const verifier = new RunVerifier(treeOf([]), checkpointOf(log), FEED_BYTES);
        for (const bytes of packSegments(0, log)) verifier.push(bytes);
        return verifier.isComplete && decodeNote(noteOf(log)).checkpoint.size === LENGTH;
      });
      const measured = `${taken} of ${count * kinds.length} taken; the true parts are`;
      return { measured, pass: taken === 0 && isWhole };
    },
  },
];
