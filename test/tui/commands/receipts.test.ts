import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { AS_OF, type CannedNode, refusal, startCannedNode } from './canned-node.ts';

let node: CannedNode;
let folder: string;
beforeEach(async () => {
  node = await startCannedNode();
  folder = await mkdtemp(join(tmpdir(), 'odcm-receipts-'));
});
afterEach(async () => {
  await node.stop();
  await rm(folder, { recursive: true });
});

const ORIGIN = 'odcm/mesh/vault/receipts/1';
const row = (space: string, index: number, isMissing = false): RouteResult<'receipts'> => ({
  ...{ space, index, kind: 'deployment', at: AS_OF, what: 'Web 1.0 to Production', isMissing },
  ...{ outcome: 'ok', by: 'Geoff', bundle: null },
});
/** What the space signed, and what came of it here. */
const holds = (space: string, numbers: readonly number[], missing: readonly number[] = []) => {
  node.answers.receipts = [
    ...numbers.map((index) => row(space, index)),
    ...missing.map((index) => row(space, index, true)),
  ];
  node.answers.receipt = ({ query }: { query: Record<string, unknown> }) => ({
    ...{ index: Number(query['index']), origin: ORIGIN, key: `key of ${query['space']}\n` },
    ...{ receipt: `receipt ${query['index']}`, proof: `proof ${query['index']}` },
  });
};

describe('odcm receipts export', () => {
  it('writes the receipts of this space when no other is named', async () => {
    holds('library', [0, 1]);
    const { exitCode, out, err } = await node.odcm(['receipts', 'export', folder]);
    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toBe(
      `2 receipts of library in ${folder}\nCheck one: sh verify.sh RECEIPT PROOF library.pub.pem ${ORIGIN}\n`,
    );
    expect(node.asked()[0]).toBe('receipts {"space":"library"}');
    expect((await readdir(folder)).sort()).toEqual([
      ...['library-000000.receipt.json', 'library-000000.tlog-proof'],
      ...['library-000001.receipt.json', 'library-000001.tlog-proof'],
      ...['library.pub.pem', 'verify.sh'],
    ]);
    expect((await stat(join(folder, 'verify.sh'))).mode & 0o111).not.toBe(0);
  });

  it('passes on those of another space, with its key, and says which never came here', async () => {
    holds('vault', [0, 2, 12], [1, ...Array.from({ length: 11 }, (_, i) => 20 + i)]);
    const { exitCode, out } = await node.odcm(['receipts', 'export', folder, '--space', 'vault']);
    expect(exitCode).toBe(0);
    expect(out).toContain(`3 receipts of vault in ${folder}\n`);
    expect(out).toContain('Not here: 1, 20, 21, 22, 23, 24, 25, 26, 27, 28 and 2 more\n');
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    expect(await read('vault-000012.receipt.json')).toBe('receipt 12');
    expect(await read('vault-000012.tlog-proof')).toBe('proof 12');
    expect(await read('vault.pub.pem')).toBe('key of vault\n');
  });

  it('keeps those of several spaces beside each other in one folder', async () => {
    for (const space of ['vault', 'depot']) {
      holds(space, [0]);
      await node.odcm(['receipts', 'export', folder, '--space', space]);
    }
    expect((await readdir(folder)).filter((name) => name.endsWith('.json')).sort()).toEqual([
      'depot-000000.receipt.json',
      'vault-000000.receipt.json',
    ]);
  });

  it('begins with a number, and tells machines what it did', async () => {
    holds('vault', [0, 1, 2], [3]);
    const args = ['receipts', 'export', folder, '--space', 'vault', '--since', '2', '--json'];
    const { out } = await node.odcm(args);
    const { rows } = JSON.parse(out);
    expect(rows).toEqual([{ space: 'vault', folder, receipts: 1, missing: 1, origin: ORIGIN }]);
    expect(await readdir(folder)).not.toContain('vault-000001.receipt.json');
  });

  it('writes nothing where there are none, and refuses spaces and numbers that are none', async () => {
    node.answers.receipts = [];
    const { exitCode, out } = await node.odcm(['receipts', 'export', folder, '--space', 'vault']);
    expect([exitCode, out]).toEqual([0, `0 receipts of vault in ${folder}\n`]);
    expect(await readdir(folder)).toEqual([]);
    node.answers.receipts = refusal('SPACE_UNKNOWN', 'there is no space "vualt"');
    const unknown = await node.odcm(['receipts', 'export', folder, '--space', 'vualt']);
    expect([unknown.exitCode, unknown.err]).toEqual([4, expect.stringContaining('SPACE_UNKNOWN')]);
    const since = await node.odcm(['receipts', 'export', folder, '--since', '-1']);
    expect([since.exitCode, since.err]).toEqual([2, expect.stringContaining('is no number')]);
  });

  it('shows in its help how to pass receipts on', async () => {
    const { out } = await node.odcm('receipts export --help');
    expect(out).toContain('--space vault');
  });
});
