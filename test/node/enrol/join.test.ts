import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain } from '../../../certs/chain.ts';
import { makeToken, parseToken } from '../../../certs/token.ts';
import { systemClock } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { openHome } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import {
  cleanUp,
  codeOf,
  init,
  joinWith,
  newFolder,
  type Odcm,
  refusalOf,
  startOdcm,
} from './mesh.ts';

let folder: string;
let odcm: Odcm;
let other: Odcm;
beforeAll(async () => {
  folder = await newFolder();
  await Promise.all([init({ dir: join(folder, 'odcm') }), init({ dir: join(folder, 'other') })]);
  odcm = await startOdcm(join(folder, 'odcm'));
  other = await startOdcm(join(folder, 'other'));
});
afterAll(cleanUp);

const place = (name: string): string => join(folder, name);
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

async function directoryOf(dir: string) {
  const home = await openHome(dir);
  const store = await openLevelStore(home.paths.log);
  const { mesh } = home.config;
  const directory = await Directory.open({
    store,
    root: home.root.root,
    mesh,
    clock: systemClock,
    log: silentLog,
  });
  await store.close();
  return { home, directory };
}

describe('joining with a token', () => {
  it('makes a node with its keys, a certificate that verifies, and the whole directory', async () => {
    const dir = place('library');
    const joined = await joinWith(dir, await odcm.token('library'), {
      announce: ['/ip4/192.0.2.7/tcp/4101'],
      acceptForced: true,
    });
    expect(joined).toMatchObject({
      name: 'library',
      meshName: 'acme',
      mesh: odcm.home.config.mesh,
    });
    const { home, directory } = await directoryOf(dir);
    expect(home.config).toEqual({
      version: 1,
      mesh: odcm.home.config.mesh,
      meshName: 'acme',
      space: joined.space,
      name: 'library',
      role: 'space',
      listen: joined.listen,
      announce: ['/ip4/192.0.2.7/tcp/4101'],
      acceptForced: true,
    });
    expect(joined.listen[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d+$/);
    const nodeKey = ed25519Raw(await home.nodeKey());
    const { leaf, issuing, root } = await home.certificates();
    const chain = verifyChain({
      leafPem: leaf,
      issuingPem: issuing,
      rootPem: root,
      pins: home.root.root.x509,
      mesh: home.config.mesh,
      space: joined.space,
      nowMs: Date.now(),
    });
    expect(chain.nodeKey).toEqual(nodeKey);
    expect(directory.age).toBe('fresh');
    expect(directory.state.spaceWithKey(nodeKey)).toMatchObject({
      id: joined.space,
      name: 'library',
      addresses: ['/ip4/192.0.2.7/tcp/4101'],
    });
    expect(directory.state.spaceNamed('odcm')?.id).toBe(home.root.root.odcm);
    expect(odcm.directory.state.spaceNamed('library')?.nodeKey).toEqual(nodeKey);
  });

  it('shows both sides the same six words, also after a restart of ODCM', async () => {
    const { words, space } = await joinWith(place('words'), await odcm.token('words'));
    expect(words).toHaveLength(6);
    expect(odcm.server.enrolments().find((row) => row.space === space)).toMatchObject({
      name: 'words',
      words,
    });
    await odcm.stop();
    odcm = await startOdcm(join(folder, 'odcm'));
    expect(odcm.server.enrolments().find((row) => row.space === space)?.words).toEqual(words);
  });

  it('keeps every file of the node from other users', async () => {
    const dir = place('private');
    await joinWith(dir, await odcm.token('private'));
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    for (const path of [
      'node.json',
      'keys/node.pem',
      'keys/exchange.pem',
      'keys/tls.pem',
      'certs/space.pem',
      'root/1.root.json',
    ]) {
      expect([path, (await stat(join(dir, path))).mode & 0o777]).toEqual([path, 0o600]);
    }
  });

  it('is accepted by openssl as a chain of certificates', async () => {
    const dir = place('openssl');
    await joinWith(dir, await odcm.token('openssl'));
    const { paths } = await openHome(dir);
    const args = [
      'verify',
      '-x509_strict',
      '-CAfile',
      paths.rootCertificate,
      '-untrusted',
      paths.issuingCertificate,
    ];
    const { stdout } = await promisify(execFile)('openssl', [...args, paths.spaceCertificate]);
    expect(stdout).toContain(': OK');
  });

  it('finds ODCM by a name, in place of what the token says', async () => {
    const { id, secret, fingerprint } = parseToken(await odcm.token('by-name'));
    const rawId = Buffer.alloc(5);
    // The id is base32 of five bytes; a token without an endpoint is the same token cut before the @.
    expect(makeToken({ id: rawId, secret, fingerprint })).not.toContain('@');
    const bare = (await odcm.token('by-name')).split('@')[0]!;
    expect(id).toHaveLength(8);
    expect(await codeOf(joinWith(place('by-name'), bare))).toBe('USAGE');
    const at = { host: 'localhost', port: odcm.endpoint.port };
    expect((await joinWith(place('by-name'), bare, { at })).name).toBe('by-name');
  });

  it('gives a directory that is too large in part, with the way to ODCM in it', async () => {
    const dir = place('large-odcm');
    await init({ dir });
    const large = await startOdcm(dir, { snapshotBytes: 20_000 });
    for (let i = 0; i < 60; i++) {
      await large.writer.append(
        'ContextAddedV1Event',
        { context: `c${i}` as never, content: 'any' },
        `context/c${i}`,
      );
    }
    await joinWith(place('large'), await large.token('late'));
    const { directory } = await directoryOf(place('large'));
    expect(directory.age).toBe('unknown');
    expect(directory.log.size).toBeLessThan(large.directory.log.size);
    expect(directory.state.spaceNamed('odcm')?.addresses).toHaveLength(1);
    await large.stop();
  });
});

describe('a token', () => {
  it('works once', async () => {
    const token = await odcm.token('once');
    await joinWith(place('once'), token);
    expect(await codeOf(joinWith(place('twice'), token))).toBe('TOKEN_USED');
    expect(await isThere(place('twice'))).toBe(false);
  });

  it('is still used after a restart of ODCM', async () => {
    const token = await odcm.token('restart');
    await joinWith(place('restart'), token);
    await odcm.stop();
    odcm = await startOdcm(join(folder, 'odcm'));
    expect(await codeOf(joinWith(place('restart-2'), token))).toBe('TOKEN_USED');
  });

  it('lets exactly one of twenty in that race for it', async () => {
    const token = await odcm.token('race');
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => codeOf(joinWith(place(`race-${i}`), token))),
    );
    expect(codes.filter((code) => code === 'done')).toHaveLength(1);
    expect(codes.filter((code) => code === 'TOKEN_USED')).toHaveLength(19);
    const made = await Promise.all(codes.map((_, i) => isThere(place(`race-${i}`))));
    expect(made).toEqual(codes.map((code) => code === 'done'));
    const rows = [...odcm.directory.state.spaces.values()].filter(({ name }) => name === 'race');
    expect(rows).toHaveLength(1);
  });

  it('expires, and an expired one does not take the name', async () => {
    let nowMs = Date.now();
    const dir = place('expiry-odcm');
    await init({ dir });
    const clock = { nowMs: () => nowMs };
    const expiring = await startOdcm(dir, { clock });
    const token = await expiring.token('slow', 60_000);
    nowMs += 60_000;
    expect(await codeOf(joinWith(place('slow'), token))).toBe('TOKEN_EXPIRED');
    expect((await joinWith(place('slow'), await expiring.token('slow'))).name).toBe('slow');
    await expiring.stop();
  });

  it('of another mesh is refused before anything secret is said', async () => {
    const token = await other.token('foreign');
    expect(await codeOf(joinWith(place('foreign'), token, { at: odcm.endpoint }))).toBe(
      'WRONG_MESH',
    );
    expect(await isThere(place('foreign'))).toBe(false);
    expect(other.invites.list()[0]?.used).toBeNull();
  });

  it('that was never given out and one with a wrong secret are refused alike', async () => {
    const { fingerprint } = parseToken(await odcm.token('guess'));
    const real = await odcm.token('guess');
    const endpoint = odcm.endpoint;
    const invented = makeToken({
      id: Buffer.alloc(5, 7),
      secret: Buffer.alloc(16),
      fingerprint,
      endpoint,
    });
    const parts = invented.split('.');
    const guessed = [parts[0], real.split('.')[1], ...parts.slice(2)].join('.');
    const refusals = [
      await refusalOf(joinWith(place('guess'), invented)),
      await refusalOf(joinWith(place('guess'), guessed)),
    ];
    expect(refusals.map((refusal) => refusal?.code)).toEqual(['TOKEN_UNKNOWN', 'TOKEN_UNKNOWN']);
    expect(refusals[0]?.message).toBe(refusals[1]?.message);
    expect((await joinWith(place('guess'), real)).name).toBe('guess');
  });

  it('that is mangled is refused without a connection', async () => {
    const token = await odcm.token('mangled');
    for (const bad of [
      '',
      'odcm1.abc',
      token.toUpperCase(),
      `${token}x`,
      token.replace('odcm1', 'odcm2'),
    ]) {
      expect(await codeOf(joinWith(place('mangled'), bad))).toBe('TOKEN_MALFORMED');
    }
  });

  it('for one name is not taken for another', async () => {
    const token = await odcm.token('payments');
    expect(await codeOf(joinWith(place('payments'), token, { spaceName: 'ledger' }))).toBe(
      'NAME_INVALID',
    );
    expect((await joinWith(place('payments'), token, { spaceName: 'payments' })).name).toBe(
      'payments',
    );
  });

  it('for a name that was taken meanwhile is refused and stays unused', async () => {
    const [first, second] = [await odcm.token('shipping'), await odcm.token('shipping')];
    await joinWith(place('shipping'), first);
    expect(await codeOf(joinWith(place('shipping-2'), second))).toBe('SPACE_EXISTS');
    expect(odcm.invites.find(parseToken(second).id)?.used).toBeNull();
    expect(await codeOf(odcm.token('shipping'))).toBe('SPACE_EXISTS');
  });

  it('is given out for a second to a day', async () => {
    expect(await codeOf(odcm.token('ttl', 999))).toBe('USAGE');
    expect(await codeOf(odcm.token('ttl', 24 * 3_600_000 + 1))).toBe('USAGE');
    expect(await codeOf(odcm.token('No Name'))).toBe('NAME_INVALID');
  });
});

describe('a join that fails', () => {
  it('leaves a folder that is in use as it is', async () => {
    const dir = place('in-use');
    await joinWith(dir, await odcm.token('in-use'));
    const before = await readdir(dir);
    const token = await odcm.token('in-use-2');
    const refusal = await refusalOf(joinWith(dir, token));
    expect(refusal?.code).toBe('ALREADY_ENROLLED');
    expect(refusal?.message).toContain('space in-use of mesh acme');
    expect(await readdir(dir)).toEqual(before);
    expect(odcm.invites.find(parseToken(token).id)?.used).toBeNull();
  });

  it('names the address where nobody answers', async () => {
    const closed = createServer();
    const port = await new Promise<number>((resolve) =>
      closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port)),
    );
    await new Promise((resolve) => closed.close(resolve));
    const refusal = await refusalOf(
      joinWith(place('nobody'), await odcm.token('nobody'), { at: { host: '127.0.0.1', port } }),
    );
    expect(refusal?.code).toBe('ODCM_UNREACHABLE');
    expect(refusal?.message).toContain(`127.0.0.1:${port}`);
    expect(await isThere(place('nobody'))).toBe(false);
  });

  it('says the same where something else answers', async () => {
    const stranger = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    const port = await new Promise<number>((resolve) =>
      stranger.listen(0, '127.0.0.1', () => resolve((stranger.address() as { port: number }).port)),
    );
    const code = await codeOf(
      joinWith(place('http'), await odcm.token('http'), { at: { host: '127.0.0.1', port } }),
    );
    await new Promise((resolve) => stranger.close(resolve));
    expect(code).toBe('ODCM_UNREACHABLE');
  });

  it('is refused when the clock of ODCM is far from ours', async () => {
    const token = await odcm.token('clock');
    for (const offMs of [400_000, -400_000]) {
      const clock = { nowMs: () => Date.now() + offMs };
      expect(await codeOf(joinWith(place('clock'), token, { clock }))).toBe('STALE_HEAD');
    }
    expect((await joinWith(place('clock'), token)).name).toBe('clock');
  });
});
