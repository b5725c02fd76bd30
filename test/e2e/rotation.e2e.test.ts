// Every key of a mesh of real processes is changed while feeds flow: node and exchange keys of a space, its certificate, the
// directory and timestamp keys through two versions of the root, the issuing CA. Nothing is refused, nothing is lost.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './mesh.ts';

const FEED = 'library/variables';
const NAMES = ['odcm', 'library', 'payments'] as const;

interface Listed {
  readonly keys: readonly { readonly file: string; readonly fingerprint: string }[];
}

describe('rotation while feeds flow', () => {
  const mesh = new TestMesh();
  let published = 0;

  beforeAll(async () => {
    await mesh.init();
    await mesh.spaces('library', 'payments');
    await mesh.ok(
      'library',
      'feed',
      'create',
      'variables',
      '--context',
      'variables',
      '--to',
      'all',
    );
    await mesh.subscribe('payments', { feed: FEED });
    await flow();
    for (const name of NAMES) before.set(name, await refusalsOf(name));
  });
  afterAll(() => mesh.close());

  /** One more event goes through, to the last subscriber. */
  const flow = (): Promise<void> => mesh.flow('library', 'variables', 'payments', ++published);

  const fingerprints = async (name: string): Promise<Map<string, string>> => {
    const { stdout } = await mesh.ok(name, 'keys', 'show', '--json');
    return new Map((JSON.parse(stdout) as Listed).keys.map((key) => [key.file, key.fingerprint]));
  };

  /** Of a mesh that was just made, some may have met before the directory told them of each other. */
  const before = new Map<string, Readonly<Record<string, number>>>();
  const refusalsOf = async (name: string) => (await mesh.ask(name, 'status')).refusals;

  async function expectNoRefusal(): Promise<void> {
    for (const name of NAMES) expect(await refusalsOf(name), name).toEqual(before.get(name));
  }

  const certificateOf = (name: string) =>
    readFile(join(mesh.home(name), 'certs', 'space.pem'), 'utf8');

  it('gives a space new node and exchange keys, and with them a new certificate', async () => {
    const former = await fingerprints('library');
    const certificate = await certificateOf('library');
    const { stdout } = await mesh.ok('library', 'keys', 'rotate', '--json');
    const { rows } = JSON.parse(stdout) as { rows: unknown };
    expect(rows).toMatchObject([{ space: 'library', entry: expect.any(Number) as number }]);
    for (let i = 0; i < 3; i++) await flow();
    const after = await fingerprints('library');
    for (const file of ['keys/node.pem', 'keys/exchange.pem']) {
      expect(after.get(file)).not.toBe(former.get(file));
      expect(after.get(file.replace('.pem', '.before.pem'))).toBe(former.get(file));
      expect(after.has(file.replace('.pem', '.next.pem'))).toBe(false);
    }
    await until('a certificate for the new key', async () => {
      return (await certificateOf('library')) !== certificate;
    });
    await expectNoRefusal();
  });

  it('goes by the new identity after its next start, and others know it', async () => {
    const { peerId } = await mesh.ask('library', 'status');
    expect(await mesh.stop('library')).toBe(0);
    await mesh.start('library');
    before.set('library', {});
    const now = await mesh.ask('library', 'status');
    expect(now.peerId).not.toBe(peerId);
    await flow();
    await flow();
    await expectNoRefusal();
  });

  const rootFile = (name: string) => join(mesh.dir, name);
  const rootKey = join(mesh.home('odcm'), 'root-keys-OFFLINE', 'root-1.pem');
  const rotateRoot = async (out: string, ...flags: string[]): Promise<void> => {
    await mesh.ok('odcm', 'root', 'rotate', '--out', rootFile(out), '--key', rootKey, ...flags);
    await mesh.ok('odcm', 'root', 'install', rootFile(out));
  };
  const versionAt = (name: string, version: number): Promise<boolean> =>
    readFile(join(mesh.home(name), 'root', `${version}.root.json`)).then(
      () => true,
      () => false,
    );
  const spread = async (version: number): Promise<void> => {
    for (const name of NAMES)
      await until(`root ${version} at ${name}`, () => versionAt(name, version), 120_000);
  };

  it('changes directory key, timestamp key and issuing CA through two versions of the root', async () => {
    const made = async (role: string): Promise<{ key: string; formerId: string }> =>
      JSON.parse((await mesh.ok('odcm', 'keys', 'next', role, '--json')).stdout);
    const [directory, timestamp] = [await made('directory'), await made('timestamp')];
    const rootCa = join(mesh.home('odcm'), 'root-keys-OFFLINE', 'root-ca.pem');
    const ca = await mesh.ok('odcm', 'ca', 'rotate', '--root-ca-key', rootCa, '--json');
    const { file } = JSON.parse(ca.stdout) as { file: string };
    const added = ['--add-directory-key', directory.key, '--add-timestamp-key', timestamp.key];
    await rotateRoot('2.json', ...added, '--add-issuing', file);
    await flow();
    await spread(2);
    await flow();
    await expectNoRefusal();
    const former = JSON.parse((await mesh.ok('payments', 'root', 'show', '--json')).stdout);
    expect(former).toMatchObject({ version: 2, roles: { directory: { threshold: 1 } } });
    expect(former.x509.issuing).toHaveLength(2);
    await rotateRoot(
      '3.json',
      ...['--drop-directory-key', directory.formerId, '--drop-timestamp-key', timestamp.formerId],
    );
    await spread(3);
    await flow();
    const listed = await fingerprints('odcm');
    expect(listed.get('odcm/directory.pem')).not.toBe(directory.formerId);
    expect(listed.has('odcm/directory.next.pem')).toBe(false);
    // What ODCM writes under the new keys is taken by everybody, and a stranger still joins.
    await mesh.spaces('shipping');
    await mesh.subscribe('shipping', { feed: FEED });
    await mesh.level('shipping', FEED, published);
    await flow();
    await expectNoRefusal();
  });

  it('refuses a root that is older, signed by nobody, or names no key of ODCM', async () => {
    const install = (file: string) => mesh.odcm('odcm', 'root', 'install', rootFile(file));
    expect((await install('2.json')).stderr).toContain('ROOT_INVALID');
    await mesh.ok('odcm', 'root', 'rotate', '--out', rootFile('4.json'));
    expect((await install('4.json')).stderr).toContain('ROOT_INVALID');
    const shown = JSON.parse((await mesh.ok('odcm', 'root', 'show', '--json')).stdout);
    const [current] = shown.roles.directory.keyids as string[];
    const stranger = Buffer.alloc(32, 7).toString('base64');
    const flags = ['--drop-directory-key', current!, '--add-directory-key', stranger];
    await mesh.ok(
      'odcm',
      'root',
      'rotate',
      '--out',
      rootFile('5.json'),
      '--key',
      rootKey,
      ...flags,
    );
    expect((await install('5.json')).stderr).toContain('UNKNOWN_KEY');
    await writeFile(rootFile('6.json'), 'nonsense');
    expect((await install('6.json')).stderr).toContain('MALFORMED');
    expect(await versionAt('odcm', 4)).toBe(false);
    await flow();
  });
});
