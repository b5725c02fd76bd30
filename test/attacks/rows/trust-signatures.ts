// Whoever has no key of a log must get nothing into it: neither by its bytes nor by what it tells the mesh.

import type { FeedLog } from '../../../node/feed/log.ts';
import { decodeNote, logKey, signCheckpoint, verifyNote } from '../../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { decodeEntry, encodeEntry } from '../../../protocols/entry.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { contextTopic, encodeAnnouncement } from '../../../protocols/gossip.ts';
import { feedOrigin, type Origin, parseContextName } from '../../../protocols/ids.ts';
import { type Frontier, leafHash } from '../../../protocols/merkle.ts';
import { decodeSegment, type Packed, packSegments } from '../../../protocols/segment.ts';
import {
  KEY,
  keyOf,
  LOG_KEY,
  MESH,
  noteOf,
  ORIGIN,
  SPACE,
  samplePack,
} from '../../protocols/sample-log.ts';
import { differences, faults } from '../../sim/checks.ts';
import { canary, World } from '../../sim/world.ts';
import { Seeded, signerOf } from '../../vectors/wire.ts';
import type { Row } from '../row.ts';

const OTHER_FEED = feedOrigin(MESH, SPACE, SPACE as never);

/** A note about this log by a stranger, in each way to put a signature under it. */
function forgeries(dice: Seeded): Record<string, Buffer> {
  const pack = samplePack(3);
  const { checkpoint } = decodeNote(noteOf(pack));
  const stranger = signerOf(dice.bytes(32));
  const own = logKey(ORIGIN, keyOf(1).publicKey, stranger.publicRaw);
  const borrowed = { ...own, signatureId: LOG_KEY.signatureId };
  const elsewhere = logKey(OTHER_FEED, KEY.publicKey, KEY.raw);
  const good = noteOf(pack).toString();
  const signature = good.trimEnd().split(' ').at(-1)!;
  const blob = Buffer.from(signature, 'base64');
  blob[4 + dice.below(64)]! ^= 1 << dice.below(8);
  return {
    'by a key that nobody knows': signCheckpoint(checkpoint, own, stranger.privateKey),
    'under the id of the right key': signCheckpoint(checkpoint, borrowed, stranger.privateKey),
    'with one bit changed': Buffer.from(good.replace(signature, blob.toString('base64'))),
    'of another log of the same key': signCheckpoint(
      { ...checkpoint, origin: OTHER_FEED },
      elsewhere,
      KEY.privateKey,
    ),
    'about another size': Buffer.from(good.replace('\n3\n', `\n${4 + dice.below(1e6)}\n`)),
  };
}

/** A space with a key of its own continues the feed of another, and tells everybody. */
async function tellForgery(seed: number): Promise<{ wrong: string[]; refused: number }> {
  const world = await World.create({ seed, spaces: ['library', 'platform', 'shipping'] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of ['platform', 'shipping']) await world.subscribe(name, feed);
  const library = world.node('library');
  const drafts = [{ item: 'a', body: { payload: canary(feed) } }];
  await world.time.during(world.publish(library, feed, drafts));
  await world.time.until(async () => (await differences(world)).length === 0, 60_000);

  const { log, origin } = world.node('shipping').mesh.feeds.peek(feed)!;
  const before = log.frontier();
  const { leaf, record } = await world.time.during(firstOf(log));
  const forged = { leaf: encodeEntry({ ...decodeEntry(leaf), version: 2, prev: 0 }), record };
  const message = forgedAnnouncement(origin, before, forged, world.node('shipping').home.key);
  const topic = contextTopic(world.odcm.home.config.mesh, parseContextName('variables'));
  const { gossip } = world.node('shipping').process.host;
  await world.time.during(gossip.publish(topic, message));
  await world.time.advance(60_000);
  const refused = world.honest.reduce(
    (sum, { mesh }) =>
      sum + (mesh.refusals.get('BAD_SIGNATURE') ?? 0) + (mesh.refusals.get('UNKNOWN_KEY') ?? 0),
    0,
  );
  const wrong = [
    ...(await world.time.during(differences(world))),
    ...(await world.time.during(faults(world))),
  ];
  for (const node of world.honest)
    if ((node.mesh.feeds.peek(feed)?.log.size ?? 1) > 1) wrong.push(`${node.name} took the entry`);
  return { wrong, refused };
}

async function firstOf(log: FeedLog): Promise<Packed> {
  for await (const bytes of log.segments(0, 1)) return decodeSegment(bytes).entries[0]!;
  throw new Error('the log is empty');
}

function forgedAnnouncement(
  origin: Origin,
  before: Frontier,
  forged: Packed,
  key: Parameters<typeof signCheckpoint>[2],
): Buffer {
  const tree = before.clone();
  tree.append(leafHash(forged.leaf));
  const raw = ed25519Raw(key);
  const checkpoint = { origin, size: tree.size, root: tree.root() };
  const note = signCheckpoint(checkpoint, logKey(origin, key, raw), key);
  return encodeAnnouncement(note, before, packSegments(before.size, [forged]));
}

export const rows: readonly Row[] = [
  {
    id: 'T01',
    what: 'heads signed by a stranger, by another log, or changed',
    how: 'vectors',
    expected: '0 accepted',
    async run({ mutations }) {
      const dice = new Seeded(1);
      const codes = new Map<string, number>();
      const rounds = Math.max(20, Math.floor(mutations / 100));
      for (let i = 0; i < rounds; i++) {
        for (const bytes of Object.values(forgeries(dice))) {
          let code = 'accepted';
          try {
            verifyNote(decodeNote(bytes), ORIGIN, LOG_KEY);
          } catch (error) {
            code = asMeshError(error).code;
          }
          codes.set(code, (codes.get(code) ?? 0) + 1);
        }
      }
      const known = ['UNKNOWN_KEY', 'BAD_SIGNATURE', 'WRONG_ORIGIN'];
      const pass = known.every((code) => codes.has(code)) && codes.size === known.length;
      const shown = [...codes].map(([code, count]) => `${count} ${code}`).join(', ');
      return { measured: `${codes.get('accepted') ?? 0} accepted; ${shown}`, pass };
    },
  },
  {
    id: 'T01',
    what: 'a member continues the feed of another with its own key and tells everybody',
    how: 'simulated',
    expected: '0 deliveries',
    async run({ seeds, log }) {
      let [delivered, unheard] = [0, 0];
      const count = Math.min(seeds, 200);
      for (let seed = 1; seed <= count; seed++) {
        const { wrong, refused } = await tellForgery(seed);
        for (const line of wrong) log(`seed ${seed}: ${line}`);
        if (wrong.length > 0) delivered++;
        if (refused === 0) unheard++;
      }
      const measured = `${delivered} of ${count} worlds harmed; the forgery was judged in ${count - unheard}`;
      return { measured, pass: delivered === 0 && unheard === 0 };
    },
  },
];
