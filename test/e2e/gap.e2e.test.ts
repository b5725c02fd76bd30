// Three parts that share nothing but a folder: a mesh, a courier, and a node without a network.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './mesh.ts';

const mesh = new TestMesh();
const [OUT, CARRIED, BACK] = ['out', 'carried', 'back'].map((name) => join(mesh.dir, name)) as [
  string,
  string,
  string,
];

beforeAll(async () => {
  await mesh.init();
  await mesh.spaces('library');
  await mesh.enlist('vault');
  await mesh.ask('library', 'createFeed', {
    body: { name: 'variables', context: 'variables', to: ['vault'] },
  });
  await mesh.ask('library', 'createFeed', {
    body: { name: 'templates', context: 'step-templates', to: 'all' },
  });
  for (const folder of [OUT, CARRIED, BACK]) mkdirSync(folder);
});
afterAll(() => mesh.close());

const publish = (feed: string, count: number, round: number) =>
  mesh.ask('library', 'publishEvents', {
    query: { feed },
    body: {
      drafts: Array.from({ length: count }, (_, i) => ({
        item: `item ${i}`,
        payload: { value: `${round}.${i}` },
      })),
    },
  });

const carry = (from: string, to: string) => cpSync(from, to, { recursive: true });

describe('an air gap', () => {
  it('is crossed by what was approved, and by nothing else', async () => {
    await publish('variables', 300, 1);
    await publish('templates', 20, 1);
    await until(
      'library knows its feeds',
      async () => (await mesh.ask('library', 'feeds')).length >= 2,
    );
    const exported = JSON.parse(
      (
        await mesh.ok(
          'library',
          'export',
          join(OUT, 'vault-000001'),
          '--to',
          'vault',
          '--by',
          'Barry',
          '--json',
        )
      ).stdout,
    );
    expect(exported.rows[0]).toMatchObject({
      space: 'vault',
      sequence: 1,
      base: 0,
      absent: [],
      missing: [],
    });
    expect(readdirSync(OUT).sort()).toEqual([
      'vault-000001.car',
      'vault-000001.manifest',
      'vault-000001.manifest.p7s',
    ]);
    execFileSync('sha256sum', ['-c', '--strict', 'vault-000001.manifest'], { cwd: OUT });
    execFileSync(
      'openssl',
      [
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        'vault-000001.manifest.p7s',
        '-content',
        'vault-000001.manifest',
        '-CAfile',
        join(mesh.home('odcm'), 'certs', 'root.pem'),
        '-out',
        '/dev/null',
      ],
      { cwd: OUT, stdio: 'pipe' },
    );
    carry(OUT, CARRIED);

    await mesh.start('vault', '--offline');
    const file = join(CARRIED, 'vault-000001');
    const looked = await mesh.ok('vault', 'import', file, '--dry-run', '--by', 'Lisa');
    expect(looked.stdout).toContain('library/variables: 300 new, 0 changed, 0 withdrawn, sealed');
    expect((await mesh.ask('vault', 'crossings')).length).toBe(0);
    const brought = await mesh.ok('vault', 'import', file, '--by', 'Lisa');
    expect(brought.stdout).toContain('state: waiting, 0 of 1 approval');
    expect((await mesh.feed('vault', 'library/variables'))?.held ?? 0).toBe(0);
    await mesh.ok('vault', 'gap', 'approve', 'library', '1', '--by', 'Bob');
    await mesh.level('vault', 'library/templates', 20);
    expect(await mesh.items('vault', 'library/variables')).toHaveLength(300);
    const one = await mesh.ok('vault', 'get', 'library/variables', 'item 7');
    expect(one.stdout).toContain('1.7');
  });
});
