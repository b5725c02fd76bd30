import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareHeads } from '../../../node/fork/prove.ts';
import { encodeForkProof, type ForkProof } from '../../../protocols/fork-proof.ts';
import { forked, headOf } from '../../protocols/forked-log.ts';
import { KEY, keyOf, ORIGIN } from '../../protocols/sample-log.ts';
import { type CannedNode, startCannedNode } from './canned-node.ts';

const [one, other] = forked(20, 3, 9);
const proof = (await compareHeads(
  headOf(one.leaves),
  headOf(other.leaves),
  other.prover,
)) as ForkProof;
const EVIDENCE = {
  log: 'library/variables',
  foundAt: '2026-11-20T10:00:00.000Z',
  publicKeys: [KEY.raw.toString('base64')],
  threshold: 1,
  notes: proof.notes.map(({ bytes }) => bytes.toString('utf8')),
  altRoot: proof.altRoot!.toString('base64'),
  path: proof.path.map((hash) => hash.toString('base64')),
  proof: encodeForkProof(proof).toString('base64'),
};
const ROW = {
  ...{ log: 'library/variables', origin: ORIGIN, size: 23, otherSize: 29, common: 20, held: 23 },
  ...{ foundAt: '2026-11-20T10:00:00.000Z', settled: false },
};

describe('odcm forks', () => {
  let node: CannedNode;
  beforeEach(async () => {
    node = await startCannedNode();
  });
  afterEach(() => node.stop());

  it('lists what was forked, and how much of it is still good', async () => {
    node.answers.forks = [ROW];
    const { out, exitCode } = await node.odcm('forks --json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out).rows).toEqual([ROW]);
    expect((await node.odcm('forks')).out).toContain('library/variables');
    expect((await node.odcm(['forks', '--fail-on', 'open>0'])).exitCode).toBe(10);
  });

  it('writes a proof that can be checked without a node', async () => {
    node.answers.fork = EVIDENCE;
    const file = join(node.home, 'proof.json');
    await node.odcm(['forks', 'show', 'library/variables', '--out', file]);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject(EVIDENCE);
    const again = await node.odcm(['forks', 'show', 'library/variables', '--out', file]);
    expect(again.err).toContain('USAGE');
    const { out, exitCode } = await node.odcm(['forks', 'verify', file]);
    expect(exitCode).toBe(0);
    expect(out).toContain(
      `Proven: two histories of ${ORIGIN} were signed, with 23 and 29 entries.`,
    );
    const own = ['--key', KEY.raw.toString('base64')];
    expect((await node.odcm(['forks', 'verify', file, ...own])).exitCode).toBe(0);
  });

  it('refuses a proof that is changed, of another key, or none at all', async () => {
    const check = async (changes: object, ...flags: string[]) => {
      const file = join(node.home, 'changed.json');
      const document = { odcmForkProof: 1, explanation: [], ...EVIDENCE, ...changes };
      await writeFile(file, JSON.stringify(document));
      const { err, exitCode } = await node.odcm(['forks', 'verify', file, ...flags]);
      expect(exitCode).not.toBe(0);
      return err.split(': ')[1];
    };
    const bytes = Buffer.from(EVIDENCE.proof, 'base64');
    bytes[bytes.length - 1]! ^= 1;
    expect(await check({ proof: bytes.toString('base64') })).toBe('ROOT_MISMATCH');
    const stranger = keyOf(0x77).raw.toString('base64');
    expect(await check({ publicKeys: [stranger] })).toBe('UNKNOWN_KEY');
    expect(await check({ publicKeys: [] })).toBe('UNKNOWN_KEY');
    expect(await check({}, '--key', stranger)).toBe('UNKNOWN_KEY');
    expect(await check({}, '--key', 'short')).toBe('USAGE');
    expect(await check({ threshold: 2 })).toBe('UNKNOWN_KEY');
    expect(await check({ odcmForkProof: 2 })).toBe('MALFORMED');
  });
});

describe('a feed that cannot go on', () => {
  let node: CannedNode;
  beforeEach(async () => {
    node = await startCannedNode();
  });
  afterEach(() => node.stop());

  it('is let go on at ODCM, from the most that can be or from a stated size', async () => {
    const root = '0'.repeat(64);
    node.answers.continueFeed = { feed: 'library/variables', epoch: 2, size: 20, root, entry: 31 };
    const { out } = await node.odcm('feed continue library/variables');
    expect(out).toContain('library/variables goes on in epoch 2 after 20 entries');
    await node.odcm('feed continue library/variables --size 20');
    expect(node.asked()).toEqual([
      'continueFeed {"feed":"library/variables"}',
      'continueFeed {"feed":"library/variables","size":20}',
    ]);
    expect((await node.odcm('feed continue library/variables --size many')).err).toContain('USAGE');
  });

  it('or is held is let out by its operator', async () => {
    node.answers.releaseFeed = { feed: 'library/variables', released: 2 };
    const { out } = await node.odcm('feed release variables');
    expect(out).toBe('library/variables is released, with 2 entries that were held.\n');
  });
});

describe('odcm directory', () => {
  let node: CannedNode;
  beforeEach(async () => {
    node = await startCannedNode();
  });
  afterEach(() => node.stop());
  const at = '2026-11-20T10:00:00.000Z';
  const lastGood = { 'payments/targets': 7 };
  const lapse = { kind: 'space' as const, name: 'payments', about: 'stolen', at, lastGood };
  const keys = { space: 'library', at, nodeKey: '0c'.repeat(32), from: ['odcm', 'library'] };
  const found = {
    ...{ epoch: 2, size: 7, root: 'ab'.repeat(32), opened: false, revocations: [lapse] },
    newKeys: [keys],
    histories: [
      {
        ...{ from: ['odcm', 'library'], size: 8 },
        entries: [{ index: 7, event: 'SpaceRevokedV1Event', about: 'payments', at, lastGood }],
      },
      { from: ['shipping'], size: 7, entries: [] },
    ],
    ...{ unseen: ['vault'], missing: [9] },
  };

  it('shows where it can go on, what stands behind that, and what the keepers sign', async () => {
    node.answers.directoryHistories = found;
    const { out, exitCode } = await node.odcm('directory histories --at 7');
    expect(exitCode).toBe(0);
    expect(node.received.at(-1)?.query).toEqual({ size: 7 });
    for (const text of [
      'in epoch 2 after 7 entries',
      'As odcm, library have it, 8 entries',
      'SpaceRevokedV1Event  payments',
      'SpaceRevokedV1Event  payments  (good: payments/targets to entry 7)',
      'payments is shut out (stolen; good: payments/targets to entry 7)',
      'not connected: vault',
      'New keys; a node that runs asks for them again by itself, others are named with --keys',
      'library, node key 0c0c0c0c0c0c0c0c…, as shown by odcm, library',
      'leads to 9 entries',
      `odcm root rotate --continue-directory 7:${found.root} --out epoch-2.root.json --add-directory-key KEY --drop-directory-key ID`,
      'odcm keys next directory',
    ])
      expect(out).toContain(text);
    node.answers.directoryHistories = { ...found, opened: true };
    expect((await node.odcm('directory histories')).out).toContain('odcm directory continue');
    expect(JSON.parse((await node.odcm('directory histories --json')).out).rows).toMatchObject([
      { index: 7, lastGood },
    ]);
    expect((await node.odcm('directory histories --at x')).err).toContain('USAGE');
  });

  it('begins the epoch, and says who stays shut out', async () => {
    const begun = { epoch: 2, size: 7, rekeyed: [], newKeys: [keys, keys] };
    node.answers.continueDirectory = { ...begun, reissued: [lapse], leftOut: [] };
    const { out } = await node.odcm('directory continue');
    expect(out).toContain('goes on in epoch 2 after 7 entries');
    expect(out).toContain('Written again: payments is shut out (stolen; good: payments/targets');
    const former = 'library goes by its former keys until its node, once connected, has asked';
    expect(out.split(former)).toHaveLength(2);
    expect(out).toContain('If it does not come: odcm directory continue --keys library');
    const json = JSON.parse((await node.odcm('directory continue --json')).out);
    expect(json.rows).toMatchObject([{ name: 'payments', lastGood, isWritten: true }]);
    const rekeyed = { ...begun, rekeyed: [keys], newKeys: [] };
    node.answers.continueDirectory = { ...rekeyed, reissued: [], leftOut: [lapse] };
    const left = await node.odcm(
      'directory continue --without payments --without ledger --keys library --unseen',
    );
    expect(left.out).toContain('Left out: payments');
    expect(left.out).toContain('Written again: the new keys of library, node key 0c0c');
    expect(left.out).not.toContain('goes by its former keys');
    expect(node.asked()).toContain(
      'continueDirectory {"without":["payments","ledger"],"keys":["library"],"unseen":true}',
    );
  });
});
