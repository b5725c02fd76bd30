// Three parts that share nothing but a folder: a mesh, a courier, and a node without a network.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './mesh.ts';

const mesh = new TestMesh();
const [OUT, CARRIED, BACK, DROP] = ['out', 'carried', 'back', 'drop'].map((name) =>
  join(mesh.dir, name),
) as [string, string, string, string];

beforeAll(async () => {
  await mesh.init();
  await mesh.spaces('library', 'platform');
  await mesh.enlist('vault');
  // Before it is taken behind the gap.
  await mesh.start('vault');
  await until('vault makes its feed', () =>
    mesh.ask('vault', 'createFeed', {
      body: { name: 'deployments', context: 'deployments', to: ['library'] },
    }),
  );
  await mesh.stop('vault');
  await mesh.ask('library', 'createFeed', {
    body: { name: 'variables', context: 'variables', to: ['vault'] },
  });
  await mesh.ask('library', 'createFeed', {
    body: { name: 'templates', context: 'step-templates', to: 'all' },
  });
  for (const folder of [OUT, CARRIED, BACK, DROP]) mkdirSync(folder);
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

const deploy = (...ids: string[]) => {
  const at = new Date().toISOString();
  const drafts = ids.map((id) => ({
    item: id,
    payload: {
      ...{ id, project: 'Web', release: '1.2.0', environment: 'Production', outcome: 'ok' },
      ...{ startedAt: at, endedAt: at, by: 'Geoff' },
    },
  }));
  return mesh.ask('vault', 'publishEvents', { query: { feed: 'deployments' }, body: { drafts } });
};

const receipts = (name: string) => mesh.ask(name, 'receipts');

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
    const rootCa = join(mesh.home('odcm'), 'certs', 'root.pem');
    const inspect = ['inspect', join(CARRIED, 'vault-000001.car')];
    const inspected = await mesh.odcm('nobody', ...inspect);
    expect([inspected.code, inspected.stdout]).toEqual([
      0,
      expect.stringContaining('bundle 1 of library for vault: files, sums and signature agree'),
    ]);
    expect(inspected.stdout).toContain('NOT checked (no --root)');
    const checked = await mesh.odcm('nobody', ...inspect, '--root', rootCa, '--json');
    expect(JSON.parse(checked.stdout)).toMatchObject({
      signer: { isChainVerified: true },
      missing: [],
      manifest: { sequence: 1, exporter: { name: 'library' } },
    });
    const other = join(mesh.home('odcm'), 'certs', 'issuing.pem');
    const refused = await mesh.odcm('nobody', ...inspect, '--root', other);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('BAD_CERTIFICATE')]);

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

  it('brings home signed receipts of what was applied and deployed, and shows the missing one', async () => {
    await deploy('Deployments-1', 'Deployments-2');
    await until('three receipts', async () => (await receipts('vault')).length === 3);
    await mesh.ok('vault', 'receipts', 'export', BACK);
    const origin = (await mesh.ask('vault', 'receipt', { query: { space: 'vault', index: 0 } }))
      .origin;
    const check = (number: number, proof = number) =>
      execFileSync(
        'sh',
        [
          'verify.sh',
          `vault-00000${number}.receipt.json`,
          `vault-00000${proof}.tlog-proof`,
          'vault.pub.pem',
          origin,
        ],
        { cwd: BACK, encoding: 'utf8', stdio: 'pipe' },
      );
    for (const number of [0, 1, 2]) expect(check(number).match(/: OK$/gm)).toHaveLength(3);
    expect(check(2)).toContain('"id":"Deployments-2"');
    expect(() => check(1, 2)).toThrow('place in the log: WRONG');

    const [first, last] = [0, 2].map((number) => join(BACK, `vault-00000${number}.receipt.json`));
    await mesh.ok('library', 'receipts', 'verify', BACK);
    expect(await receipts('library')).toEqual([]);
    await mesh.ok('library', 'receipts', 'import', first!, last!);
    expect(await receipts('library')).toMatchObject([
      { index: 0, kind: 'import', bundle: { exporter: 'library', sequence: 1 } },
      { index: 1, isMissing: true },
      { index: 2, kind: 'deployment', what: 'Web 1.2.0 to Production', by: 'Geoff' },
    ]);
    const [crossing] = await mesh.ask('library', 'crossings');
    expect(crossing).toMatchObject({ way: 'out', sequence: 1, state: 'acknowledged' });
    const watched = await mesh.odcm('library', 'receipts', 'list', '--fail-on', 'missing>0');
    expect([watched.code, watched.stdout]).toEqual([10, expect.stringContaining('missing')]);
  });

  it('lets receipts come as a code and by way of a third space', async () => {
    const { stdout: code } = await mesh.ok('vault', 'receipts', 'qr', '1', '--text');
    const args = ['receipts', 'import', '-', '--home', mesh.home('platform')];
    expect((await mesh.run(args, { input: code })).stderr).toBe('');
    const passedOn = await mesh.ok('platform', 'receipts', 'qr', '1', '--space', 'vault', '--text');
    expect(passedOn.stdout).toBe(code);
    const passed = join(mesh.dir, 'passed-on');
    await mesh.ok('platform', 'receipts', 'export', passed, '--space', 'vault');
    expect(readdirSync(passed).sort()).toEqual([
      ...['vault-000001.receipt.json', 'vault-000001.tlog-proof', 'vault.pub.pem', 'verify.sh'],
    ]);
    const { origin } = await mesh.ask('platform', 'receipt', {
      query: { space: 'vault', index: 1 },
    });
    const files = ['vault-000001.receipt.json', 'vault-000001.tlog-proof', 'vault.pub.pem'];
    const checked = execFileSync('sh', ['verify.sh', ...files, origin], { cwd: passed });
    expect(checked.toString().match(/: OK$/gm)).toHaveLength(3);
    await mesh.run(['receipts', 'import', '-', '--home', mesh.home('library')], { input: code });
    expect((await receipts('library')).map(({ isMissing }) => isMissing)).toEqual([
      false,
      false,
      false,
    ]);
    const forged = join(mesh.dir, 'forged.receipt.json');
    const text = readFileSync(join(BACK, 'vault-000001.receipt.json'), 'utf8');
    writeFileSync(forged, text.replace('"payload":"e', '"payload":"f'));
    cpSync(join(BACK, 'vault-000001.tlog-proof'), join(mesh.dir, 'forged.tlog-proof'));
    expect((await mesh.odcm('library', 'receipts', 'import', forged)).code).not.toBe(0);
  });

  it('carries revocations and only what is new, pushed into and taken from a drop folder', async () => {
    await publish('variables', 7, 2);
    await mesh.ask('odcm', 'revoke', { body: { space: 'platform', reason: 'key stolen' } });
    await until('library knows it', async () => {
      const rows = await mesh.ask('library', 'spaces');
      return rows.find(({ name }) => name === 'platform')?.revokedFor;
    });
    const push = ['gap', 'push', 'vault', '--into', DROP, '--by', 'Barry', '--once'];
    await mesh.ok('library', ...push);
    await mesh.ok('library', ...push);
    expect(readdirSync(DROP).filter((name) => name.endsWith('.manifest'))).toEqual([
      'vault-000002.manifest',
    ]);
    const manifest = readFileSync(join(DROP, 'vault-000002.manifest'), 'utf8');
    expect(manifest).toContain('# base 1\n');
    expect(manifest).not.toMatch(/ from 0 to /);

    await mesh.ok('vault', 'gap', 'watch', DROP, '--by', 'Lisa', '--once');
    const [waiting] = await mesh.ask('vault', 'crossings');
    expect(waiting).toMatchObject({ way: 'in', sequence: 2, state: 'waiting', by: 'Lisa' });
    await mesh.ok('vault', 'gap', 'approve', 'library', '2', '--by', 'Bob');
    await until('the new version is there', async () =>
      (await mesh.ok('vault', 'get', 'library/variables', 'item 6')).stdout.includes('2.6'),
    );
    const platform = (await mesh.ask('vault', 'spaces')).find(({ name }) => name === 'platform');
    expect(platform?.revokedFor).toBe('key stolen');
    const audit = (await mesh.ask('vault', 'gapAudit', { query: { limit: 100 } })).map(
      ({ what, by }) => `${what} ${by}`,
    );
    expect(audit).toEqual(['imported Lisa', 'approved Bob', 'imported Lisa', 'approved Bob']);
  });
});
