// A site that never had a network: it joins, gets data, renews its certificate and learns of revocations by files alone.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateFacts } from '../../certs/certificate-facts.ts';
import { TestMesh, until } from './mesh.ts';

const HOOK = fileURLToPath(new URL('../attacks/store/crash-hook.ts', import.meta.url));

const mesh = new TestMesh();
const path = (name: string): string => join(mesh.dir, name);
/** All that the two sides share. */
const stick = (name: string): string => join(mesh.dir, 'stick', name);

beforeAll(async () => {
  await mesh.init();
  mkdirSync(path('stick'));
  await mesh.spaces('library', 'shipping');
});
afterAll(() => mesh.close());

const refused = async (name: string, code: string, ...args: string[]) =>
  expect((await mesh.odcm(name, ...args)).stderr).toContain(`${code}:`);
const verifies = (home: string): string => {
  const certs = ['root', 'issuing', 'space'].map((name) => join(home, 'certs', `${name}.pem`));
  const [root = '', issuing = '', space = ''] = certs;
  const args = ['verify', '-CAfile', root, '-untrusted', issuing, space];
  return execFileSync('openssl', args, { encoding: 'utf8' });
};
const leafOf = (home: string) =>
  certificateFacts(readFileSync(join(home, 'certs', 'space.pem'), 'utf8'));
const DAY_MS = 24 * 3_600_000;
const lifeDays = ({ notBefore, notAfter }: { notBefore: string; notAfter: string }): number =>
  Math.round((Date.parse(notAfter) - Date.parse(notBefore)) / DAY_MS);

describe('a site without a network', () => {
  it('joins by an offer, a request and an answer, once the words were compared', async () => {
    const offer = stick('vault.offer');
    await mesh.ok('odcm', 'invite', 'vault', '--offer', offer, '--ttl', '14d');
    await refused('vault', 'USAGE', 'join', '--offer', offer);
    const asks = ['join', '--offer', offer, '--request', stick('vault.request'), '--json'];
    const asked = JSON.parse((await mesh.ok('vault', ...asks)).stdout);
    await refused('vault', 'NOT_INITIALISED', 'run', '--offline');
    expect(JSON.parse((await mesh.ok('vault', ...asks)).stdout)).toEqual(asked);

    const enrol = ['enrol', stick('vault.request'), '--answer', stick('vault.answer')];
    const unseen = await mesh.odcm('odcm', ...enrol);
    const words: string = asked.words.join(' ');
    expect([unseen.code, unseen.stderr]).toEqual([5, expect.stringContaining(words)]);
    await refused('odcm', 'APPROVAL_REFUSED', ...enrol, '--yes', 'no such words');
    expect(existsSync(stick('vault.answer'))).toBe(false);
    await refused('odcm', 'MALFORMED', 'enrol', offer, '--answer', stick('vault.answer'));
    await refused('library', 'NOT_ODCM', ...enrol, '--yes', words);
    const said = await mesh.ok('odcm', ...enrol, '--yes', words);
    expect(said.stdout).toContain('vault is a space of this mesh now');
    expect((await mesh.ok('odcm', 'enrolments')).stdout).toContain(words);

    await refused('other', 'NOT_INITIALISED', 'join', '--answer', stick('vault.answer'));
    await refused('vault', 'MALFORMED', 'join', '--answer', stick('vault.request'));
    const joined = await mesh.ok('vault', 'join', '--answer', stick('vault.answer'));
    expect(joined.stdout).toContain(words);
    await refused('vault', 'ALREADY_ENROLLED', 'join', '--answer', stick('vault.answer'));
    expect(verifies(mesh.home('vault'))).toContain(': OK');
    expect(lifeDays(leafOf(mesh.home('vault')))).toBe(396);
    await mesh.start('vault', '--offline');
    expect((await mesh.ask('vault', 'status')).name).toBe('vault');
  });

  it('takes bundles from then on', async () => {
    for (const name of ['library', 'shipping'])
      await until(`${name} knows the site`, async () =>
        (await mesh.ask(name, 'spaces')).some((row) => row.name === 'vault'),
      );
    await mesh.ask('library', 'createFeed', {
      body: { name: 'variables', context: 'variables', to: ['vault'] },
    });
    const drafts = [{ item: 'url', payload: { value: 'https://example.org' } }];
    await until('library publishes', () =>
      mesh.ask('library', 'publishEvents', {
        query: { feed: 'variables' },
        body: { drafts },
      }),
    );
    await mesh.ok('library', 'export', stick('library-1'), '--to', 'vault', '--by', 'Barry');
    await mesh.ok('vault', 'import', stick('library-1'), '--by', 'Lisa', '--approve', 'Bob');
    const items = async () => (await mesh.items('vault', 'library/variables')).map((i) => i.item);
    await until('the item is there', async () => (await items()).includes('url'));
  });

  it('gets its next certificate by file, at ODCM of this mesh and for this request only', async () => {
    const [request, answer] = [stick('renew.request'), stick('renew.answer')];
    const before = leafOf(mesh.home('vault'));
    await mesh.ok('vault', 'certificate', 'request', request);
    const first = readFileSync(request);
    await mesh.ok('vault', 'certificate', 'request', request);
    expect(readFileSync(request)).toEqual(first);
    await refused('library', 'NOT_ODCM', 'certificate', 'renew', request, '--answer', answer);
    await refused(
      'odcm',
      'MALFORMED',
      'certificate',
      'renew',
      stick('vault.offer'),
      '--answer',
      answer,
    );
    await mesh.ok('odcm', 'certificate', 'renew', request, '--answer', answer);

    const damaged = stick('damaged');
    const text = readFileSync(answer, 'utf8');
    const file = JSON.parse(text);
    writeFileSync(damaged, JSON.stringify({ ...file, request: '0'.repeat(64) }));
    await refused('vault', 'WRONG_DESTINATION', 'certificate', 'install', damaged);
    writeFileSync(damaged, JSON.stringify({ ...file, mesh: 'a'.repeat(26) }));
    await refused('vault', 'WRONG_MESH', 'certificate', 'install', damaged);
    const ofLibrary = readFileSync(join(mesh.home('library'), 'certs', 'space.pem'), 'utf8');
    file.certificates.leaf = ofLibrary;
    writeFileSync(damaged, JSON.stringify(file));
    await refused('vault', 'BAD_CERTIFICATE', 'certificate', 'install', damaged);
    await refused('vault', 'MALFORMED', 'certificate', 'install', request);
    await refused('library', 'WRONG_DESTINATION', 'certificate', 'install', answer);
    expect(leafOf(mesh.home('vault'))).toEqual(before);

    expect((await mesh.ok('vault', 'certificate', 'install', answer)).stdout).toContain('in force');
    const again = await mesh.ok('vault', 'certificate', 'install', answer);
    expect(again.stdout).toContain('already');
    expect(verifies(mesh.home('vault'))).toContain(': OK');
    const after = leafOf(mesh.home('vault'));
    expect([after.serial === before.serial, lifeDays(after)]).toEqual([false, 396]);
  });

  it('gets new keys by file; what it signed with the former ones still counts', async () => {
    const [request, answer] = [stick('keys.request'), stick('keys.answer')];
    const keysOf = async () => {
      const { key } = await mesh.ask('vault', 'receipt', { query: { space: 'vault', index: 0 } });
      return key.match(/BEGIN PUBLIC KEY/g)?.length;
    };
    await mesh.ok('vault', 'certificate', 'request', request);
    const plain = readFileSync(request);
    const asks = ['certificate', 'request', request, '--new-keys'];
    await mesh.ok('vault', ...asks);
    const first = readFileSync(request);
    await mesh.ok('vault', ...asks);
    expect([readFileSync(request).equals(first), first.equals(plain)]).toEqual([true, false]);

    const renew = ['certificate', 'renew', request, '--answer', answer];
    const { rotation, ...rest } = JSON.parse(first.toString());
    const forged = Buffer.from(rotation, 'base64');
    forged[forged.length - 1]! ^= 1;
    for (const part of [{}, { rotation: forged.toString('base64') }, { rotation: rest.petition }]) {
      writeFileSync(request, JSON.stringify({ ...rest, ...part }));
      await refused('odcm', 'BAD_SIGNATURE', ...renew);
    }
    writeFileSync(request, first);
    await mesh.ok('odcm', ...renew);
    await mesh.ok('odcm', ...renew);

    const before = readFileSync(join(mesh.home('vault'), 'certs', 'space.pem'), 'utf8');
    const early = await mesh.odcm('vault', 'certificate', 'install', answer);
    expect(early.stderr).toContain('the directory here does not name yet');
    expect(await keysOf()).toBe(1);
    const { size } = (await mesh.ask('odcm', 'status')).directory;
    await until(
      'library knows the new keys',
      async () => ((await mesh.ask('library', 'status')).directory.size ?? 0) >= (size ?? 0),
    );
    await mesh.ok('library', 'export', stick('keys'), '--to', 'vault', '--by', 'Barry');
    await mesh.ok('vault', 'import', stick('keys'), '--by', 'Lisa', '--approve', 'Bob');
    await until('they are in force', async () => (await keysOf()) === 2);
    await mesh.ok('vault', 'certificate', 'install', answer);
    expect(readFileSync(join(mesh.home('vault'), 'certs', 'space.pem'), 'utf8')).not.toBe(before);
    expect(verifies(mesh.home('vault'))).toContain(': OK');

    // The node goes by the new keys alone, and signs its next receipt with them.
    await mesh.stop('vault');
    await mesh.start('vault', '--offline');
    await mesh.ok('library', 'export', stick('after'), '--to', 'vault', '--by', 'Barry', '--full');
    await mesh.ok('vault', 'import', stick('after'), '--by', 'Lisa', '--approve', 'Bob');
    const receipts = stick('receipts');
    await mesh.ok('vault', 'receipts', 'export', receipts);
    const query = { space: 'vault', index: 2 };
    const { origin } = await mesh.ask('vault', 'receipt', { query });
    for (const number of [0, 2]) {
      const stem = `vault-00000${number}`;
      const args = [`${stem}.receipt.json`, `${stem}.tlog-proof`, 'vault.pub.pem', origin];
      execFileSync('sh', ['verify.sh', ...args], { cwd: receipts });
    }
    const told = await mesh.ok('library', 'receipts', 'import', receipts);
    expect(told.stdout).toContain('3 receipts, 3 new');
    // Never heard over a network, and not unknown either.
    const { stdout } = await mesh.ok('library', 'spaces', '--columns', 'name,status,heardVia');
    expect(stdout).toMatch(/vault +◇ isolated +receipt 2/);
  });

  it('refuses an exporter from the bundle on that says it was revoked', async () => {
    await mesh.ok('library', 'export', stick('library-2'), '--to', 'vault', '--by', 'Barry');
    await mesh.ask('odcm', 'revoke', { body: { space: 'library', reason: 'key stolen' } });
    await until('shipping knows it', async () =>
      (await mesh.ask('shipping', 'spaces')).some(
        (row) => row.name === 'library' && row.status === 'revoked',
      ),
    );
    await mesh.ok('vault', 'import', stick('library-2'), '--dry-run', '--by', 'Lisa');
    await mesh.ok('shipping', 'export', stick('shipping-1'), '--to', 'vault', '--by', 'Geoff');
    const told = await mesh.ok('vault', 'import', stick('shipping-1'), '--by', 'Lisa', '--dry-run');
    expect(told.stdout).toContain('library');
    await mesh.ok('vault', 'import', stick('shipping-1'), '--by', 'Lisa', '--approve', 'Bob');
    const rows = await mesh.ask('vault', 'spaces');
    expect(rows.find((row) => row.name === 'library')?.status).toBe('revoked');
    await refused('vault', 'REVOKED', 'import', stick('library-2'), '--by', 'Lisa');
  });

  it('reads of its own revocation, gets no more data and no more certificates', async () => {
    const request = stick('last.request');
    await mesh.ok('vault', 'certificate', 'request', request);
    await mesh.ask('odcm', 'revoke', { body: { space: 'vault', reason: 'site closed' } });
    await refused('odcm', 'REVOKED', 'certificate', 'renew', request, '--answer', stick('last'));
    await until('shipping knows it', async () =>
      (await mesh.ask('shipping', 'spaces')).some(
        (row) => row.name === 'vault' && row.status === 'revoked',
      ),
    );
    await mesh.ok('shipping', 'export', stick('shipping-2'), '--to', 'vault', '--by', 'Geoff');
    const manifest = readFileSync(`${stick('shipping-2')}.manifest`, 'utf8');
    expect(manifest.match(/^# log /gm)).toHaveLength(1);
    cpSync(path('stick'), path('carried'), { recursive: true });
    const file = join(path('carried'), 'shipping-2');
    await mesh.ok('vault', 'import', file, '--by', 'Lisa', '--approve', 'Bob');
    const rows = await mesh.ask('vault', 'spaces');
    expect(rows.find((row) => row.name === 'vault')?.status).toBe('revoked');
    expect((await mesh.ok('vault', 'spaces')).stdout).toContain('site closed');
  });
});

describe('an ODCM that is killed while it lets a site in', () => {
  it.each(['enrol.before-append', 'enrol.after-append'])(
    'at %s lets it in once, when the same file is given again',
    async (place) => {
      const name = place.replace('.', '-');
      const [request, answer] = [stick(`${name}.request`), stick(`${name}.answer`)];
      await mesh.ok('odcm', 'invite', name, '--offer', stick(`${name}.offer`));
      const asks = ['join', '--offer', stick(`${name}.offer`), '--request', request, '--json'];
      const { words } = JSON.parse((await mesh.ok(name, ...asks)).stdout) as { words: string[] };
      await mesh.stop('odcm');
      const hook = { nodeFlags: ['--import', HOOK], env: { ODCM_CRASHPOINT: `${place}:1` } };
      await mesh.startWith('odcm', hook);
      const ended = mesh.ended('odcm');
      const enrol = ['enrol', request, '--answer', answer, '--yes', words.join(' ')];
      expect((await mesh.odcm('odcm', ...enrol)).code).not.toBe(0);
      expect([await ended, existsSync(answer)]).toEqual(['SIGKILL', false]);

      await mesh.start('odcm');
      await mesh.ok('odcm', ...enrol);
      const first = readFileSync(answer, 'utf8');
      await mesh.ok('odcm', ...enrol);
      const leaf = (text: string): string =>
        JSON.parse(Buffer.from(JSON.parse(text).answer, 'base64').toString()).certificates.leaf;
      expect(leaf(readFileSync(answer, 'utf8'))).toBe(leaf(first));
      await mesh.ok(name, 'join', '--answer', answer);
      const rows = (await mesh.ask('odcm', 'spaces')).filter((row) => row.name === name);
      expect(rows).toHaveLength(1);
      const { serial } = leafOf(mesh.home(name));
      expect(serial).toBe(certificateFacts(leaf(first)).serial);
    },
  );
});
