// Keys that change and keys that were stolen: what they signed counts exactly where the directory and the root say.

import { generateEd25519 } from '../../../certs/ed25519.ts';
import { signRoot } from '../../../certs/root-keys.ts';
import { nextRootPayload } from '../../../certs/root-rotation.ts';
import { systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { silentLog } from '../../../node/log.ts';
import { signerOf } from '../../../node/rotate/own-keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import {
  cosign,
  decodeNote,
  signCheckpoint,
  signCheckpointBy,
} from '../../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { parseSpaceName } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { buildRootPayload, type decodeRoot, rootKeyId } from '../../../protocols/root.ts';
import { extendRootChain, verifyRootChain } from '../../../protocols/root-chain.ts';
import { FEED, MESH, ORIGIN, SPACE } from '../../protocols/sample-log.ts';
import { differences, faults } from '../../sim/checks.ts';
import { rotateMidBatch } from '../../sim/rotation-scene.ts';
import type { Row } from '../row.ts';
import { seedsFrom } from '../trust/scene.ts';

const START_MS = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 24 * 3_600_000;
const [rootKey, dir1, dir2, time1, time2] = Array.from({ length: 5 }, generateEd25519) as [
  ReturnType<typeof generateEd25519>,
  ReturnType<typeof generateEd25519>,
  ReturnType<typeof generateEd25519>,
  ReturnType<typeof generateEd25519>,
  ReturnType<typeof generateEd25519>,
];
const idOf = (key: typeof dir1): string => rootKeyId(ed25519Raw(key));
const role = (key: typeof dir1) => ({ keys: [ed25519Raw(key)], threshold: 1 });
const first = buildRootPayload({
  ...{ version: 1, mesh: parseSpaceName('acme'), odcm: SPACE, expiresMs: START_MS + 400 * DAY_MS },
  roles: { root: role(rootKey), directory: role(dir1), timestamp: role(time1) },
  x509: { root: '0'.repeat(64), issuing: ['1'.repeat(64)] },
});
const chain = verifyRootChain([signRoot(first, [rootKey])], { nowMs: START_MS });

async function newWriter(clock: { nowMs(): number }) {
  const open = { mesh: MESH, clock, log: silentLog };
  const directory = await Directory.open({ ...open, store: new MemoryStore(), root: chain.root });
  const writer = await DirectoryWriter.open({
    ...{ directory, clock, random: systemRandom, space: parseSpaceName('odcm') },
    ...{ views: new MemoryStore(), blocks: new Blocks(new MemoryStore()) },
    ...{ directoryKey: dir1, timestampKey: time1 },
  });
  return { directory, writer };
}

const enrolled = (n: number, key = generateEd25519()) => ({
  ...{ space: `0199b7c2-1f00-4000-8000-${String(n).padStart(12, '0')}` as never },
  ...{ name: parseSpaceName(`space-${n}`), addresses: [], certificateSha256: 'a'.repeat(64) },
  nodeKey: ed25519Raw(key).toString('base64'),
  exchangeKey: Buffer.alloc(32, n).toString('base64'),
});

/** A thief of ODCM's online keys pushes size and time ahead; the keepers replace both keys. */
async function fastForward(): Promise<string[]> {
  const clock = { now: START_MS, nowMs: () => clock.now };
  const { directory, writer } = await newWriter(clock);
  await writer.append('SpaceEnrolledV1Event', enrolled(1), 'space/1');
  const open = { mesh: MESH, clock, log: silentLog };
  const member = await Directory.open({ ...open, store: new MemoryStore(), root: chain.root });
  const segments = () => directory.log.segments(member.log.size, directory.log.size);
  const source = {
    hashes: (level: number, from: number, to: number) => directory.log.hashes(level, from, to),
    entries: () => segments(),
  };
  const wrong: string[] = [];
  const expect = (what: string, is: unknown, should: unknown) => {
    if (is !== should) wrong.push(`${what}: ${String(is)}`);
  };
  await member.accept(writer.note, source);
  expect('before', member.age, 'fresh');
  // The farthest that the rules let a date be ahead, over a directory that does not exist.
  const stolen = (size: number): Buffer => {
    const { origin } = directory;
    const key = signerOf(origin, dir1);
    const note = signCheckpoint({ origin, size, root: Buffer.alloc(32, 9) }, key.key, dir1);
    const ahead = Math.floor((clock.now + LIMITS.clockSkewMs) / 1000);
    return cosign(decodeNote(note), signerOf(origin, time1).key, time1, ahead);
  };
  expect('a stolen head', member.judge(stolen(1e9)).verdict, 'newer');
  expect('while it runs ahead', member.isBehind, true);
  const payload = nextRootPayload(chain.root, {
    expiresMs: clock.now + 300 * DAY_MS,
    add: { directory: [ed25519Raw(dir2)], timestamp: [ed25519Raw(time2)] },
    drop: { directory: [idOf(dir1)], timestamp: [idOf(time1)] },
  });
  const next = extendRootChain(chain, signRoot(payload, [rootKey]));
  for (const one of [directory, member]) await one.adoptRoot(next.root);
  writer.signWith({ directory: [dir2], timestamp: [time2] });
  expect('what was remembered', member.isBehind, false);
  expect('its date', member.age, 'unknown');
  clock.now += 1_000;
  await writer.append('SpaceEnrolledV1Event', enrolled(2), 'space/2');
  await member.accept(writer.note, source);
  expect('after', member.age, 'fresh');
  expect('its size', member.log.size, 2);
  const refused = await member.accept(stolen(1e9 + 1), source).then(
    () => 'taken',
    (error: unknown) => asMeshError(error).code,
  );
  expect('a stolen head, later', refused, 'UNKNOWN_KEY');
  return wrong;
}

/** Every size on both sides of a change, signed by the former key, the next one, both, and by neither. */
async function exactIndex(sizes: number): Promise<{ judged: number; wrong: number }> {
  const clock = { nowMs: () => START_MS };
  const { directory, writer } = await newWriter(clock);
  const [a, b, c] = [generateEd25519(), generateEd25519(), generateEd25519()];
  const space = { ...enrolled(1, a), space: SPACE };
  await writer.append('SpaceEnrolledV1Event', space, 'space/1');
  const created = { feed: FEED, space: SPACE, name: 'variables', context: 'variables' } as never;
  await writer.append(
    'FeedCreatedV1Event',
    { ...(created as object), sync: 'chosen' } as never,
    'feed/1',
  );
  const from = Math.floor(sizes / 2);
  const rotated = {
    ...{ space: SPACE, nodeKey: ed25519Raw(b).toString('base64'), from: { [FEED]: from } },
    exchangeKey: Buffer.alloc(32, 77).toString('base64'),
  };
  await writer.append('SpaceKeyRotatedV1Event', rotated, 'keys/1');
  const row = directory.state.feeds.get(FEED)!;
  const [old, next, stranger] = [a, b, c].map((key) => signerOf(ORIGIN, key)) as [
    never,
    never,
    never,
  ];
  let [judged, wrong] = [0, 0];
  for (let size = 0; size <= sizes; size++) {
    const cases = [
      [[old], size <= from],
      [[next], size >= from],
      [[old, next], true],
      [[next, old], true],
      [[stranger], false],
    ] as const;
    for (const [signers, isGood] of cases) {
      const checkpoint = { origin: ORIGIN, size, root: Buffer.alloc(32, size & 0xff) };
      let isTaken = true;
      try {
        directory.verifyFeedNote(decodeNote(signCheckpointBy(checkpoint, signers)), row, ORIGIN);
      } catch {
        isTaken = false;
      }
      judged++;
      if (isTaken !== isGood) wrong++;
    }
  }
  return { judged, wrong };
}

/** Roots of before, a second one of the same version, and one after its end. */
function rootRollback(): { offered: number; taken: number } {
  const later = (version: ReturnType<typeof decodeRoot>, days: number) =>
    signRoot(nextRootPayload(version, { expiresMs: START_MS + days * DAY_MS }), [rootKey]);
  const second = later(chain.root, 300);
  const two = extendRootChain(chain, second);
  const three = extendRootChain(two, later(two.root, 300));
  const offers = [signRoot(first, [rootKey]), second, later(chain.root, 500), later(two.root, 400)];
  const isTaken = (act: () => unknown): boolean => {
    try {
      act();
      return true;
    } catch {
      return false;
    }
  };
  const taken = offers.filter((offer) => isTaken(() => extendRootChain(three, offer))).length;
  const end = Date.parse(chain.root.expires);
  const at = (nowMs: number) =>
    isTaken(() => verifyRootChain([signRoot(first, [rootKey])], { nowMs }));
  const isExact = at(end - 1) && !at(end) && !at(end + 1);
  return { offered: offers.length, taken: taken + (isExact ? 0 : 1) };
}

export const rows: readonly Row[] = [
  {
    id: 'T04',
    what: 'stolen directory and timestamp keys push size and time ahead; a new root replaces both',
    how: 'vectors',
    expected: 'fresh again under the new keys, the stolen ones refused',
    run: async () => {
      const wrong = await fastForward();
      const measured = wrong.length === 0 ? 'recovered' : wrong.join('; ');
      return { measured, pass: wrong.length === 0 };
    },
  },
  {
    id: 'T08',
    what: 'older roots, and other roots of the same versions, after a newer one; a root past its end',
    how: 'vectors',
    expected: '0 taken',
    run: async () => {
      const { offered, taken } = rootRollback();
      return { measured: `${taken} of ${offered} taken`, pass: taken === 0 };
    },
  },
  {
    id: 'L08',
    what: 'heads of every size on both sides of a planned change of the key',
    how: 'vectors',
    expected: 'each key counts exactly up to, and from, the entry that the directory names',
    run: async ({ mutations }) => {
      const { judged, wrong } = await exactIndex(Math.min(mutations, 2_000) / 10);
      return {
        measured: `${wrong} of ${judged} judged otherwise`,
        pass: wrong === 0 && judged > 0,
      };
    },
  },
  {
    id: 'L08',
    what: 'publisher, subscriber and ODCM change their keys while batches are written, and restart',
    how: 'simulated',
    expected: '0 refused, nothing lost',
    run: async ({ seeds, isLong }) => {
      let [refused, published] = [0, 0];
      const wrong: string[] = [];
      for (const seed of seedsFrom(5_600, isLong ? Math.min(seeds, 100) : 1)) {
        const scene = await rotateMidBatch(seed, isLong ? 6 : 3);
        const { world } = scene;
        const isLevel = async () => (await differences(world)).length === 0;
        if ((await world.time.until(isLevel, 200_000)) === undefined) wrong.push('never level');
        wrong.push(...scene.failed, ...(await world.time.during(faults(world))));
        refused += scene.refused;
        published += scene.published;
      }
      const measured = `${refused} refused, ${published} published, ${wrong[0] ?? 'all there'}`;
      return { measured, pass: refused === 0 && wrong.length === 0 };
    },
  },
];
