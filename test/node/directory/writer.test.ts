import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { systemClock, systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { encodeSnapshot, importSnapshot } from '../../../node/directory/snapshot.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import type { Commit } from '../../../node/feed/publisher.ts';
import { silentLog } from '../../../node/log.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import type { Store } from '../../../node/store/store.ts';
import { decodeNote } from '../../../protocols/checkpoint.ts';
import { Writer } from '../../../protocols/codec.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { MeshError } from '../../../protocols/errors.ts';
import {
  parseContextName,
  parseGrantId,
  parseMeshId,
  parseSpaceId,
  parseSpaceName,
} from '../../../protocols/ids.ts';
import { buildRootPayload, decodeRoot } from '../../../protocols/root.ts';
import { cleanUp, codeOf, newFolder } from '../enrol/mesh.ts';

const mesh = parseMeshId('a'.repeat(26));
const odcm = parseSpaceId('0199b7c2-1f00-4000-8000-000000000001');
const [directoryKey, timestampKey] = [generateEd25519(), generateEd25519()];
const root = decodeRoot(
  buildRootPayload({
    version: 1,
    mesh: parseSpaceName('acme'),
    odcm,
    expiresMs: Date.now() + 1e9,
    roles: {
      root: { keys: [ed25519Raw(generateEd25519())], threshold: 1 },
      directory: { keys: [ed25519Raw(directoryKey)], threshold: 1 },
      timestamp: { keys: [ed25519Raw(timestampKey)], threshold: 1 },
    },
    x509: { root: '0'.repeat(64), issuing: ['1'.repeat(64)] },
  }),
);

const open: Store[] = [];
let folder: string;
let stores = 0;
beforeAll(async () => {
  folder = await newFolder();
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});
afterAll(cleanUp);

async function newStore(name = `store-${stores++}`): Promise<Store> {
  const store = await openLevelStore(join(folder, name));
  open.push(store);
  return store;
}

const follow = async (store: Store, clock = systemClock) =>
  Directory.open({ store, root, mesh, clock, log: silentLog });

async function newWriter({
  clock = systemClock,
  key = directoryKey,
  isClockRegressed = (): boolean => false,
} = {}) {
  const store = await newStore();
  const directory = await follow(store, clock);
  const commits: Commit[] = [];
  const writer = await DirectoryWriter.open({
    directory,
    views: await newStore(),
    blocks: new Blocks(await newStore()),
    directoryKey: key,
    timestampKey,
    space: parseSpaceName('odcm'),
    clock,
    random: systemRandom,
    isClockRegressed,
    onAppended: (commit) => commits.push(commit),
  });
  return { store, directory, writer, commits };
}

const space = (n: number) => ({
  space: parseSpaceId(`0199b7c2-1f00-4000-8000-${String(n).padStart(12, '0')}`),
  name: parseSpaceName(`space-${n}`),
  nodeKey: ed25519Raw(generateEd25519()).toString('base64'),
  exchangeKey: Buffer.alloc(32, n).toString('base64'),
  certificateSha256: 'a'.repeat(64),
  addresses: [`/ip4/192.0.2.1/tcp/${4000 + n}`],
});

const enrol = (writer: DirectoryWriter, n: number) => {
  const payload = space(n);
  return writer.append('SpaceEnrolledV1Event', payload, `space/${payload.space}`);
};

describe('the writer of the directory', () => {
  it('folds, signs and dates every entry before it answers', async () => {
    const { writer, directory, commits } = await newWriter();
    expect(await enrol(writer, 1)).toMatchObject({ status: 'published', index: 0 });
    expect(directory.state.spaceNamed('space-1')?.addresses).toEqual(['/ip4/192.0.2.1/tcp/4001']);
    expect(directory.age).toBe('fresh');
    expect(decodeNote(writer.note).lines).toHaveLength(2);
    expect(commits.map(({ note }) => note)).toEqual([writer.note]);
    expect(directory.judge(writer.note).verdict).toBe('known');
  });

  it('goes on in the epoch that another copy of it has begun, from its next word on', async () => {
    const [one, restored] = [await newWriter(), await newWriter()];
    await enrol(one.writer, 1);
    await enrol(one.writer, 2);
    const { log } = one.directory;
    const source: Parameters<Directory['accept']>[1] = {
      entries: (from, to) => log.segments(from, to),
      hashes: () => Promise.reject(new Error('of so few entries no hashes are needed')),
    };
    await restored.directory.accept(one.writer.note, source);
    await restored.writer.renew();
    expect(decodeNote(restored.writer.note).checkpoint.origin).toBe(one.directory.origin);
    const continues = { size: log.size, root: log.root() };
    const opened: typeof root = { ...root, version: 2, directory: { epoch: 2, continues } };
    await one.directory.adoptRoot(opened);
    await one.writer.begin([]);
    await enrol(one.writer, 3);
    const next = one.directory.log;
    await restored.directory.adoptRoot(opened);
    expect(await codeOf(enrol(restored.writer, 4))).toBe('BUSY');
    await restored.directory.accept(one.writer.note, {
      ...source,
      entries: (from, to) => next.segments(from, to),
    });

    expect(decodeNote(restored.writer.note).checkpoint).toMatchObject({
      origin: one.directory.origin,
      size: next.size,
    });
    expect(await enrol(restored.writer, 4)).toMatchObject({ index: next.size });
    expect(restored.directory.state.spaceNamed('space-4')?.revoked).toBeNull();
    const { checkpoint } = decodeNote(restored.writer.note);
    expect(checkpoint).toMatchObject({ origin: one.directory.origin, size: next.size + 1 });
    expect(one.directory.judge(restored.writer.note).verdict).toBe('newer');
    expect(decodeNote(await restored.writer.renew()).checkpoint).toEqual(checkpoint);
  });

  it('stays silent when it follows into an epoch that has begun elsewhere', async () => {
    const [one, other] = [await newWriter(), await newWriter()];
    await enrol(one.writer, 1);
    const { log } = one.directory;
    const sourceOf = (from: typeof log): Parameters<Directory['accept']>[1] => ({
      entries: (start, end) => from.segments(start, end),
      hashes: () => Promise.reject(new Error('of so few entries no hashes are needed')),
    });
    await other.directory.accept(one.writer.note, sourceOf(log));
    const continues = { size: log.size, root: log.root() };
    const opened: typeof root = { ...root, version: 2, directory: { epoch: 2, continues } };
    await one.directory.adoptRoot(opened);
    await one.writer.begin([]);
    await other.directory.adoptRoot(opened);
    await other.directory.accept(one.writer.note, sourceOf(one.directory.log));
    const silence = new MeshError('UNKNOWN_KEY', 'the root names no directory key of this folder');
    other.writer.keepSilent(silence);
    const { size } = other.directory.log;
    for (const work of [() => other.writer.snapshot(), () => enrol(other.writer, 2)])
      expect(await codeOf(work())).toBe('UNKNOWN_KEY');
    // It came while something was being written.
    other.writer.signWith({ directory: [directoryKey], timestamp: [timestampKey] });
    const writing = codeOf(enrol(other.writer, 2));
    await Promise.resolve();
    await Promise.resolve();
    other.writer.keepSilent(silence);
    expect(await writing).toBe('UNKNOWN_KEY');
    expect(other.directory.log.size).toBe(size);
  });

  it('issues nothing while its clock is set back, and goes on when it is right again', async () => {
    let isClockRegressed = true;
    const { writer, directory } = await newWriter({ isClockRegressed: () => isClockRegressed });
    expect(await codeOf(enrol(writer, 1))).toBe('CLOCK_REGRESSED');
    expect(await codeOf(writer.renew())).toBe('CLOCK_REGRESSED');
    expect(directory.log.size).toBe(0);
    isClockRegressed = false;
    expect(await enrol(writer, 1)).toMatchObject({ status: 'published', index: 0 });
  });

  it('signs nothing while the root names none of its keys, and goes on with those that it names', async () => {
    const { writer, directory } = await newWriter();
    await enrol(writer, 1);
    const { note } = writer;
    writer.keepSilent(
      new MeshError('UNKNOWN_KEY', 'the root names no directory key of this folder'),
    );
    const dated = async () => writer.timestamp(note, 0);
    const writes = [() => enrol(writer, 2), () => writer.renew(), () => writer.begin([])];
    for (const work of [...writes, () => writer.snapshot(), dated])
      expect(await codeOf(work())).toBe('UNKNOWN_KEY');
    expect([directory.log.size, writer.note]).toEqual([1, note]);
    writer.signWith({ directory: [directoryKey], timestamp: [timestampKey] });
    expect(await enrol(writer, 2)).toMatchObject({ index: 1 });
  });

  it('keeps everything over a restart', async () => {
    const { writer, store } = await newWriter();
    for (const n of [1, 2, 3]) await enrol(writer, n);
    const again = await follow(store);
    expect(again.log.size).toBe(3);
    expect(again.age).toBe('fresh');
    expect(again.state.spaceNamed('space-3')).toBeDefined();
  });

  it('takes many at once in their order, and dates between them do no harm', async () => {
    const { writer, directory } = await newWriter();
    const work: Promise<unknown>[] = [];
    for (let n = 1; n <= 40; n++) work.push(enrol(writer, n), writer.renew());
    await Promise.all(work);
    expect(directory.log.size).toBe(40);
    expect([...directory.state.spaces.values()].map(({ entry }) => entry)).toEqual(
      Array.from({ length: 40 }, (_, i) => i),
    );
    expect(directory.state.passedOver).toBe(0);
  });

  it('shows a dated head also while an entry is being written', async () => {
    const { writer, directory } = await newWriter();
    await enrol(writer, 1);
    const writing = enrol(writer, 2);
    let isDone = false;
    void writing.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      expect(decodeNote(writer.note).lines).toHaveLength(2);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(decodeNote(writer.note).checkpoint.size).toBe(directory.log.size);
  });

  it('dates the same entries again without growing the note', async () => {
    let nowMs = Date.now();
    const clock = { nowMs: () => nowMs };
    const { writer, directory } = await newWriter({ clock });
    await enrol(writer, 1);
    nowMs += 3_600_000;
    expect(directory.age).toBe('stale');
    const note = await writer.renew();
    expect(directory.age).toBe('fresh');
    expect(decodeNote(note).lines).toHaveLength(2);
    expect(directory.log.size).toBe(1);
  });

  it('writes nothing when a subject is told again what it is, and grants again after a revocation', async () => {
    const { writer, directory, commits } = await newWriter();
    const payload = space(1);
    await writer.append('SpaceEnrolledV1Event', payload, 'space/1');
    expect(await writer.append('SpaceEnrolledV1Event', payload, 'space/1')).toMatchObject({
      status: 'unchanged',
    });
    expect(commits).toHaveLength(1);
    for (const n of [1, 2]) {
      const grant = parseGrantId(`0199b7c2-1f00-4000-8000-00000000010${n}`);
      const issued = {
        grant,
        subscriber: '*',
        publisher: payload.space,
        feed: '*',
        until: null,
      } as const;
      await writer.append('GrantIssuedV1Event', issued, `grant/${grant}`);
      expect(directory.state.grants.has(grant)).toBe(true);
      await writer.append('GrantRevokedV1Event', { grant }, `ungrant/${grant}`);
      expect(directory.state.grants.size).toBe(0);
    }
  });

  it('refuses an event that breaks its contract or is too large to be carried', async () => {
    const { writer, directory } = await newWriter();
    const bad = { ...space(1), certificateSha256: 'no' };
    expect(await codeOf(writer.append('SpaceEnrolledV1Event', bad, 'space/1'))).toBe(
      'EVENT_INVALID',
    );
    const lastGood = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [`feed-${i}`.padEnd(36, 'x'), i]),
    );
    const huge = { space: odcm, reason: 'leak', lastGood };
    expect(await codeOf(writer.append('SpaceRevokedV1Event', huge, 'revoke/1'))).toBe('TOO_LARGE');
    expect(directory.log.size).toBe(0);
    expect(await codeOf(writer.renew())).toBe('STORE_MISSING');
    expect(await enrol(writer, 1)).toMatchObject({ index: 0 });
  });
});

describe('a directory whose transfer was cut', () => {
  it('behind its last entry is folded all the same, and dated by the same head', async () => {
    const { writer, directory } = await newWriter();
    for (const n of [1, 2, 3]) await enrol(writer, n);
    const copy = await follow(await newStore());
    const source = {
      hashes: () => Promise.reject(new Error('not asked for')),
      async *entries(from: number, to: number) {
        yield* directory.log.segments(from, to);
        throw new Error('the stream broke');
      },
    };
    await expect(copy.accept(writer.note, source)).rejects.toThrow('the stream broke');
    expect(copy.log.size).toBe(3);
    expect(copy.state.spaceNamed('space-3')).toBeDefined();
    expect(await copy.accept(writer.note, source)).toBe('time');
    expect(copy.age).toBe('fresh');
  });
});

describe('a snapshot of the directory', () => {
  const added = (i: number) => ({ context: parseContextName(`c-${i}`), content: 'any' as const });

  it('carries a directory of several tiles to a node that has nothing', async () => {
    const { writer, directory } = await newWriter();
    await enrol(writer, 1);
    await Promise.all(
      Array.from({ length: 600 }, (_, i) =>
        writer.append('ContextAddedV1Event', added(i), `context/${i}`),
      ),
    );
    const copy = await follow(await newStore());
    await importSnapshot(copy, await writer.snapshot());
    expect(copy.log.size).toBe(601);
    expect(copy.log.root()).toEqual(directory.log.root());
    expect(copy.age).toBe('fresh');
    expect(copy.state.contexts.size).toBe(directory.state.contexts.size);

    const part = await follow(await newStore());
    await importSnapshot(part, await writer.snapshot(200_000));
    expect(part.log.size).toBeGreaterThan(0);
    expect(part.log.size).toBeLessThan(601);
    expect(part.age).toBe('unknown');
    // The cut part is the beginning of the same history: what a peer sends next continues it.
    const { log } = directory;
    const peer = {
      entries: (from: number, to: number) => log.segments(from, to),
      hashes: (level: number, from: number, to: number) => log.hashes(level, from, to),
    };
    expect(await part.accept(writer.note, peer)).toBe('newer');
    expect(part.age).toBe('fresh');
    expect(part.log.root()).toEqual(directory.log.root());
  });

  it('of somebody who holds no directory key is refused, and nothing of it is kept', async () => {
    const { writer } = await newWriter({ key: generateEd25519() });
    await enrol(writer, 1);
    const copy = await follow(await newStore());
    expect(await codeOf(importSnapshot(copy, await writer.snapshot()))).toBe('UNKNOWN_KEY');
    expect(copy.log.size).toBe(0);
  });

  it('with any bit changed is refused, and nothing of it is kept', async () => {
    const { writer } = await newWriter();
    for (const n of [1, 2, 3]) await enrol(writer, n);
    const good = await writer.snapshot();
    const copy = await follow(await newStore());
    // The date is a word of its own behind the signed head: without it the directory counts as undated.
    const dateAt = good.indexOf(writer.note) + writer.note.lastIndexOf('\u2014 ');
    const dateEnd = good.indexOf(writer.note) + writer.note.length;
    for (let at = 0; at < good.length; at += 7) {
      if (at >= dateAt && at < dateEnd) continue;
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      expect([at, await codeOf(importSnapshot(copy, bad))]).not.toEqual([at, 'done']);
      expect(copy.log.size).toBe(0);
    }
    const undated = Buffer.from(good);
    // Another letter of base64: a wrong signature, not a note that cannot be read.
    undated[dateEnd - 20] = undated[dateEnd - 20] === 0x41 ? 0x42 : 0x41;
    await importSnapshot(copy, undated);
    expect(copy.age).toBe('unknown');
  });

  it('that is cut, has more at its end, or lacks a segment is refused', async () => {
    const { writer, directory } = await newWriter();
    for (const n of [1, 2]) await enrol(writer, n);
    const good = await writer.snapshot();
    const note = writer.note;
    const segments: Buffer[] = [];
    for await (const segment of directory.log.segments(0, 2)) segments.push(segment);
    const build = (parts: readonly Buffer[]): Buffer => {
      const w = new Writer().array(3).uint(1).bytes(note).array(parts.length);
      for (const part of parts) w.bytes(part);
      return w.take();
    };
    expect(build(segments)).toEqual(good);
    const copy = await follow(await newStore());
    const bad = [
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.of(0)]),
      build([]),
      build(segments.slice(1)),
      build([...segments].reverse()),
    ];
    for (const bytes of bad) expect(await codeOf(importSnapshot(copy, bytes))).not.toBe('done');
    expect(copy.log.size).toBe(0);
    await importSnapshot(copy, good);
    expect(copy.log.size).toBe(2);
  });

  it('never claims more than it holds', async () => {
    const { writer, directory } = await newWriter();
    for (const n of [1, 2, 3]) await enrol(writer, n);
    const signed: number[] = [];
    await encodeSnapshot(directory.log, writer.note, 5_500, (size) => {
      signed.push(size);
      return writer.note;
    });
    expect(signed).toHaveLength(1);
    expect(signed[0]).toBeLessThan(3);
  });
});
