import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkNode } from '../../../node/fsck/check-node.ts';
import { problemLine } from '../../../node/fsck/report.ts';
import { openHome } from '../../../node/home/home.ts';
import { lockHome } from '../../../node/home/lock.ts';
import {
  appliedKey,
  blockKey,
  conflictKey,
  deadLetterKey,
  headKey,
  itemKey,
  logPrefix,
  markKey,
  ownedKey,
  segmentKey,
  subscriptionKey,
  tableRange,
  tileKey,
} from '../../../node/store/keys.ts';
import { sealValue } from '../../../node/store/store.ts';
import { decodeNote, logKey, signCheckpoint } from '../../../protocols/checkpoint.ts';
import { Reader, Writer } from '../../../protocols/codec.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { encodeForkProof, inProofOrder } from '../../../protocols/fork-proof.ts';
import { feedOrigin, formatUuid, parseFeedId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { decodeSegment, packSegments } from '../../../protocols/segment.ts';
import { KEY } from '../../protocols/sample-log.ts';
import { cleanUp, codeOf } from '../enrol/mesh.ts';
import {
  copyOf,
  fingerprint,
  forge,
  fsck,
  ITEMS,
  makeSampleHome,
  problemsOf,
  type SampleHome,
  withDatabase,
} from './sample-home.ts';

let sample: SampleHome;
let logs: SampleHome['logs'];
beforeAll(async () => {
  sample = await makeSampleHome();
  logs = sample.logs;
}, 30_000);
afterAll(cleanUp);

const ENTRIES = ITEMS + 6;

const drop = (dir: string, name: 'log' | 'blocks' | 'views', key: Buffer) =>
  withDatabase(dir, name, (db) => db.del(key));

const flipAt = (at: number) => (value: Buffer) => {
  value[at]! ^= 1;
  return value;
};

/** Changes size, frontier or note of a stored head. */
const changeHead =
  (change: (head: { size: number; hashes: Buffer; note: Buffer }) => object) => (value: Buffer) => {
    const r = new Reader(value);
    r.tuple(3);
    const head = { size: r.uint(), hashes: r.bytes(2000), note: r.bytes(4096) };
    const { size, hashes, note } = { ...head, ...change(head) };
    return new Writer(4096).array(3).uint(size).bytes(hashes).bytes(note).take();
  };

async function blockKeys(dir: string): Promise<Buffer[]> {
  return withDatabase(dir, 'blocks', async (db) => db.keys().all());
}

describe('a store that is as it should be', () => {
  it('has no problems, whatever kinds of feeds are in it', async () => {
    const dir = await copyOf(sample);
    const result = await fsck(dir);
    expect(result.problems).toEqual([]);
    expect(result.databases.map(({ name }) => name)).toEqual([
      'store/log',
      'store/blocks',
      'store/views',
    ]);
    const rows = new Map(result.logs.map((row) => [row.log, row]));
    expect(rows.get('odcm/variables')).toEqual({
      log: 'odcm/variables',
      entries: ENTRIES,
      segments: expect.any(Number),
      tiles: Math.floor(ENTRIES / 256) + 1,
      head: ENTRIES,
      recordsMissing: 0,
      applied: ENTRIES,
      items: ITEMS,
      deadLetters: 0,
    });
    expect(rows.get('odcm/files')).toMatchObject({ entries: 5, items: 4, recordsMissing: 0 });
    expect(rows.get('the directory')).toMatchObject({ entries: 7, head: 7 });
    expect(rows.has('odcm/empty')).toBe(false);
    expect(result.orphans).toEqual({ blocks: 0, bytes: 0, hashes: [] });
  });

  it('may have blocks that no entry names, which are counted and told', async () => {
    const dir = await copyOf(sample);
    const stray = [100, 3_000].map((sizeBytes) => Buffer.alloc(sizeBytes, 'stray'));
    const hashes = stray.map((bytes) => sha256(bytes));
    for (const [i, hash] of hashes.entries())
      await forge(dir, 'blocks', blockKey(hash), () => stray[i]!);
    const { orphans, problems } = await fsck(dir);
    const names = hashes.map((hash) => hash.toString('hex')).sort();
    expect([orphans, problems]).toEqual([{ blocks: 2, bytes: 3_100, hashes: names }, []]);
    // An entry that cannot be read may name anything.
    await drop(dir, 'log', segmentKey(logs.files, 0));
    expect((await fsck(dir)).orphans).toBeNull();
  });

  it('is not changed by the check, in no file and no time', async () => {
    const dir = await copyOf(sample);
    const before = await fingerprint(join(dir, 'store'));
    const names = (await readdir(dir)).sort();
    await fsck(dir);
    expect(await fingerprint(join(dir, 'store'))).toEqual(before);
    expect((await readdir(dir)).sort()).toEqual(names);
  });

  it('may be without views, which the node makes again', async () => {
    const dir = await copyOf(sample);
    for (const name of ['views', 'views.initialised']) {
      await rm(join(dir, 'store', name), { recursive: true });
    }
    expect(await problemsOf(dir)).toEqual([]);
  });

  it('may have a view that is behind its log', async () => {
    const dir = await copyOf(sample);
    const cursor = (applied: number) => () => new Writer().array(2).uint(applied).uint(0).take();
    await forge(dir, 'views', appliedKey(logs.files), cursor(0));
    await withDatabase(dir, 'views', async (db) => {
      for (const item of ['small', 'chunked', 'gone', 'event']) {
        await db.del(itemKey(logs.files, item));
      }
      await db.clear(tableRange('o', logs.files));
    });
    expect(await problemsOf(dir)).toEqual([]);
    await withDatabase(dir, 'blocks', (db) => db.clear());
    const result = await fsck(dir);
    expect(result.problems).toEqual([]);
    expect(result.logs.find(({ log }) => log === 'odcm/files')).toMatchObject({
      recordsMissing: 3,
    });
  });

  it('may have rows of the one batch that its publisher was writing when it was killed', async () => {
    const dir = await copyOf(sample);
    const cursor = (applied: number) => () => new Writer().array(2).uint(applied).uint(0).take();
    await forge(dir, 'views', appliedKey(logs.files), cursor(5 + LIMITS.batchEntries));
    await forge(dir, 'views', appliedKey(logs.empty), cursor(1));
    expect(await problemsOf(dir)).toEqual([]);
    await forge(dir, 'views', appliedKey(logs.files), cursor(6 + LIMITS.batchEntries));
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the view of odcm/files is at entry 1006 and its log ends at 5',
    ]);
  });

  it('is not checked while its node runs', async () => {
    const dir = await copyOf(sample);
    const lock = await lockHome(dir);
    expect(await codeOf(fsck(dir))).toBe('LOCKED');
    await lock.release();
    expect(await codeOf(fsck(dir))).toBe('done');
  });

  it('is left alone and unlocked when the check is stopped', async () => {
    const dir = await copyOf(sample);
    const home = await openHome(dir);
    const stop = new AbortController();
    const running = checkNode({
      ...{ home, signal: stop.signal, nowMs: () => 0 },
      onProgress: () => stop.abort(new Error('stopped')),
    });
    await expect(running).rejects.toThrow('stopped');
    expect((await readdir(dir)).filter((name) => name.startsWith('.fsck'))).toEqual([]);
    expect(await problemsOf(dir)).toEqual([]);
  });

  it('is rid of what a killed check left there', async () => {
    const dir = await copyOf(sample);
    await mkdir(join(dir, '.fsck-0123'));
    await fsck(dir);
    expect((await readdir(dir)).filter((name) => name.startsWith('.fsck'))).toEqual([]);
  });
});

describe('damage to entries', () => {
  it('in a stored value is found by its checksum and named by feed and entry', async () => {
    const dir = await copyOf(sample);
    const key = segmentKey(logs.variables, 256);
    await withDatabase(dir, 'log', async (db) => db.put(key, flipAt(100)((await db.get(key))!)));
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the stored value of the segment at entry 256 of odcm/variables fails its check',
    ]);
  });

  it('in a record is found by its hash when the checksum was made to fit', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'log', segmentKey(logs.variables, 0), (v) => flipAt(v.length - 3)(v));
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^HASH_MISMATCH entry \d+ of odcm\/variables: a record is not the one/),
    ]);
  });

  it('in an entry is found by the tree when the checksum was made to fit', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'log', segmentKey(logs.variables, 0), (value) => {
      const entries = decodeSegment(value).entries;
      // A letter of the event type: any other is canonical there.
      const at = entries[5]!.leaf.indexOf('Published');
      flipAt(at)(entries[5]!.leaf);
      return packSegments(0, entries)[0]!;
    });
    expect(await problemsOf(dir)).toEqual([
      'HASH_MISMATCH the tile 0/0 of odcm/variables is not what its entries give',
      'HASH_MISMATCH the tile 1/0 of odcm/variables is not what its entries give',
      'ROOT_MISMATCH the entries of odcm/variables do not fold to its stored tree',
    ]);
  });

  it('that makes them non-canonical is named by entry', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'log', segmentKey(logs.variables, 0), (value) => {
      decodeSegment(value).entries[5]!.leaf[0] = 0x8b;
      return value;
    });
    expect(await problemsOf(dir)).toEqual([expect.stringMatching(/^[A-Z_]+ entry 5 of odcm\/var/)]);
  });

  it('that breaks a segment is named by its first entry', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'log', segmentKey(logs.variables, 256), (v) => v.subarray(0, 100));
    expect(await problemsOf(dir)).toEqual([
      'MALFORMED the segment at entry 256 of odcm/variables: a segment ends too early',
    ]);
  });

  it.each([
    ['variables', 'odcm/variables'],
    ['directory', 'the directory'],
  ] as const)(
    'that removes a segment of %s is named by the entries that are gone',
    async (log, name) => {
      const dir = await copyOf(sample);
      await drop(dir, 'log', segmentKey(logs[log], 0));
      const [first] = await problemsOf(dir);
      expect(first).toMatch(new RegExp(`^STORE_DAMAGED entries 0 to \\d+ of ${name} are missing$`));
    },
  );

  it('that removes the newest segment is found by the head', async () => {
    const dir = await copyOf(sample);
    await drop(dir, 'log', segmentKey(logs.variables, ENTRIES - 1));
    expect(await problemsOf(dir)).toEqual([
      `STORE_DAMAGED odcm/variables holds ${ENTRIES - 1} entries and its head says ${ENTRIES}`,
    ]);
  });

  it('that stores entries twice is found', async () => {
    const dir = await copyOf(sample);
    const twice = await withDatabase(dir, 'log', async (db) => {
      const sealed = (await db.get(segmentKey(logs.variables, 0)))!;
      return packSegments(10, decodeSegment(sealed.subarray(4)).entries.slice(10, 20))[0]!;
    });
    await forge(dir, 'log', segmentKey(logs.variables, 10), () => twice);
    expect((await problemsOf(dir))[0]).toMatch(
      /^STORE_DAMAGED entries 10 to \d+ of odcm\/variables are stored twice$/,
    );
  });

  it('that moves a feed under an id that nobody knows is found', async () => {
    const dir = await copyOf(sample);
    const stray = logPrefix(Buffer.alloc(16, 7), 1);
    await withDatabase(dir, 'log', async (db) => {
      const sealed = (await db.get(headKey(logs.files)))!;
      await db.put(headKey(stray), sealValue(headKey(stray), sealed.subarray(4)));
    });
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^STORE_DAMAGED log 07070707-.* holds 0 entries and its head says 5$/),
      expect.stringMatching(/^FEED_UNKNOWN the head of log 07070707-/),
    ]);
  });
});

describe('damage to tree and head', () => {
  it('in a tile is named by level and number', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'log', tileKey(logs.variables, 0, 1), flipAt(77));
    await forge(dir, 'log', tileKey(logs.variables, 1, 0), flipAt(33));
    expect(await problemsOf(dir)).toEqual([
      'HASH_MISMATCH the tile 0/1 of odcm/variables is not what its entries give',
      'HASH_MISMATCH the tile 1/0 of odcm/variables is not what its entries give',
    ]);
  });

  it('is found where a tile is missing or one too many', async () => {
    const dir = await copyOf(sample);
    await drop(dir, 'log', tileKey(logs.variables, 0, 1));
    await forge(dir, 'log', tileKey(logs.variables, 0, 9), () => Buffer.alloc(8192));
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the tile 0/9 of odcm/variables is not of its tree',
      'STORE_DAMAGED the tile 0/1 of odcm/variables is missing',
    ]);
  });

  it('in a tile is named once when its checksum fails', async () => {
    const dir = await copyOf(sample);
    const key = tileKey(logs.variables, 0, 1);
    await withDatabase(dir, 'log', async (db) => db.put(key, flipAt(9)((await db.get(key))!)));
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the stored value of a tile of odcm/variables fails its check',
    ]);
  });

  it('in the stored tree is found by folding', async () => {
    const dir = await copyOf(sample);
    const change = changeHead(({ hashes }) => ({ hashes: flipAt(40)(hashes) }));
    await forge(dir, 'log', headKey(logs.variables), change);
    expect(await problemsOf(dir)).toEqual([
      'ROOT_MISMATCH the entries of odcm/variables do not fold to its stored tree',
    ]);
  });

  it('that removes the head of a log is found', async () => {
    const dir = await copyOf(sample);
    await drop(dir, 'log', headKey(logs.variables));
    expect(await problemsOf(dir)).toEqual(['STORE_DAMAGED the head of odcm/variables is missing']);
  });

  it('that breaks the head is found', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'log', headKey(logs.variables), (v) => v.subarray(0, 50));
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^MALFORMED the head of odcm\/variables: /),
    ]);
  });

  it('that puts the signed head of another feed there is found', async () => {
    const dir = await copyOf(sample);
    let other: Buffer = Buffer.alloc(0);
    const keep = changeHead(({ note }) => {
      other = note;
      return {};
    });
    await forge(dir, 'log', headKey(logs.files), keep);
    await forge(
      dir,
      'log',
      headKey(logs.variables),
      changeHead(() => ({ note: other })),
    );
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^WRONG_ORIGIN the head of odcm\/variables: /),
    ]);
  });

  it('that signs the head with another key is found', async () => {
    const dir = await copyOf(sample);
    const { mesh, space } = (await openHome(dir)).config;
    const origin = feedOrigin(mesh, space, parseFeedId(formatUuid(logs.variables.subarray(0, 16))));
    const forged = signCheckpoint(
      { origin, size: ENTRIES, root: Buffer.alloc(32, 1) },
      logKey(origin, KEY.publicKey, KEY.raw),
      KEY.privateKey,
    );
    await forge(
      dir,
      'log',
      headKey(logs.variables),
      changeHead(() => ({ note: forged })),
    );
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^UNKNOWN_KEY the head of odcm\/variables: /),
    ]);
  });

  it('in a head that was kept to be told to others is found', async () => {
    const dir = await copyOf(sample);
    const key = markKey(`held/${logs.variables.toString('hex')}`);
    await forge(dir, 'log', key, () => Buffer.from('no head'));
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^MALFORMED the head of odcm\/variables that was kept: /),
    ]);
  });

  it('that brings back an older signed head is found', async () => {
    const dir = await copyOf(sample);
    const home = await openHome(dir);
    const { mesh, space } = home.config;
    const nodeKey = await home.nodeKey();
    const origin = feedOrigin(mesh, space, parseFeedId(formatUuid(logs.variables.subarray(0, 16))));
    const key = logKey(origin, nodeKey, ed25519Raw(nodeKey));
    for (const [size, message] of [
      [10, `odcm/variables holds ${ENTRIES} entries and its signed head covers 10`],
      [ENTRIES, 'the entries of odcm/variables do not fold to its signed root'],
    ] as const) {
      const note = signCheckpoint({ origin, size, root: Buffer.alloc(32, 1) }, key, nodeKey);
      await forge(
        dir,
        'log',
        headKey(logs.variables),
        changeHead(() => ({ note })),
      );
      expect(await problemsOf(dir)).toEqual([`ROOT_MISMATCH ${message}`]);
    }
  });

  it('by a publisher who signed two histories is told with its evidence', async () => {
    const dir = await copyOf(sample);
    let note: Buffer = Buffer.alloc(0);
    const keep = changeHead((head) => {
      note = head.note;
      return {};
    });
    await forge(dir, 'log', headKey(logs.variables), keep);
    const home = await openHome(dir);
    const nodeKey = await home.nodeKey();
    const { origin, size } = decodeNote(note).checkpoint;
    const key = logKey(origin, nodeKey, ed25519Raw(nodeKey));
    const other = signCheckpoint({ origin, size, root: Buffer.alloc(32, 1) }, key, nodeKey);
    const notes = inProofOrder(decodeNote(note), decodeNote(other));
    const proof = encodeForkProof({ notes, altRoot: null, path: [] });
    const evidence = () => new Writer(4096).array(3).bytes(proof).uint(1).uint(0).take();
    await forge(dir, 'log', conflictKey(logs.variables), evidence);
    expect(await problemsOf(dir)).toEqual([
      `CONFLICT odcm/variables is frozen: heads of ${ENTRIES} and ${ENTRIES} entries contradict each other`,
    ]);
    await forge(dir, 'log', conflictKey(logs.variables), () => Buffer.from('nothing'));
    expect(await problemsOf(dir)).toEqual([
      expect.stringMatching(/^MALFORMED the evidence of a conflict in odcm\/variables: /),
    ]);
  });
});

describe('damage to records and views', () => {
  it('in a block is found by its hash', async () => {
    const dir = await copyOf(sample);
    const [block] = await blockKeys(dir);
    await forge(dir, 'blocks', block!, flipAt(5));
    const problems = await problemsOf(dir);
    expect(problems[0]).toBe(
      `HASH_MISMATCH the block ${block!.toString('hex', 1)} holds other bytes than its hash says`,
    );
  });

  it('that stores a block under another hash is found', async () => {
    const dir = await copyOf(sample);
    const wrong = blockKey(sha256(Buffer.from('something else')));
    await forge(dir, 'blocks', wrong, () => Buffer.from('anything'));
    expect(await problemsOf(dir)).toEqual([
      `HASH_MISMATCH the block ${wrong.toString('hex', 1)} holds other bytes than its hash says`,
    ]);
  });

  it('that loses blocks is named by the entries that need them', async () => {
    const dir = await copyOf(sample);
    await withDatabase(dir, 'blocks', (db) => db.clear());
    expect(await problemsOf(dir)).toEqual([
      'RECORD_MISSING entry 1 of odcm/files: its record is not here',
      'RECORD_MISSING entry 2 of odcm/files: its record is not here',
      'RECORD_MISSING entry 4 of odcm/files: its record is not here',
    ]);
  });

  it('in the row of an item is found by applying the log again', async () => {
    const dir = await copyOf(sample);
    await forge(dir, 'views', itemKey(logs.variables, 'item 004'), flipAt(20));
    await drop(dir, 'views', itemKey(logs.variables, 'item 100'));
    await forge(dir, 'views', itemKey(logs.variables, 'item 1000'), () => Buffer.from('new'));
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the row of "item 004" is not what odcm/variables says of it',
      'STORE_DAMAGED the row of "item 100" is not what odcm/variables says of it',
      'STORE_DAMAGED the row of "item 1000" is not what odcm/variables says of it',
    ]);
  });

  it('that makes a dead letter of a good entry is found', async () => {
    const dir = await copyOf(sample);
    const letter = () => new Writer().array(2).text('NOT_JSON').text('no').take();
    await forge(dir, 'views', deadLetterKey(logs.variables, 3), letter);
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED entry 3 of odcm/variables is a dead letter in its view or in its log, not in both',
    ]);
  });

  it('in what says whose the blocks are is found', async () => {
    const dir = await copyOf(sample);
    const stolen = Buffer.alloc(32, 5);
    const marks = await withDatabase(dir, 'views', (db) =>
      db.keys(tableRange('o', logs.files)).all(),
    );
    // Two files in chunks, and an event too large to lie beside its entry.
    expect(marks).toHaveLength(3 + 2 + 1);
    await drop(dir, 'views', marks[0]!);
    await forge(dir, 'views', ownedKey(logs.variables, stolen), () => Buffer.alloc(0));
    const lost = marks[0]!.toString('hex', 19);
    const where = 'in its view or in its log, not in both';
    expect((await problemsOf(dir)).sort()).toEqual(
      [
        `STORE_DAMAGED block ${stolen.toString('hex')} belongs to odcm/variables ${where}`,
        `STORE_DAMAGED block ${lost} belongs to odcm/files ${where}`,
      ].sort(),
    );
  });

  it('that puts a view ahead of its log is found, also where there is no log', async () => {
    const dir = await copyOf(sample);
    const cursor = () => new Writer().array(2).uint(9999).uint(0).take();
    await forge(dir, 'views', appliedKey(logs.files), cursor);
    await forge(dir, 'views', appliedKey(logs.empty), cursor);
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the view of odcm/files is at entry 9999 and its log ends at 5',
      'STORE_DAMAGED the view of odcm/empty is at entry 9999 and its log ends at 0',
    ]);
  });

  it.each([
    ['is none as far as one batch, which was under way when the process was killed', 1005, []],
    [
      'is one behind that',
      1006,
      ['STORE_DAMAGED the view of odcm/files is at entry 1006 and its log ends at 5'],
    ],
  ])('that puts a view ahead of its log %s', async (_, at, problems) => {
    const dir = await copyOf(sample);
    const cursor = () => new Writer().array(2).uint(at).uint(0).take();
    await forge(dir, 'views', appliedKey(logs.files), cursor);
    expect(await problemsOf(dir)).toEqual(problems);
  });

  it('in a value of a view is named once', async () => {
    const dir = await copyOf(sample);
    const key = itemKey(logs.variables, 'item 100');
    await withDatabase(dir, 'views', async (db) => db.put(key, flipAt(9)((await db.get(key))!)));
    expect(await problemsOf(dir)).toEqual([
      'STORE_DAMAGED the stored value of the item "item 100" in the view of odcm/variables fails its check',
    ]);
  });

  it('that writes rows of no known kind is found in each database', async () => {
    const dir = await copyOf(sample);
    for (const name of ['log', 'blocks', 'views'] as const) {
      await forge(dir, name, Buffer.from('zebra'), () => Buffer.from('?'));
    }
    await forge(dir, 'log', subscriptionKey(Buffer.alloc(16, 9)), () => Buffer.from('?'));
    expect((await problemsOf(dir)).sort()).toEqual([
      expect.stringMatching(/^MALFORMED a subscription: /),
      'STORE_DAMAGED store/blocks holds a row of no known kind (7a65627261)',
      'STORE_DAMAGED store/log holds a row of no known kind (7a65627261)',
      'STORE_DAMAGED store/views holds a row of no known kind (7a65627261)',
    ]);
  });
});

describe('damage to the folder', () => {
  it.each(['log', 'blocks', 'views'])(
    'is found where the file CURRENT of %s is gone',
    async (name) => {
      const dir = await copyOf(sample);
      await rm(join(dir, 'store', name, 'CURRENT'));
      expect((await problemsOf(dir))[0]).toBe(`STORE_MISSING store/${name}/CURRENT is gone`);
    },
  );

  it.each(['log', 'blocks'])('is found where all of %s is gone', async (name) => {
    const dir = await copyOf(sample);
    await rm(join(dir, 'store', name), { recursive: true });
    expect(await problemsOf(dir)).toContain(`STORE_MISSING store/${name} is gone`);
    await rm(join(dir, 'store', `${name}.initialised`));
    expect(await problemsOf(dir)).toContain(
      `STORE_MISSING the file ${name}.initialised beside store/${name} is gone`,
    );
  });

  it('is found where the key of the node is another or none', async () => {
    const dir = await copyOf(sample);
    const path = join(dir, 'keys', 'node.pem');
    await rm(path);
    const missing = expect.stringMatching(/^FILE_UNREADABLE the key of the node: /);
    expect(await problemsOf(dir)).toEqual([missing]);
    await writeFile(path, KEY.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    expect(await problemsOf(dir)).toEqual([
      'UNKNOWN_KEY keys/node.pem is not the key of odcm in the directory',
    ]);
  });

  it('gives each problem in one line with code, thing and what to do', async () => {
    const dir = await copyOf(sample);
    await rm(join(dir, 'store', 'blocks', 'CURRENT'));
    const { problems } = await fsck(dir);
    expect(problems.map(problemLine)).toEqual([
      'STORE_MISSING: store/blocks/CURRENT is gone. Restore the folder store/blocks from a backup.',
    ]);
  });
});
