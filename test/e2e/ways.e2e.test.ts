// The ways to share and to take, with real processes: modes of subscription, grants that come and go, ODCM off, versions,
// events, large content, and what each of them shows on the command line.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlSocketPath } from '../../protocols/control.ts';
import { ROUTES, type RouteBody } from '../../protocols/control-api.ts';
import { TestMesh, until } from './mesh.ts';
import { publishUnchecked } from './rogue-publisher.ts';
import { sha256 } from './templates.ts';

describe('a mesh at work', () => {
  const mesh = new TestMesh();

  beforeAll(async () => {
    await mesh.init();
    await mesh.spaces('library', 'payments', 'shipping');
    await create('clock');
    await publish('clock', 'tick');
    await take('clock');
    await mesh.level('payments', 'library/clock', 1);
    await mesh.subscribe('shipping', { feed: 'library/clock' });
    await mesh.level('shipping', 'library/clock', 1);
  });
  afterAll(() => mesh.close());

  const create = (name: string, more: Partial<RouteBody<'createFeed'>> = {}) =>
    mesh.ask('library', 'createFeed', { body: { name, context: 'variables', to: 'all', ...more } });

  const publish = (feed: string, item: string, payload: unknown = { item }) =>
    mesh.ask('library', 'publishEvents', {
      query: { feed },
      body: { drafts: [{ item, payload }] as never },
    });

  const take = (feed: string, more: Partial<RouteBody<'subscribe'>> = {}, name = 'payments') =>
    mesh.subscribe(name, { feed: `library/${feed}`, ...more });

  /** Something published later has arrived: whatever was to come by itself had its chance. */
  let ticks = 1;
  const afterATick = async (...names: string[]): Promise<void> => {
    await publish('clock', `tick-${ticks}`);
    ticks++;
    for (const name of names) await mesh.level(name, 'library/clock', ticks);
  };

  const head = (feed: string, size: number, name = 'payments') =>
    until(
      `${name} knows entry ${size} of ${feed}`,
      async () => (await mesh.feed(name, `library/${feed}`))?.size === size,
    );

  describe('a subscription', () => {
    it('on demand knows what there is, and fetches it when asked', async () => {
      await create('on-demand');
      await take('on-demand', { mode: 'on-demand' });
      await publish('on-demand', 'one');
      await head('on-demand', 1);
      await afterATick('payments');
      expect(await mesh.subscription('payments', 'library/on-demand')).toMatchObject({
        state: 'behind',
        size: 1,
        held: 0,
      });
      expect((await mesh.odcm('payments', 'get', 'library/on-demand', 'one')).stderr).toMatch(
        /^odcm: ITEM_UNKNOWN/,
      );
      const { stdout } = await mesh.ok('payments', 'pull', 'library/on-demand', '--json');
      expect(JSON.parse(stdout).rows).toMatchObject([
        { feed: 'library/on-demand', from: 0, to: 1, applied: 1, state: 'level' },
      ]);
      expect((await mesh.ok('payments', 'get', 'library/on-demand', 'one')).stdout.trim()).toBe(
        '{"item":"one"}',
      );
    });

    it('by poll asks at its interval, and not before', async () => {
      // Without carriers: a space may have been asked to carry it before it subscribed.
      await create('polled', { carriers: 0 });
      await publish('polled', 'one');
      await mesh.ok('payments', 'subscribe', 'library/polled', '--via', 'poll', '--every', '1h');
      await mesh.level('payments', 'library/polled', 1);
      // What comes while it still asks the first time may come along: then what comes next has to wait.
      let size = 1;
      let row = await mesh.subscription('payments', 'library/polled');
      while (size < 4 && row?.held === size) {
        await publish('polled', `later-${size}`);
        size++;
        await head('polled', size);
        await afterATick('payments');
        row = await mesh.subscription('payments', 'library/polled');
      }
      expect(row).toMatchObject({ via: 'poll', everyMs: 3_600_000, held: size - 1 });
      await mesh.ok('payments', 'subscribe', 'library/polled', '--via', 'poll', '--every', '1s');
      await mesh.level('payments', 'library/polled', size);
      await publish('polled', 'last');
      await mesh.level('payments', 'library/polled', size + 1);
    });

    it('by hand takes nothing by itself', async () => {
      await create('by-hand');
      await take('by-hand', { via: 'manual' });
      await publish('by-hand', 'one');
      await afterATick('payments');
      expect(await mesh.subscription('payments', 'library/by-hand')).toMatchObject({ held: 0 });
      await mesh.ask('payments', 'pull', { body: { feed: 'library/by-hand' } });
      await mesh.level('payments', 'library/by-hand', 1);
    });

    it('that ends leaves what is held readable, and takes nothing new', async () => {
      // Without carriers: what a space does not take any more it may go on holding for others.
      await create('ended', { carriers: 0 });
      await take('ended');
      await publish('ended', 'one');
      await mesh.level('payments', 'library/ended', 1);
      await mesh.ok('payments', 'unsubscribe', 'library/ended');
      await publish('ended', 'two');
      await afterATick('payments');
      expect((await mesh.ok('payments', 'get', 'library/ended', 'one')).stdout.trim()).toBe(
        '{"item":"one"}',
      );
      expect(await mesh.feed('payments', 'library/ended')).toMatchObject({
        held: 1,
        subscribed: false,
      });
      expect((await mesh.odcm('payments', 'pull', 'library/ended')).code).toBe(4);
    });

    it('that the publisher wants everybody to have waits for a yes, or is taken by who said yes to all', async () => {
      await mesh.enlist('ledger', '--accept-forced');
      await mesh.start('ledger');
      await mesh.ok(
        'library',
        'feed',
        'create',
        'news',
        '--context',
        'users',
        '--to',
        'all',
        '--sync',
        'forced',
        // So that nobody holds it for others.
        '--carriers',
        '0',
      );
      await publish('news', 'one');
      await mesh.level('ledger', 'library/news', 1);
      await until('payments is asked', async () => {
        return (await mesh.subscription('payments', 'library/news'))?.state === 'requested';
      });
      expect(await mesh.feed('payments', 'library/news')).toMatchObject({
        subscribed: false,
        held: 0,
      });
      await mesh.ok('payments', 'subscribe', 'library/news');
      await mesh.level('payments', 'library/news', 1);
    });
  });

  describe('a grant', () => {
    const MARK = 'swordfish-in-the-clear';

    it('to all reaches a space that joins later', async () => {
      await create('for-all');
      await publish('for-all', 'one');
      await mesh.spaces('identity');
      await take('for-all', {}, 'identity');
      await mesh.level('identity', 'library/for-all', 1);
    });

    it('to one space leaves no trace of the content at the others, which go on', async () => {
      await create('secret', { to: ['payments'], sealed: false });
      await take('secret');
      await publish('secret', 'one', { password: MARK });
      await mesh.level('payments', 'library/secret', 1);
      await afterATick('payments', 'shipping');
      expect(await mesh.feed('shipping', 'library/secret')).toMatchObject({
        grant: null,
        held: 0,
        subscribed: false,
      });
      expect((await mesh.odcm('shipping', 'subscribe', 'library/secret')).stderr).toMatch(
        /^odcm: NO_GRANT/,
      );
      expect(await holds(mesh.home('payments'), MARK)).toBe(true);
      expect(await holds(mesh.home('shipping'), MARK)).toBe(false);
    });

    it('ends at its time: what is held stays, nothing new comes', async () => {
      const hasEndedAt = async (name: string): Promise<boolean> => {
        const rows = await mesh.ask(name, 'grants');
        const own = rows.filter((row) => row.subscriber === 'shipping');
        return own.length > 0 && own.every((row) => row.state === 'expired');
      };
      const feed = 'library/secret';
      let isSubscribed = false;
      // On a machine that stands still for seconds the first one may be too short.
      for (const term of ['4s', '40s']) {
        await mesh.ok('odcm', 'grant', 'shipping', 'library/secret', '--until', term);
        const outcome = await until('the entry has come, or the grant is over', async () => {
          if ((await mesh.feed('shipping', 'library/secret'))?.applied === 1) return 'come';
          if (await hasEndedAt('odcm')) return 'over';
          if (!isSubscribed) await mesh.ask('shipping', 'subscribe', { body: { feed } });
          isSubscribed = true;
          return false;
        });
        if (outcome === 'come') break;
      }
      await mesh.level('shipping', 'library/secret', 1);
      await until('the grant has ended', () => hasEndedAt('shipping'));
      await publish('secret', 'two');
      await mesh.level('payments', 'library/secret', 2);
      await afterATick('shipping');
      expect(await mesh.subscription('shipping', 'library/secret')).toMatchObject({
        state: 'no grant',
        held: 1,
      });
      expect((await mesh.odcm('shipping', 'pull', 'library/secret')).stderr).toMatch(
        /^odcm: NO_GRANT/,
      );
      expect((await mesh.content('shipping', 'library/secret', 'one')).toString()).toContain(MARK);
    });

    it('that is taken back ends at once, and given again brings what was missed', async () => {
      await mesh.ok('odcm', 'ungrant', 'payments', 'library/secret');
      await until('payments knows', async () => {
        return (await mesh.subscription('payments', 'library/secret'))?.state === 'no grant';
      });
      await publish('secret', 'three');
      await afterATick('payments');
      expect(await mesh.subscription('payments', 'library/secret')).toMatchObject({ held: 2 });
      await mesh.ok('odcm', 'grant', 'payments', 'library/secret');
      await mesh.level('payments', 'library/secret', 3);
    });

    it('comes with a feed that is made the moment its space is ready', async () => {
      await mesh.kill('shipping');
      await mesh.start('shipping');
      const body = { name: 'at-once', context: 'users', to: ['payments'] };
      expect(await mesh.ask('shipping', 'createFeed', { body })).toMatchObject({ grants: 1 });
      await mesh.subscribe('payments', { feed: 'shipping/at-once' });
    });

    it('of a whole space covers the feeds that it makes later', async () => {
      await mesh.ok('odcm', 'grant', 'shipping', 'library');
      await create('made-later', { to: [] });
      await publish('made-later', 'one');
      await take('made-later', {}, 'shipping');
      // Sealed: a page with its key stands before the record.
      await mesh.level('shipping', 'library/made-later', 2);
    });
  });

  describe('an item', () => {
    it('published unchanged writes nothing and says so', async () => {
      await create('versions');
      await take('versions');
      const file = join(mesh.dir, 'item.json');
      await writeFile(file, '{"v":1}');
      expect((await mesh.ok('library', 'publish', 'versions', 'item', file)).stdout).toMatch(
        /^published/,
      );
      expect((await mesh.ok('library', 'publish', 'versions', 'item', file)).stdout).toMatch(
        /^unchanged/,
      );
      await mesh.level('library', 'library/versions', 1);
    });

    it('has versions, also at the subscriber, each with its content', async () => {
      const file = join(mesh.dir, 'item.json');
      await writeFile(file, '{"v":2}');
      await mesh.ok('library', 'publish', 'versions', 'item', file);
      await mesh.level('payments', 'library/versions', 2);
      const get = async (...args: string[]) =>
        (await mesh.ok('payments', 'get', 'library/versions', 'item', ...args)).stdout;
      expect([await get(), await get('--version', '1')]).toEqual(['{"v":2}', '{"v":1}']);
      const { stdout } = await mesh.ok('payments', 'history', 'library/versions', 'item', '--json');
      expect(JSON.parse(stdout).rows.map((row: { version: number }) => row.version)).toEqual([
        2, 1,
      ]);
    });

    it('that is withdrawn is gone from the list and stays in the history', async () => {
      expect((await mesh.ok('library', 'withdraw', 'versions', 'item')).stdout).toMatch(
        /^withdrawn 1/,
      );
      await mesh.level('payments', 'library/versions', 3);
      expect(await mesh.items('payments', 'library/versions')).toEqual([]);
      const gone = await mesh.odcm('payments', 'get', 'library/versions', 'item');
      expect(gone).toMatchObject({ code: 4, stdout: '' });
      expect(
        (await mesh.ok('payments', 'get', 'library/versions', 'item', '--version', '2')).stdout,
      ).toBe('{"v":2}');
    });

    it('of five megabytes of any bytes arrives as it was', async () => {
      await create('extensions', { context: 'server-extensions' });
      await take('extensions');
      const bytes = randomBytes(5 * 1024 * 1024 + 77);
      const file = join(mesh.dir, 'extension.dll');
      await writeFile(file, bytes);
      await mesh.ok('library', 'publish', 'extensions', 'step', file);
      await mesh.level('payments', 'library/extensions', 1);
      const got = await mesh.ok('payments', 'get', 'library/extensions', 'step');
      expect(sha256(got.bytes)).toBe(sha256(bytes));
    });

    it('that breaks its contract is a dead letter, and those after it are applied', async () => {
      await create('contract');
      await take('contract');
      await mesh.stop('library');
      await publishUnchecked(
        mesh.home('library'),
        'contract',
        'broken',
        Buffer.from('not JSON at all'),
      );
      await mesh.start('library');
      await publish('contract', 'sound');
      await mesh.level('payments', 'library/contract', 2);
      expect((await mesh.items('payments', 'library/contract')).map((row) => row.item)).toEqual([
        'sound',
      ]);
      const { stdout } = await mesh.ok('payments', 'dead-letters', 'library/contract', '--json');
      expect(JSON.parse(stdout).rows).toMatchObject([{ index: 0, code: 'NOT_JSON' }]);
      expect(await mesh.feed('payments', 'library/contract')).toMatchObject({ deadLetters: 1 });
    });
  });

  describe('a reader', () => {
    it('of events gets each as one line of JSON when it is applied', async () => {
      await create('events');
      await take('events');
      let isOver = false;
      const tail = mesh.odcm(
        'payments',
        'tail',
        'library/events',
        '--format',
        'jsonl',
        '--limit',
        '2',
      );
      void tail.finally(() => {
        isOver = true;
      });
      let count = 0;
      await until('two events were read', async () => {
        if (!isOver) await publish('events', `event-${count++}`);
        return isOver;
      });
      const { stdout, code } = await tail;
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(code).toBe(0);
      expect(lines).toHaveLength(2);
      expect(lines[1].index).toBe(lines[0].index + 1);
      expect(lines[0]).toMatchObject({
        feed: 'library/events',
        event: 'VariableSetPublishedV1Event',
        version: 1,
      });
    });

    it('of the control API gets its whole description from the node', async () => {
      const description = (await getJson(mesh.home('payments'), '/v1/openapi.json')) as {
        paths: Record<string, Record<string, { operationId: string }>>;
      };
      const described = Object.values(description.paths).flatMap((path) =>
        Object.values(path).map((o) => o.operationId),
      );
      expect(described.sort()).toEqual(Object.keys(ROUTES).sort());
    });

    it('with nothing but openssl finds the certificates of a space sound', () => {
      const certs = (name: string): string => join(mesh.home('payments'), 'certs', name);
      const args = [
        'verify',
        '-x509_strict',
        '-CAfile',
        certs('root.pem'),
        '-untrusted',
        certs('issuing.pem'),
        certs('space.pem'),
      ];
      const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/: OK\n$/);
    });

    it('of the members sees who is there', async () => {
      const names = ['odcm', 'library', 'shipping'];
      await until('payments hears the others', async () => {
        const rows = await mesh.ask('payments', 'spaces');
        return names.every((name) => rows.find((row) => row.name === name)?.status === 'online');
      });
      // That a dial succeeded shows at the next look at the connections, some seconds later.
      await until('payments is connected to them, with no attempts pending', async () => {
        const peers = await mesh.ask('payments', 'peers');
        return names.every((name) => {
          const row = peers.find(({ space }) => space === name);
          return row?.connected === true && row.attempts === 0;
        });
      });
    });
  });

  describe('while ODCM is off', () => {
    beforeAll(async () => {
      await mesh.spaces('newcomer');
      // With carriers somebody else would have both entries.
      await create('partly', { carriers: 0 });
      await take('partly', { via: 'manual' });
      await publish('partly', 'one');
      await head('partly', 1);
      await mesh.ask('payments', 'pull', { body: { feed: 'library/partly' } });
      await mesh.level('payments', 'library/partly', 1);
      await until('the newcomer knows of it', () => mesh.feed('newcomer', 'library/partly'));
      await mesh.stop('odcm');
    });

    it('spaces publish, take, and start anew', async () => {
      await afterATick('payments', 'shipping');
      for (const name of ['library', 'payments']) {
        await mesh.stop(name);
        await mesh.start(name);
      }
      await afterATick('payments', 'shipping');
      const items = await mesh.items('payments', 'library/clock');
      expect(items).toHaveLength(ticks);
    });

    it('a space that knows of more than it holds gives others what it holds, the publisher being off', async () => {
      await publish('partly', 'two');
      await head('partly', 2);
      await mesh.stop('library');
      await take('partly', {}, 'newcomer');
      const row = await until('the newcomer has the first entry', async () => {
        const feed = await mesh.feed('newcomer', 'library/partly');
        return feed?.applied === 1 && feed.size === 2 && feed;
      });
      expect(row).toMatchObject({ held: 1, behind: 1 });
      expect((await mesh.content('newcomer', 'library/partly', 'one')).toString()).toBe(
        '{"item":"one"}',
      );
      await mesh.start('library');
      await mesh.level('newcomer', 'library/partly', 2);
    });

    it('every node says how old its directory is', async () => {
      const { directory } = await mesh.ask('payments', 'status');
      expect(directory.state).toBe('fresh');
      const older = await until('it grows older', async () => {
        const { ageMs } = (await mesh.ask('payments', 'status')).directory;
        return ageMs !== null && ageMs > (directory.ageMs ?? 0) && ageMs;
      });
      expect(older).toBeGreaterThan(0);
      expect((await mesh.ok('payments', 'status')).stdout).toMatch(
        /directory[^\n]* [\d.]+ (ms|s|m) ago/,
      );
    });
  });
});

/** Whether any file below a folder has this text in it. */
async function holds(folder: string, text: string): Promise<boolean> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    if ((await readFile(join(entry.parentPath, entry.name))).includes(text)) return true;
  }
  return false;
}

function getJson(home: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: controlSocketPath(home), path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(JSON.parse(text)));
    });
    call.on('error', reject).end();
  });
}
