import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMeshError } from '../../../protocols/errors.ts';
import {
  decodeTlogProof,
  encodeTlogProof,
  verifyTlogProof,
} from '../../../protocols/gap/tlog-proof.ts';
import { receiptsOrigin } from '../../../protocols/ids.ts';
import { codeOf, flipBit } from '../../certs/fixtures.ts';
import { repository } from '../../docs/repository.ts';
import { KEY, MESH, ORIGIN, proofsOf, publicKey, receipt, VAULT } from './receipt-samples.ts';

const SIZES = [1, 2, 3, 5, 8, 13];
const leaves = (count: number) =>
  Array.from({ length: count }, (_, n) => receipt({ id: `ServerTasks-${n}` }));

describe('the proof of a receipt', () => {
  it('holds for every place in logs of many sizes, and for no other', async () => {
    for (const size of SIZES) {
      const all = leaves(size);
      const proofs = await proofsOf(all);
      for (const [index, bytes] of proofs.entries()) {
        const proof = decodeTlogProof(bytes);
        expect(verifyTlogProof(proof, all[index]!, ORIGIN, KEY).size).toBe(size);
        if (size === 1) continue;
        const other = all[(index + 1) % size]!;
        expect(codeOf(() => verifyTlogProof(proof, other, ORIGIN, KEY))).toBe('ROOT_MISMATCH');
        const elsewhere = { ...proof, index: (index + 1) % size };
        expect(codeOf(() => verifyTlogProof(elsewhere, all[index]!, ORIGIN, KEY))).toBe(
          'ROOT_MISMATCH',
        );
      }
    }
  });

  it('is of one log', async () => {
    const [leaf] = leaves(1);
    const proof = decodeTlogProof((await proofsOf([leaf!]))[0]!);
    const other = receiptsOrigin(MESH, VAULT, 2);
    expect(codeOf(() => verifyTlogProof(proof, leaf!, other, KEY))).toBe('WRONG_ORIGIN');
  });

  it('is refused whichever of its bits is another', async () => {
    const all = leaves(5);
    const bytes = (await proofsOf(all))[3]!;
    const text = bytes.toString();
    const harmless: string[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = flipBit(bytes, bit);
      try {
        verifyTlogProof(decodeTlogProof(other), all[3]!, ORIGIN, KEY);
        harmless.push(text.slice(bit >> 3, (bit >> 3) + 1));
      } catch (error) {
        if (!isMeshError(error)) throw error;
      }
    }
    expect(harmless).toEqual([]);
  });

  it.each<[string, (text: string) => string]>([
    ['of another version', (t) => t.replace('@v1', '@v2')],
    ['without its index', (t) => t.replace(/index .*\n/, '')],
    ['with an index that has a nought in front', (t) => t.replace('index ', 'index 0')],
    ['with a hash too short', (t) => t.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\nAAAA\n')],
    ['with forty-one hashes', (t) => t.replace(/\n\n/, `\n${`${'A'.repeat(43)}=\n`.repeat(41)}\n`)],
    ['without a checkpoint', (t) => t.split('\n\n')[0]!],
  ])('%s is refused', async (_, change) => {
    const text = (await proofsOf(leaves(5)))[3]!.toString();
    expect(codeOf(() => decodeTlogProof(Buffer.from(change(text))))).toBe('MALFORMED');
  });

  it('above its limit is refused before it is read', () => {
    expect(codeOf(() => decodeTlogProof(Buffer.alloc(9000, 'a')))).toBe('TOO_LARGE');
  });
});

const found = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!found)('verify.sh, with openssl and sh alone,', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  const script = join(repository, 'protocols/gap/verify.sh');
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('sh', [script, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const all = leaves(13);
  let proofs: Buffer[];
  const check = async (leaf: Buffer, proof: Buffer, origin: string = ORIGIN) => {
    await Promise.all([writeFile(file('receipt'), leaf), writeFile(file('proof'), proof)]);
    return run(file('receipt'), file('proof'), file('key.pem'), origin);
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'odcm-receipt-'));
    await writeFile(file('key.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
    proofs = await proofsOf(all);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('accepts each receipt of a log and prints its statement', async () => {
    for (const [index, leaf] of all.entries()) {
      const { status, stdout, stderr } = await check(leaf, proofs[index]!);
      expect([index, status, stderr]).toEqual([index, 0, '']);
      expect(stdout.split('\n').slice(0, 3)).toEqual([
        'signature of the log: OK',
        'signature of the receipt: OK',
        'place in the log: OK',
      ]);
      expect(JSON.parse(stdout.split('\n')[3]!).predicate.id).toBe(`ServerTasks-${index}`);
    }
  });

  it('accepts what a former key has signed where the file holds all keys, and no other', async () => {
    const other = generateKeyPairSync('ed25519').publicKey;
    const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' });
    await Promise.all([writeFile(file('receipt'), all[6]!), writeFile(file('proof'), proofs[6]!)]);
    const verdictBy = async (keys: string) => {
      await writeFile(file('keys.pem'), keys);
      return run(file('receipt'), file('proof'), file('keys.pem'), ORIGIN).status;
    };
    expect(await verdictBy(`${pem(other)}${pem(publicKey)}`)).toBe(0);
    expect(await verdictBy(`${pem(other)}`)).toBe(1);
    expect(await verdictBy('')).toBe(1);
  });

  it('refuses what the program refuses', async () => {
    const [leaf, proof] = [all[6]!, proofs[6]!];
    const text = proof.toString();
    const cases: [Buffer, Buffer, string][] = [
      [all[7]!, proof, 'place in the log: WRONG'],
      [leaf, proofs[7]!, 'place in the log: WRONG'],
      [leaf, Buffer.from(text.replace('index 6', 'index 5')), 'place in the log: WRONG'],
      [leaf, Buffer.from(text.replace('index 6', 'index 99')), 'place in the log: WRONG'],
      [leaf, Buffer.from(text.replace('\n13\n', '\n14\n')), 'signature of the log: WRONG'],
      [leaf, Buffer.from(text.replace('@v1', '@v2')), 'form of the proof: WRONG'],
      [
        Buffer.from(leaf.toString().replace('"sig":"', '"sig":"A')),
        proof,
        'signature of the receipt: WRONG',
      ],
      [
        Buffer.from(leaf.toString().replace('"payload":"e', '"payload":"f')),
        proof,
        'signature of the receipt: WRONG',
      ],
      [leaf, encodeTlogProof(6, [], decodeTlogProof(proof).note.bytes), 'place in the log: WRONG'],
    ];
    for (const [leafBytes, proofBytes, why] of cases) {
      const { status, stderr } = await check(leafBytes, proofBytes);
      expect([status, stderr]).toEqual([1, `${why}\n`]);
    }
    const elsewhere = await check(leaf, proof, receiptsOrigin(MESH, VAULT, 2));
    expect(elsewhere).toMatchObject({ status: 1, stderr: 'origin of the log: WRONG\n' });
  });

  it('says how it is called when it is called otherwise', () => {
    const { status, stderr } = run('one');
    expect(status).toBe(2);
    expect(stderr).toContain('sh verify.sh RECEIPT PROOF KEY ORIGIN');
  });
});
