import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain } from '../../../certs/chain.ts';
import { readKeyFile } from '../../../certs/keystore.ts';
import { systemClock } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { openHome } from '../../../node/home/home.ts';
import type { InitResult } from '../../../node/home/init.ts';
import { silentLog } from '../../../node/log.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { base32, rootFingerprint } from '../../../protocols/ids.ts';
import { rootKeyId } from '../../../protocols/root.ts';
import { verifyRootChain } from '../../../protocols/root-chain.ts';
import { cleanUp, codeOf, init, newFolder } from '../enrol/mesh.ts';

let folder: string;
let dir: string;
let made: InitResult;
beforeAll(async () => {
  folder = await newFolder();
  dir = join(folder, 'odcm');
  made = await init({ dir });
});
afterAll(cleanUp);

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('a new mesh', () => {
  it('has a root of three keys of which two sign, each in a file of its own', async () => {
    const { root } = await openHome(dir);
    expect(root.root.roles.root).toMatchObject({ threshold: 2 });
    expect(made.threshold).toBe(2);
    expect(made.offlineFiles.map((file) => basename(file))).toEqual([
      'root-1.pem',
      'root-2.pem',
      'root-3.pem',
      'root-ca.pem',
    ]);
    const keys = await Promise.all(made.offlineFiles.slice(0, 3).map((file) => readKeyFile(file)));
    const ids = keys.map((key) => rootKeyId(ed25519Raw(key)));
    expect(ids.sort()).toEqual(root.root.roles.root.keyids);
    for (const file of made.offlineFiles) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(made.offlineFiles[0]!))).mode & 0o777).toBe(0o700);
  });

  it('says the mesh id and the fingerprint that its root has', async () => {
    const { root, config } = await openHome(dir);
    const { payloadV1, meshId } = verifyRootChain(
      [await readFile(join(dir, 'root', '1.root.json'))],
      { nowMs: Date.now() },
    );
    expect(made.mesh).toBe(meshId);
    expect(made.rootFingerprint).toBe(base32(rootFingerprint(payloadV1)));
    expect(root.root.odcm).toBe(config.space);
    expect(made).toMatchObject({
      meshName: 'acme',
      name: 'odcm',
      space: config.space,
      listen: config.listen,
      enrol: config.enrol,
    });
  });

  it('keeps neither root keys nor the root CA key among the files that a node reads', async () => {
    const { paths } = await openHome(dir);
    expect((await readdir(paths.odcm)).sort()).toEqual([
      'directory.pem',
      'issuing-ca.pem',
      'timestamp.pem',
    ]);
    expect((await readdir(paths.keys)).sort()).toEqual([
      'exchange.pem',
      'local.key',
      'node.pem',
      'tls.pem',
    ]);
  });

  it('has a certificate for its ODCM that the root pins and openssl accepts', async () => {
    const { root, config, certificates, nodeKey, paths } = await openHome(dir).then(
      async (home) => ({
        ...home,
        root: home.root,
        config: home.config,
        paths: home.paths,
        certificates: await home.certificates(),
        nodeKey: await home.nodeKey(),
      }),
    );
    const chain = verifyChain({
      leafPem: certificates.leaf,
      issuingPem: certificates.issuing,
      rootPem: certificates.root,
      pins: root.root.x509,
      mesh: config.mesh,
      space: config.space,
      nowMs: Date.now(),
    });
    expect(chain.name).toBe('odcm');
    expect(chain.nodeKey).toEqual(ed25519Raw(nodeKey));
    const args = [
      'verify',
      '-x509_strict',
      '-CAfile',
      paths.rootCertificate,
      '-untrusted',
      paths.issuingCertificate,
    ];
    expect(
      (await promisify(execFile)('openssl', [...args, paths.spaceCertificate])).stdout,
    ).toContain(': OK');
  });

  it('has a directory whose first entry is ODCM itself, dated and signed', async () => {
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
    expect(directory.log.size).toBe(1);
    expect(directory.age).toBe('fresh');
    const row = directory.state.spaceNamed('odcm');
    expect(row?.id).toBe(home.config.space);
    expect(row?.nodeKey).toEqual(ed25519Raw(await home.nodeKey()));
    expect(row?.addresses).toEqual(made.listen);
  });

  it('listens on ports that stay the same and differ from each other', () => {
    const port = Number(made.listen[0]?.split('/').at(-1));
    const enrolPort = Number(made.enrol.split(':').at(-1));
    expect(port).toBeGreaterThan(0);
    expect(enrolPort).toBeGreaterThan(0);
    expect(enrolPort).not.toBe(port);
  });

  it('can be a trial with one root key, other names and keys elsewhere', async () => {
    const rootKeysTo = join(folder, 'elsewhere', 'keys');
    const trial = await init({
      dir: join(folder, 'trial'),
      meshName: 'trial',
      spaceName: 'centre',
      rootKeys: 1,
      threshold: 1,
      rootKeysTo,
      listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0'],
      announce: ['/dns/odcm.example.org/tcp/4101'],
    });
    expect(trial.offlineFiles).toEqual([
      join(rootKeysTo, 'root-1.pem'),
      join(rootKeysTo, 'root-ca.pem'),
    ]);
    expect(new Set(trial.listen).size).toBe(2);
    const { config, root } = await openHome(join(folder, 'trial'));
    expect(config).toMatchObject({
      name: 'centre',
      meshName: 'trial',
      announce: ['/dns/odcm.example.org/tcp/4101'],
    });
    expect(root.root.roles.root.threshold).toBe(1);
    expect(await readdir(join(folder, 'trial'))).not.toContain('root-keys-OFFLINE');
  });
});

describe('init refuses', () => {
  it('what was typed wrong, before anything is made', async () => {
    const target = join(folder, 'wrong');
    const wrong = [
      [{ rootKeys: 0 }, 'USAGE'],
      [{ rootKeys: 33 }, 'USAGE'],
      [{ rootKeys: 2, threshold: 3 }, 'USAGE'],
      [{ threshold: 0 }, 'USAGE'],
      [{ meshName: 'Acme Inc' }, 'NAME_INVALID'],
      [{ spaceName: '-' }, 'NAME_INVALID'],
      [{ listen: ['127.0.0.1:80'] }, 'USAGE'],
      [{ listen: ['/ip4/192.0.2.1/tcp/0'] }, 'USAGE'],
      [{ announce: ['nonsense'] }, 'USAGE'],
      [{ enrolListen: 'nonsense' }, 'USAGE'],
      [{ enrolListen: '127.0.0.1:70000' }, 'USAGE'],
    ] as const;
    for (const [options, code] of wrong) {
      expect([options, await codeOf(init({ dir: target, ...options }))]).toEqual([options, code]);
    }
    expect(await isThere(target)).toBe(false);
  });

  it('a folder that belongs to a node', async () => {
    const before = await readFile(join(dir, 'node.json'));
    expect(await codeOf(init({ dir }))).toBe('ALREADY_ENROLLED');
    expect(await readFile(join(dir, 'node.json'))).toEqual(before);
  });

  it('to overwrite root keys of another mesh', async () => {
    const rootKeysTo = join(folder, 'kept');
    await mkdir(rootKeysTo);
    await writeFile(join(rootKeysTo, 'root-2.pem'), 'precious');
    const target = join(folder, 'second');
    expect(await codeOf(init({ dir: target, rootKeysTo }))).toBe('ALREADY_ENROLLED');
    expect(await readdir(rootKeysTo)).toEqual(['root-2.pem']);
    expect(await isThere(target)).toBe(false);
  });
});
