import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseToken } from '../../../certs/token.ts';
import { systemClock, systemRandom } from '../../../node/clock.ts';
import { Invites, type Use } from '../../../node/enrol/invites.ts';
import { ENROL_PROTOCOL, readParts } from '../../../node/enrol/messages.ts';
import { type BareHost, createBareHost } from '../../../node/net/bare-host.ts';
import { peerIdOfPublicKey } from '../../../node/net/keys.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { parseSpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
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
import { startProxy, type TcpProxy } from './proxy.ts';

let folder: string;
let dir: string;
let odcm: Odcm;
const stops: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  folder = await newFolder();
  dir = join(folder, 'odcm');
  await init({ dir });
  odcm = await startOdcm(dir);
});
afterEach(async () => {
  for (const thing of stops.splice(0)) await thing.stop();
});
afterAll(cleanUp);

const place = (name: string): string => join(folder, name);
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

async function proxyTo(change?: Parameters<typeof startProxy>[1]): Promise<TcpProxy> {
  const proxy = await startProxy(odcm.endpoint, change);
  stops.push(proxy);
  return proxy;
}

async function bareHost(options: Parameters<typeof createBareHost>[0] = {}): Promise<BareHost> {
  const host = await createBareHost(options);
  await host.start();
  stops.push(host);
  return host;
}

/** A stream to the endpoint, from somebody who knows its key. */
async function callOdcm(server = odcm) {
  const host = await bareHost();
  const peerId = peerIdOfPublicKey(ed25519Raw(await server.home.directoryKey()));
  return host.open(peerId, server.server.addresses(), ENROL_PROTOCOL);
}

const rowsNamed = (name: string) =>
  [...odcm.directory.state.spaces.values()].filter((row) => row.name === name);

async function restart(options: Parameters<typeof startOdcm>[1] = {}): Promise<void> {
  await odcm.stop();
  odcm = await startOdcm(dir, options);
}

describe('an enrolment whose answer is lost', () => {
  it('is answered again for the same node, with one entry in the directory', async () => {
    const proxy = await proxyTo();
    let cuts = 0;
    await restart({
      server: {
        snapshot: async () => {
          if (cuts++ < 2) proxy.cut();
          return odcm.writer.snapshot();
        },
      },
    });
    const token = await odcm.token('stubborn');
    const { space, words } = await joinWith(place('stubborn'), token, { at: proxy.endpoint });
    expect(proxy.count).toBe(3);
    expect(rowsNamed('stubborn').map(({ id }) => id)).toEqual([space]);
    expect(odcm.server.enrolments()[0]).toMatchObject({ space, words });
    expect(await codeOf(joinWith(place('stubborn-2'), token))).toBe('TOKEN_USED');
  });

  it('is not answered again once the space was revoked', async () => {
    const proxy = await proxyTo();
    let cuts = 0;
    await restart({
      server: {
        snapshot: async () => {
          if (cuts++ === 0) {
            const { id: space } = rowsNamed('outcast')[0]!;
            const payload = { space, reason: 'left', lastGood: {} };
            await odcm.writer.append('SpaceRevokedV1Event', payload, `revoke/${space}`);
            proxy.cut();
          }
          return odcm.writer.snapshot();
        },
      },
    });
    const token = await odcm.token('outcast');
    const joining = joinWith(place('outcast'), token, { at: proxy.endpoint });
    expect(await codeOf(joining)).toBe('REVOKED');
    expect(cuts).toBe(1);
  });

  it('is finished after ODCM was stopped between taking the token and writing the entry', async () => {
    const proxy = await proxyTo();
    const dying = Promise.withResolvers<void>();
    await restart({
      server: {
        enrol: async () => {
          proxy.cut();
          dying.resolve();
          throw new MeshError('DISK_FULL', 'no room');
        },
      },
    });
    const joining = joinWith(place('midway'), await odcm.token('midway'), { at: proxy.endpoint });
    await dying.promise;
    await restart();
    const { space } = await joining;
    expect(rowsNamed('midway').map(({ id }) => id)).toEqual([space]);
  });

  it('ends with what to do when ODCM stays away', async () => {
    const proxy = await proxyTo();
    // Its patience ends some time after ODCM is gone, and not before, however slow the machine is.
    const [patienceMs, patience] = [12_345, new AbortController()];
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const timeouts = vi
      .spyOn(AbortSignal, 'timeout')
      .mockImplementation((ms) => (ms === patienceMs ? patience.signal : timeout(ms)));
    onTestFinished(() => timeouts.mockRestore());
    await restart({
      server: {
        snapshot: async () => {
          await proxy.stop();
          timeout(500).addEventListener('abort', ({ target }) =>
            patience.abort((target as AbortSignal).reason),
          );
          return Buffer.alloc(0);
        },
      },
    });
    const refusal = await refusalOf(
      joinWith(place('away'), await odcm.token('away'), { at: proxy.endpoint, patienceMs }),
    );
    expect(refusal?.code).toBe('ODCM_UNREACHABLE');
    expect(refusal?.next).toContain('odcm invite');
    expect(await isThere(place('away'))).toBe(false);
    await restart();
  });
});

describe('somebody between a node and ODCM', () => {
  it('who changes bytes never gets a node that is half made', async () => {
    for (const [i, offset] of [1, 60, 200, 500, 1500, 3000, 6000].entries()) {
      const name = `flip-${i}`;
      const proxy = await proxyTo((connection, at, bytes) => {
        if (connection > 0 || offset < at || offset >= at + bytes.length) return bytes;
        const changed = Buffer.from(bytes);
        changed[offset - at]! ^= 1;
        return changed;
      });
      const options = { at: proxy.endpoint };
      const code = await codeOf(joinWith(place(name), await odcm.token(name), options));
      expect(['done', 'ODCM_UNREACHABLE']).toContain(code);
      expect(await isThere(place(name))).toBe(code === 'done');
      expect(rowsNamed(name)).toHaveLength(code === 'done' ? 1 : 0);
    }
  });

  it('who only passes everything on is noticed before the token is proven', async () => {
    const relay = await bareHost({ listen: ['/ip4/127.0.0.1/tcp/0'] });
    await relay.serve(ENROL_PROTOCOL, async (near) => {
      const far = await callOdcm();
      const pass = async (from: typeof near, to: typeof near): Promise<void> => {
        for (let frame = await from.read(); frame !== undefined; frame = await from.read()) {
          await to.send(Buffer.from(frame));
        }
      };
      await Promise.race([pass(near, far), pass(far, near)]);
    });
    const port = Number(relay.addresses()[0]?.split('/')[4]);
    const token = await odcm.token('relayed');
    const at = { host: '127.0.0.1', port };
    expect(await codeOf(joinWith(place('relayed'), token, { at }))).toBe('BAD_SIGNATURE');
    expect(odcm.invites.find(parseToken(token).id)?.used).toBeNull();
  });
});

describe('the enrolment endpoint', () => {
  it('drops a stranger who says nothing, while others go on', async () => {
    // Only the first to come has little time: how long the others take is up to the machine.
    const times: number[] = [];
    const server = {
      get timeoutMs() {
        return times.pop() ?? LIMITS.enrolTimeoutMs;
      },
    };
    await restart({ server });
    times.push(300);
    const silent = await callOdcm();
    const waiting = silent.read();
    waiting.catch(() => {});
    await joinWith(place('brisk'), await odcm.token('brisk'));
    expect(await codeOf(waiting)).toMatch(/PEER_UNREACHABLE|TIMEOUT/);
    await restart();
  });

  it('refuses what is no message, and a message of the wrong step', async () => {
    for (const bytes of [Buffer.from('hello'), Buffer.from('{}'), Buffer.from([0xff, 0xfe])]) {
      const channel = await callOdcm();
      await channel.send(bytes);
      const signal = AbortSignal.timeout(10_000);
      expect((await readParts(channel, { signal })).toString()).toContain('"error":"MALFORMED"');
      expect(await channel.read()).toBeUndefined();
    }
  });

  it('says nothing of its own faults to strangers', async () => {
    await restart({
      server: {
        enrol: async () => {
          throw new MeshError('DISK_FULL', `the disk of ${dir} is full`);
        },
      },
    });
    const refusal = await refusalOf(joinWith(place('full'), await odcm.token('full')));
    expect(refusal?.code).toBe('DISK_FULL');
    expect(refusal?.line).not.toContain(folder);
    await restart();
  });

  it('enrols many at once, each with a name and an entry of its own', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `many-${i}`);
    const tokens = await Promise.all(names.map((name) => odcm.token(name)));
    await Promise.all(tokens.map((token, i) => joinWith(place(names[i]!), token)));
    expect(names.map((name) => rowsNamed(name).length)).toEqual(names.map(() => 1));
    expect(odcm.directory.state.passedOver).toBe(0);
  });
});

describe('invitations', () => {
  const open = (path: string) => Invites.open(path, { clock: systemClock, random: systemRandom });
  const use: Use = {
    atMs: 1,
    space: parseSpaceId('0199b7c2-1f00-4000-8000-000000000002'),
    nodeKey: Buffer.alloc(32).toString('base64'),
    exchangeKey: Buffer.alloc(32, 1).toString('base64'),
    certificate: 'pem',
    words: ['a', 'b', 'c', 'd', 'e', 'f'],
  };
  const invitation = {
    name: 'library',
    fingerprint: Buffer.alloc(32),
    endpoint: { host: '127.0.0.1', port: 1 },
    isTaken: () => false,
  };

  it.each(['all', '0199b7c2-1f00-4000-8000-000000000002'])(
    'are not for a space named %s, which stands for other spaces',
    async (name) => {
      const invites = await open(place(`${name}.json`));
      const asked = invites.invite({ ...invitation, name });
      await expect(asked).rejects.toMatchObject({ code: 'NAME_INVALID' });
      expect(invites.list()).toEqual([]);
      await expect(invites.invite({ ...invitation, name: 'all-hands' })).resolves.toMatchObject({
        name: 'all-hands',
      });
    },
  );

  it('are taken once, whoever comes at the same time, and stay taken', async () => {
    const path = place('invites.json');
    const invites = await open(path);
    const { token } = await invites.invite(invitation);
    const { id } = parseToken(token);
    const taken = await Promise.all([1, 2, 3].map(() => invites.take(id, use)));
    expect(taken).toEqual([true, false, false]);
    expect((await open(path)).find(id)?.used).toEqual(use);
    expect(await (await open(path)).take(id, use)).toBe(false);
  });

  it('never hold the secret of a token', async () => {
    const path = place('secret.json');
    const { token } = await (await open(path)).invite(invitation);
    const { secret } = parseToken(token);
    const text = await readFile(path, 'utf8');
    expect(text).toContain('tokenKey');
    for (const form of [token.split('.')[2]!, secret.toString('base64'), secret.toString('hex')]) {
      expect(text).not.toContain(form);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('stay untaken when the disk refuses', async () => {
    const path = place('gone/invites.json');
    await mkdir(place('gone'));
    const invites = await open(path);
    const { id } = parseToken((await invites.invite(invitation)).token);
    await rm(place('gone'), { recursive: true });
    expect(await codeOf(invites.take(id, use))).toBe('FILE_UNREADABLE');
    expect(invites.find(id)?.used).toBeNull();
    await mkdir(place('gone'));
    expect(await invites.take(id, use)).toBe(true);
  });

  it('refuse an unknown id, and a file that was damaged, by name', async () => {
    const path = place('damaged.json');
    expect(await codeOf((await open(path)).take('aaaaaaaa', use))).toBe('TOKEN_UNKNOWN');
    for (const text of [
      '',
      '{',
      '[]',
      '{"version":1,"invites":[{"id":"x"}]}',
      '{"version":2,"invites":[]}',
    ]) {
      await writeFile(path, text);
      const refusal = await refusalOf(open(path));
      expect([text, refusal?.code]).toEqual([text, 'STORE_DAMAGED']);
      expect(refusal?.message).toContain(path);
    }
  });
});
