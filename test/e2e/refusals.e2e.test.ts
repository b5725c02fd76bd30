// What a mesh of real processes refuses, with which line and exit code, and that everything else goes on meanwhile.

import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join as path } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeToken, parseToken } from '../../certs/token.ts';
import { createHost } from '../../node/net/host.ts';
import { CODES, type Code } from '../../protocols/errors.ts';
import { parseMeshId } from '../../protocols/ids.ts';
import { type Ran, TestMesh, until } from './mesh.ts';

/** One line on standard error with the code, and the exit code that goes with it; nothing on standard output. */
function expectRefusal(ran: Ran, code: Code, thing?: RegExp): void {
  expect(ran.stderr).toMatch(new RegExp(`^odcm: ${code}: [^\\n]+\\n$`));
  expect(ran.code, ran.stderr).toBe(CODES[code].exit);
  expect(ran.stdout).toBe('');
  if (thing) expect(ran.stderr).toMatch(thing);
}

describe('refusals', () => {
  const mesh = new TestMesh();
  const other = new TestMesh();
  const file = (name: string): string => path(mesh.dir, name);

  beforeAll(async () => {
    await Promise.all([mesh.init('acme'), other.init('umbrella')]);
    await mesh.spaces('library', 'payments', 'shipping');
    for (const name of ['library', 'shipping']) {
      const body = { name: 'open', context: 'variables', to: 'all' as const };
      await mesh.ask(name, 'createFeed', { body });
      await publish(name, 'open', 'one');
      await mesh.subscribe('payments', { feed: `${name}/open` });
      await mesh.level('payments', `${name}/open`, 1);
    }
    await mesh.ask('library', 'createFeed', {
      body: { name: 'secret', context: 'variables', to: ['shipping'] },
    });
    await publish('library', 'secret', 'one');
    await until('payments knows library/secret', () => mesh.feed('payments', 'library/secret'));
    await writeFile(file('good.json'), '{"a":1}');
  });
  afterAll(async () => {
    await other.close();
    await mesh.close();
  });

  const publish = (name: string, feed: string, item: string, payload: object = { item }) =>
    mesh.ask(name, 'publishEvents', {
      query: { feed },
      body: { drafts: [{ item, payload }] as never },
    });

  /** Something new of the library reaches payments: the mesh goes on. */
  let count = 1;
  const expectGoesOn = async (): Promise<void> => {
    await publish('library', 'open', `more-${count}`);
    count++;
    await mesh.level('payments', 'library/open', count);
  };

  describe('of a token', () => {
    const join = (token: string, ...flags: string[]): Promise<Ran> =>
      mesh.odcm('nobody', 'join', token, ...flags);
    const invite = async (space: string): Promise<string> =>
      (await mesh.ask('odcm', 'invite', { body: { space } })).token;

    it('that is none', async () => {
      const token = await invite('newcomer');
      for (const text of [
        '',
        'odcm1',
        token.slice(0, 40),
        `${token}x`.replace('@', '@@'),
        'odcm2'.concat(token.slice(5)),
      ]) {
        expectRefusal(await join(text), 'TOKEN_MALFORMED');
      }
      expect(existsSync(mesh.home('nobody'))).toBe(false);
    });

    it('that nobody gave out, also when its public part is right', async () => {
      const { endpoint, fingerprint } = parseToken(await invite('newcomer'));
      const wrong = makeToken({
        id: randomBytes(5),
        secret: randomBytes(16),
        fingerprint,
        endpoint,
      });
      expectRefusal(await join(wrong), 'TOKEN_UNKNOWN');
      const token = await invite('newcomer');
      const [, id] = token.split('.');
      const guessed = wrong.replace(/^odcm1\.[^.]+/, `odcm1.${id}`);
      const ran = await join(guessed);
      expect(ran.code).toBe(5);
      expect(ran.stderr).toMatch(/^odcm: [A-Z_]+: [^\n]+\n$/);
      await mesh
        .odcm('nobody', 'join', token, '--space', 'newcomer')
        .then(({ code }) => expect(code).toBe(0));
      await rm(mesh.home('nobody'), { recursive: true });
    });

    it('that was used', async () => {
      const token = await invite('second');
      await mesh.ok('second', 'join', token);
      expectRefusal(await join(token), 'TOKEN_USED');
    });

    it('that has expired', async () => {
      const { stdout } = await mesh.ok('odcm', 'invite', 'third', '--ttl', '1s', '--json');
      const [{ token }] = JSON.parse(stdout).rows;
      await until('it has expired', async () => {
        const rows = await mesh.ask('odcm', 'enrolments');
        return rows.find((row) => row.space === 'third')?.state === 'expired';
      });
      expectRefusal(await join(token), 'TOKEN_EXPIRED');
    });

    it('of another mesh, and of one for another space', async () => {
      const foreign = (await other.ask('odcm', 'invite', { body: { space: 'newcomer2' } })).token;
      const here = parseToken(await invite('newcomer2')).endpoint!;
      const ran = await join(foreign, '--at', `${here.host}:${here.port}`);
      expect(ran.stderr).toMatch(/^odcm: (WRONG_MESH|ROOT_INVALID): [^\n]+\n$/);
      expect(ran.code).toBe(5);
      const named = await join(await invite('newcomer2'), '--space', 'somebody-else');
      expectRefusal(named, 'NAME_INVALID', /newcomer2/);
      const [space] = (await mesh.ask('odcm', 'spaces')).filter((row) => row.name === 'newcomer2');
      expect(space).toBeUndefined();
    });

    it('in a folder that belongs to a space already, which it stays', async () => {
      const before = await readFile(path(mesh.home('payments'), 'node.json'));
      expectRefusal(
        await mesh.odcm('payments', 'join', await invite('newcomer3')),
        'LOCKED',
        new RegExp(String(mesh.pid('payments'))),
      );
      expectRefusal(
        await mesh.odcm('second', 'join', await invite('newcomer3')),
        'ALREADY_ENROLLED',
        /second/,
      );
      expect(await readFile(path(mesh.home('payments'), 'node.json'))).toEqual(before);
    });
  });

  describe('by policy', () => {
    it('of feeds that were not granted', async () => {
      for (const command of [['subscribe'], ['items'], ['history']]) {
        expectRefusal(
          await mesh.odcm('payments', ...command, 'library/secret'),
          'NO_GRANT',
          /library\/secret/,
        );
      }
      expectRefusal(await mesh.odcm('payments', 'get', 'library/secret', 'one'), 'NO_GRANT');
      expectRefusal(
        await mesh.odcm('shipping', 'get', 'library/secret', 'one'),
        'SUBSCRIPTION_UNKNOWN',
      );
    });

    it('of publishing to a feed of another space', async () => {
      const good = file('good.json');
      expectRefusal(
        await mesh.odcm('payments', 'publish', 'library/open', 'x', good),
        'READ_ONLY',
        /library/,
      );
      const folder = await mesh.odcm('payments', 'publish', 'library/open', '--from', mesh.dir);
      expect(folder.code).toBe(5);
      expect(folder.stderr).toMatch(/odcm: READ_ONLY: [^\n]+\n$/);
      expectRefusal(await mesh.odcm('payments', 'withdraw', 'library/open', 'one'), 'READ_ONLY');
    });

    it('of changing trust at a node that is not ODCM', async () => {
      for (const args of [
        ['invite', 'newcomer'],
        ['enrolments'],
        ['grant', 'payments', 'library/secret'],
        ['ungrant', 'payments', 'library/secret'],
        ['revoke', 'shipping', '--yes', 'shipping'],
      ]) {
        expectRefusal(await mesh.odcm('library', ...args), 'NOT_ODCM');
      }
    });

    it('of what does not exist or exists already', async () => {
      expectRefusal(await mesh.odcm('payments', 'subscribe', 'library/nothing'), 'FEED_UNKNOWN');
      expectRefusal(await mesh.odcm('payments', 'get', 'library/open', 'nothing'), 'ITEM_UNKNOWN');
      expectRefusal(
        await mesh.odcm('payments', 'unsubscribe', 'library/secret'),
        'SUBSCRIPTION_UNKNOWN',
      );
      expectRefusal(await mesh.odcm('odcm', 'grant', 'nobody', 'library'), 'SPACE_UNKNOWN');
      expectRefusal(
        await mesh.odcm('odcm', 'ungrant', 'payments', 'library/secret'),
        'GRANT_UNKNOWN',
      );
      expectRefusal(await mesh.odcm('odcm', 'invite', 'library'), 'SPACE_EXISTS');
      expectRefusal(await mesh.odcm('odcm', 'revoke', 'odcm', '--yes', 'odcm'), 'USAGE');
      const create = ['feed', 'create', 'open', '--context', 'variables'];
      expectRefusal(await mesh.odcm('library', ...create), 'FEED_EXISTS');
      expectRefusal(
        await mesh.odcm('library', 'feed', 'create', 'x', '--context', 'nonsense'),
        'CONTEXT_UNKNOWN',
      );
      expectRefusal(
        await mesh.odcm('library', 'feed', 'create', 'x', '--context', 'users', '--to', 'nobody'),
        'SPACE_UNKNOWN',
      );
      expect(await mesh.feed('library', 'library/x')).toBeUndefined();
    });
  });

  describe('of a file', () => {
    it('that cannot be read, is empty, or is not JSON where JSON is promised', async () => {
      await writeFile(file('empty.json'), '');
      await writeFile(file('text.json'), 'plainly not JSON');
      await writeFile(file('latin1.json'), Buffer.from([0x22, 0xe9, 0x22]));
      const publishFile = (name: string): Promise<Ran> =>
        mesh.odcm('library', 'publish', 'open', 'item', file(name));
      expectRefusal(await publishFile('missing.json'), 'FILE_UNREADABLE', /missing\.json/);
      expectRefusal(
        await mesh.odcm('library', 'publish', 'open', 'item', mesh.dir),
        'FILE_UNREADABLE',
      );
      expectRefusal(await publishFile('empty.json'), 'FILE_EMPTY');
      expectRefusal(await publishFile('text.json'), 'NOT_JSON');
      expectRefusal(await publishFile('latin1.json'), 'NOT_JSON');
      expectRefusal(
        await mesh.odcm('library', 'publish', 'open', '--from', file('missing')),
        'FILE_UNREADABLE',
      );
      await expectGoesOn();
    });
  });

  describe('of a stranger at the mesh port', () => {
    it('whose key is not in the directory: cut off, counted, nothing given', async () => {
      const { mesh: meshId, listen } = await mesh.config('odcm');
      const { privateKey } = generateKeyPairSync('ed25519');
      const stranger = await createHost({
        privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        meshId: parseMeshId(meshId),
        membership: { isMember: () => true },
        topics: [],
        listen: [],
      });
      await stranger.start();
      try {
        const { peerId, refusals } = await mesh.ask('odcm', 'status');
        const before = refusals['NOT_A_MEMBER'] ?? 0;
        await stranger.dial(peerId, listen, AbortSignal.timeout(10_000)).catch(() => {});
        await until('ODCM counts it', async () => {
          const { stdout } = await mesh.ok('odcm', 'status', '--json');
          return JSON.parse(stdout).rows[0].refusals.NOT_A_MEMBER > before;
        });
        await until('the connection ends', async () => !stranger.isConnected(peerId));
      } finally {
        await stranger.stop();
      }
      await expectGoesOn();
    });
  });

  describe('without a node', () => {
    it('that runs', async () => {
      expectRefusal(await mesh.odcm('second', 'status'), 'NODE_UNREACHABLE', /odcm run/);
      expectRefusal(
        await mesh.odcm('second', 'publish', 'open', 'item', file('good.json')),
        'NODE_UNREACHABLE',
      );
      expectRefusal(await mesh.odcm('nobody', 'run'), 'NOT_INITIALISED');
    });

    it('when another process has the folder', async () => {
      expectRefusal(
        await mesh.odcm('library', 'run'),
        'LOCKED',
        new RegExp(String(mesh.pid('library'))),
      );
      await expectGoesOn();
    });

    const oldNode = '/usr/bin/node';
    const version = spawnSync(oldNode, ['--version']).stdout?.toString() ?? '';
    const isOld = Number(version.slice(1).split('.')[0]) < 24;
    it.skipIf(!isOld)('that is new enough: one line says which it needs', async () => {
      const ran = await mesh.run(['status'], { node: oldNode });
      expect(ran).toMatchObject({ code: 1, stdout: '' });
      expect(ran.stderr).toMatch(/^odcm: [^\n]*Node 24[^\n]*\n$/);
    });
  });

  describe('of a store', () => {
    it('that is gone, while other nodes go on; put back, it works again', async () => {
      await mesh.stop('shipping');
      const current = path(mesh.home('shipping'), 'store', 'log', 'CURRENT');
      await rename(current, `${current}.away`);
      expectRefusal(await mesh.odcm('shipping', 'run'), 'STORE_MISSING', /shipping/);
      await expectGoesOn();
      await rename(`${current}.away`, current);
      await mesh.start('shipping');
      await publish('shipping', 'open', 'two');
      await mesh.level('payments', 'shipping/open', 2);
    });

    it('that is damaged', async () => {
      await mesh.stop('shipping');
      const folder = path(mesh.home('shipping'), 'store', 'log');
      const name = readdirSync(folder).find((entry) => entry.startsWith('MANIFEST-'))!;
      const manifest = path(folder, name);
      const good = await readFile(manifest);
      await truncate(manifest, 10);
      expectRefusal(await mesh.odcm('shipping', 'run'), 'STORE_DAMAGED', /shipping/);
      await expectGoesOn();
      await writeFile(manifest, good);
      await mesh.start('shipping');
    });
  });

  describe('of a full disk', () => {
    const volume = mesh.home('small');
    const ballast = path(volume, 'ballast');
    afterAll(async () => {
      await mesh.kill('small');
      spawnSync('umount', ['-l', volume]);
    });

    it('publishes nothing, loses nothing, and goes on when there is room again', async ({
      skip,
    }) => {
      if (!mountSmall(volume)) skip('no right to mount a small disk here');
      await mesh.spaces('small');
      await mesh.ask('small', 'createFeed', {
        body: { name: 'open', context: 'variables', to: 'all' },
      });
      await mesh.subscribe('payments', { feed: 'small/open' });
      const acknowledged: string[] = [];
      const publishNext = async (): Promise<void> => {
        const item = `item-${acknowledged.length}`;
        await publish('small', 'open', item, { text: item.repeat(1000) });
        acknowledged.push(item);
      };
      for (let i = 0; i < 5; i++) await publishNext();
      await fill(ballast);
      const refusal = await until('the disk is full', () =>
        publishNext().then(
          () => false,
          (error: unknown) => error,
        ),
      );
      expect(refusal).toMatchObject({ code: 'DISK_FULL' });
      await writeFile(file('big.json'), JSON.stringify('x'.repeat(200_000)));
      expectRefusal(
        await mesh.odcm('small', 'publish', 'open', 'big', file('big.json')),
        'DISK_FULL',
      );
      await expectGoesOn();
      await rm(ballast);
      await until('the node sees that there is room', () => publishNext().then(() => true));
      // Each database sees for itself that it can go on.
      await until('a file fits as well', () =>
        mesh.ok('small', 'publish', 'open', 'big', file('big.json')),
      );
      await mesh.kill('small');
      await mesh.start('small');
      const items = (await mesh.items('small', 'open')).map((row) => row.item);
      expect(items.sort()).toEqual([...acknowledged, 'big'].sort());
      await mesh.level('payments', 'small/open', items.length);
    });
  });

  describe('of a revoked space', () => {
    it('closes its connections, refuses its dials, accepts nothing new of its feeds, and goes on', async () => {
      await mesh.level('payments', 'shipping/open', 2);
      const { peerId } = await mesh.ask('shipping', 'status');
      const reason = ['--reason', 'left the company', '--yes', 'shipping'];
      await mesh.ok('odcm', 'revoke', 'shipping', ...reason);
      for (const name of ['odcm', 'library', 'payments']) {
        await until(`${name} has cut it off`, async () => {
          const rows = await mesh.ask(name, 'peers');
          return rows.find((row) => row.peerId === peerId)?.connected === false;
        });
      }
      await publish('shipping', 'open', 'after');
      await mesh.stop('shipping');
      const { listen } = await mesh.config('payments');
      const payments = await mesh.ask('payments', 'status');
      await mesh.start('shipping', '--peer', `${listen[0]}/p2p/${payments.peerId}`);
      await until('its dial is refused', async () => {
        const { refusals } = await mesh.ask('payments', 'status');
        return (refusals['REVOKED'] ?? 0) > (payments.refusals['REVOKED'] ?? 0);
      });
      await expectGoesOn();
      expect(await mesh.feed('payments', 'shipping/open')).toMatchObject({ held: 2, applied: 2 });
      expect((await mesh.content('payments', 'shipping/open', 'two')).toString()).toBe(
        '{"item":"two"}',
      );
      const [row] = (await mesh.ask('payments', 'spaces')).filter(
        ({ name }) => name === 'shipping',
      );
      expect(row).toMatchObject({
        status: 'revoked',
        revokedFor: 'left the company',
        connected: false,
      });
      expectRefusal(await mesh.odcm('odcm', 'revoke', 'shipping', '--yes', 'shipping'), 'REVOKED');
    });
  });

  describe('while ODCM is off', () => {
    it('of changes of trust only', async () => {
      await mesh.stop('odcm');
      const create = ['feed', 'create', 'later', '--context', 'users'];
      expectRefusal(await mesh.odcm('library', ...create), 'ODCM_UNREACHABLE');
      await expectGoesOn();
    });
  });
});

/** True when the folder is a small disk of its own now. */
function mountSmall(folder: string): boolean {
  mkdirSync(folder);
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder]).status === 0;
}

/** Writes zeros until the disk takes no more. */
async function fill(name: string): Promise<void> {
  const handle = await open(name, 'w');
  try {
    const zeros = Buffer.alloc(1 << 16);
    for (;;) await handle.write(zeros);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await handle.close();
  }
}
