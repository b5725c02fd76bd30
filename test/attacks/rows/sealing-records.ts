// Attacks on sealed feeds by those who have no key, no key any more, or the pen of the publisher: on keys, records and chunks.

import { randomBytes, randomInt } from 'node:crypto';
import { putSealedContent } from '../../../node/feed/seal-content.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { decodeEntry, KIND } from '../../../protocols/entry.ts';
import { asMeshError, isMeshError, type MeshError } from '../../../protocols/errors.ts';
import { sealHpke } from '../../../protocols/hpke.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { rawCid, structCid } from '../../../protocols/record.ts';
import { openInner, sealRecord } from '../../../protocols/sealed-record.ts';
import {
  decodeShareKeyPage,
  encodeShareKeyPage,
  exchangeKeyId,
  openShareKey,
  type ShareKeyPage,
} from '../../../protocols/share-key.ts';
import { type SealScope, shareKeyInfo } from '../../../protocols/signable.ts';
import { newParty, type Party, SCOPE, SealedFeed } from '../../node/feed/sealed-feed.ts';
import type { Row, Size } from '../row.ts';

const event = (item: string, payload: unknown) => ({ item, body: { payload: payload as string } });
const timesOf = ({ isLong, mutations }: Size) => (isLong ? Math.min(mutations, 20_000) : 400);
const open = (work: () => unknown): MeshError | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return asMeshError(error);
  }
};

/** Everything that a space was ever given, tried on everything that was published after it was shut out. */
async function nextEpoch({ isLong }: Size) {
  const [bob, lisa] = [await newParty(), await newParty()];
  const feed = await SealedFeed.open([bob, lisa]);
  const count = isLong ? 2_000 : 200;
  const drafts = (round: number) =>
    Array.from({ length: count }, (_, i) => event(`item ${i}`, `${round} ${i}`));
  await feed.publisher.publish(drafts(1));
  await feed.deliver(bob);
  feed.granted = [{ party: lisa }];
  await feed.publisher.rekey();
  await feed.publisher.publish(drafts(2));
  await feed.deliver(bob);
  await feed.deliver(lisa);
  const { opened, tried } = await opens(bob, feed, count + 1);
  const { opened: read } = await opens(lisa, feed, count + 1);
  const measured = `${opened} of ${tried} records, of which a reader opens ${read}`;
  return { measured, pass: opened === 0 && tried > 0 && read === tried };
}

async function opens(who: Party, feed: SealedFeed, from: number) {
  let [opened, tried] = [0, 0];
  const keys = [1, 2].flatMap((epoch) => who.ring.key(epoch) ?? []);
  for (let index = from; index < feed.owner.log.size; index++) {
    const { leaf, record } = await feed.owner.log.entry(index);
    const entry = decodeEntry(leaf);
    if (entry.kind === KIND.shareKeyEpoch) {
      const page = decodeShareKeyPage(record!);
      if (openShareKey(SCOPE, page, [who.exchange.privateKey])) opened += who.ring.key(2) ? 0 : 1;
      continue;
    }
    tried++;
    const fits = keys.some((key) => {
      const seal = { scope: SCOPE, epoch: entry.keyEpoch!, key };
      return open(() => openInner(seal, entry.record!, record!)) === undefined;
    });
    if (fits) opened++;
  }
  return { opened, tried };
}

/** One recipient gets a key of its own, or a page of its own. */
async function differentKeys(size: Size) {
  const [bob, lisa] = [await newParty(), await newParty()];
  const feed = await SealedFeed.open([bob, lisa]);
  await feed.publisher.publish([event('a', 1)]);
  const page = decodeShareKeyPage((await feed.owner.log.entry(0)).record!);
  const keyId = exchangeKeyId(bob.exchange.raw);
  const times = Math.ceil(timesOf(size) / 10);
  let reported = 0;
  for (let i = 0; i < times; i++) {
    const info = shareKeyInfo(SCOPE, 1, keyId);
    const other = sealHpke(
      bob.exchange.raw,
      { info, aad: page.commit },
      randomBytes(32),
      randomBytes(32),
    );
    const wraps = page.wraps.map((w) => (w.keyId.equals(keyId) ? { keyId, ...other } : w));
    const forged: ShareKeyPage = { ...page, wraps };
    const refusal = open(() => openShareKey(SCOPE, forged, [bob.exchange.privateKey]));
    if (refusal?.code === 'KEY_MISMATCH') reported++;
  }
  // A second page of the epoch, sound by itself, with another key.
  await feed.deliver(lisa);
  const entry = decodeEntry((await feed.owner.log.entry(0)).leaf);
  const second = encodeShareKeyPage({ ...page, commit: randomBytes(32) });
  const taken = await lisa.ring.take(9, entry, second).catch((error: unknown) => error);
  const isSeen = isMeshError(taken, 'KEY_MISMATCH');
  const measured = `${reported} of ${times} reported; two pages that differ ${isSeen ? 'too' : 'not'}`;
  return { measured, pass: reported === times && isSeen };
}

async function moved(size: Size) {
  const times = timesOf(size);
  const key = randomBytes(32);
  const places: { scope: SealScope; epoch: number }[] = [
    { scope: { ...SCOPE, feed: randomBytes(16) }, epoch: 1 },
    { scope: { ...SCOPE, mesh: 'bbbbbbbbbbbbbbbbbbbbbbbbba' as SealScope['mesh'] }, epoch: 1 },
    {
      scope: {
        ...SCOPE,
        publisher: '0199b7c2-1f00-4000-8000-0000000000aa' as SealScope['publisher'],
      },
      epoch: 1,
    },
    { scope: SCOPE, epoch: 2 },
  ];
  let broken = 0;
  for (let i = 0; i < times; i++) {
    const record = randomBytes(randomInt(1, 3_000));
    const home = { scope: SCOPE, epoch: 1, key };
    const { bytes } = sealRecord(home, { form: 'event', record }, randomBytes(16));
    const place = places[i % places.length]!;
    // Half of them with the header that the other place wants.
    if (i % 8 >= 4) {
      bytes.set(place.scope.feed, 8);
      bytes.writeUInt32BE(place.epoch, 24);
    }
    const refusal = open(() => openInner({ ...place, key }, rawCid(bytes), bytes));
    if (refusal?.code === 'SEAL_BROKEN') broken++;
  }
  return { measured: `${broken} of ${times} do not open`, pass: broken === times };
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** By whoever may sign what it likes and has no key: the list of chunks is cut, swapped, lengthened, or another file's. */
async function chunks(size: Size) {
  const context = BUILT_IN_CONTEXTS.find((c) => c.name === 'server-extensions')!;
  const bob = await (await newParty()).open(context);
  const feed = await SealedFeed.open([bob], context);
  for (const [i, item] of ['a', 'b'].entries()) {
    const content = randomBytes(6 * LIMITS.chunkBytes + i);
    const stored = await putSealedContent(feed.owner.blocks, one(content), SCOPE, randomBytes(32));
    await feed.publisher.publish([{ item, body: { ...stored, mediaType: 'application/zip' } }]);
  }
  await feed.deliver(bob);
  const seal = { scope: SCOPE, epoch: 1, key: bob.ring.key(1)! };
  const records = [1, 2].map(async (index) => (await bob.log.entry(index)).record!);
  const [a, b] = (await Promise.all(records)) as [Buffer, Buffer];
  const list = 7 * 32;
  const [head, hashes] = [a.subarray(0, a.length - list), a.subarray(a.length - list)];
  const times = timesOf(size);
  let failed = 0;
  for (let i = 0; i < times; i++) {
    const at = randomInt(0, 7) * 32;
    const bytes = Buffer.from(a);
    if (i % 4 === 0) bytes.set(randomBytes(32), head.length + at);
    if (i % 4 === 1) {
      const to = ((at + 32 * randomInt(1, 7)) % list) + head.length;
      bytes.set(hashes.subarray(at, at + 32), to);
      bytes.set(a.subarray(to, to + 32), head.length + at);
    }
    if (i % 4 === 2) bytes.set(b.subarray(b.length - list), head.length);
    const made = i % 4 === 3 ? bytes.subarray(0, bytes.length - 32 * randomInt(1, 7)) : bytes;
    // Opening the head fails: no chunk was read, and nothing was given out.
    if (open(() => openInner(seal, structCid(made), made))) failed++;
  }
  const sound = open(() => openInner(seal, structCid(a), a)) === undefined;
  return { measured: `${failed} of ${times} before any output`, pass: failed === times && sound };
}

async function lengths({ isLong }: Size) {
  const feed = await SealedFeed.open();
  const sizes = new Set<string>();
  const count = 200;
  await feed.publisher.publish(
    Array.from({ length: count }, (_, i) => event(`s${1000 + i}`, { value: 'x'.repeat(i + 1) })),
  );
  for (let index = 1; index <= count; index++) {
    const { leaf, record } = await feed.owner.log.entry(index);
    sizes.add(`${leaf.length - indexBytes(leaf)} ${decodeEntry(leaf).sizeBytes} ${record!.length}`);
  }
  const measured = `${sizes.size} size of ${count} secrets of 1 to ${count} characters`;
  return { measured: isLong ? measured : measured, pass: sizes.size === 1 };
}

/** Numbers of an entry take more bytes as they grow, which tells of the log and not of the secret. */
const indexBytes = (leaf: Buffer): number => {
  const { prev } = decodeEntry(leaf);
  return prev === null ? 0 : 1;
};

export const rows: readonly Row[] = [
  {
    ...{ id: 'G02', how: 'vectors', run: nextEpoch },
    what: 'a space that was shut out tries all its keys on all that came after',
    expected: '0 records open',
  },
  {
    ...{ id: 'G03', how: 'vectors', run: differentKeys },
    what: 'a publisher gives one recipient another key than the rest',
    expected: 'KEY_MISMATCH each time',
  },
  {
    ...{ id: 'G04', how: 'vectors', run: moved },
    what: 'a record under another feed, epoch, publisher or mesh, its header mended or not',
    expected: 'SEAL_BROKEN each time',
  },
  {
    ...{ id: 'G05', how: 'fuzz', run: chunks },
    what: 'the list of chunks of a file cut, swapped, changed, or that of another file',
    expected: 'refused each time, before any output',
  },
  {
    ...{ id: 'G07', how: 'vectors', run: lengths },
    what: 'secrets of 1 to 200 characters compared from outside',
    expected: '1 size',
  },
];
