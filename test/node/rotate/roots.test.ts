import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { readKeyFile } from '../../../certs/keystore.ts';
import {
  addRootSignatures,
  nextRootPayload,
  type RootChanges,
} from '../../../certs/root-rotation.ts';
import { systemClock } from '../../../node/clock.ts';
import type { Directory } from '../../../node/directory/directory.ts';
import { type Home, openHome } from '../../../node/home/home.ts';
import { initMesh } from '../../../node/home/init.ts';
import { silentLog } from '../../../node/log.ts';
import type { SyncClient } from '../../../node/net/sync-client.ts';
import { addIssuingAuthority, addNextKey } from '../../../node/rotate/next-keys.ts';
import { assertServed, odcmKeys } from '../../../node/rotate/odcm-keys.ts';
import { Roots } from '../../../node/rotate/roots.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { asMeshError, MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { type Root, rootKeyId } from '../../../protocols/root.ts';
import { tempFolder } from '../temp-folder.ts';
import { VirtualTime } from '../virtual-time.ts';

const BITS = 2048;
let made: string;
let offline: readonly string[];
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-roots-'));
  made = join(folder, 'node');
  const result = await initMesh({
    ...{ dir: made, meshName: 'acme', rootKeys: 2, threshold: 1 },
    ...{ listen: ['/ip4/127.0.0.1/tcp/0'], rsaBits: { root: BITS, issuing: BITS, space: BITS } },
  });
  offline = result.offlineFiles;
  return () => rm(folder, { recursive: true });
});

async function freshHome(): Promise<Home> {
  const dir = join(await tempFolder(), 'node');
  await cp(made, dir, { recursive: true });
  return openHome(dir);
}

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => asMeshError(error).code,
  );

async function version(after: Root, changes: Partial<RootChanges> = {}): Promise<Buffer> {
  const payload = nextRootPayload(after, { expiresMs: Date.now() + 1e10, ...changes });
  return addRootSignatures({ payload, signatures: [] }, [await readKeyFile(offline[0]!)]);
}

function rootsOf(home: Home, clock: { nowMs(): number } = systemClock) {
  const adopted: Root[] = [];
  const directory = { adoptRoot: async (root: Root) => void adopted.push(root) };
  const fill = (isFull: boolean) => {
    directory.adoptRoot = async (root) => {
      if (isFull) throw new MeshError('DISK_FULL', 'the disk is full');
      adopted.push(root);
    };
  };
  const options = { home, clock, log: silentLog, directory: directory as unknown as Directory };
  return { roots: new Roots(options), adopted, fill };
}

describe('versions of the root', () => {
  it('are put in force one after the other, and found again at the next start', async () => {
    const home = await freshHome();
    const { roots, adopted } = rootsOf(home);
    const told: number[] = [];
    roots.onAdopted(({ versions }) => void told.push(versions));
    const second = await version(home.root.root);
    expect(await roots.adopt([second])).toBe(1);
    const third = await version(home.root.root);
    expect(await roots.adopt([third])).toBe(1);
    expect(told).toEqual([2, 3]);
    expect(adopted.map((root) => root.version)).toEqual([2, 3]);
    const again = await openHome(home.dir);
    expect(again.root.versions).toBe(3);
    expect(again.rootEnvelopes.slice(1)).toEqual([second, third]);
    expect(again.config.mesh).toBe(home.config.mesh);
  });

  it('are refused when they are older, skip one, or are signed by a stranger, and leave no file', async () => {
    const home = await freshHome();
    const { roots, adopted } = rootsOf(home);
    const first = home.rootEnvelopes[0]!;
    const second = await version(home.root.root);
    await roots.adopt([second]);
    const third = await version(home.root.root);
    const payload = nextRootPayload(home.root.root, { expiresMs: Date.now() + 1e10 });
    const forged = addRootSignatures({ payload, signatures: [] }, [generateEd25519()]);
    const skipped = await version({ ...home.root.root, version: 3 });
    for (const one of [first, second, forged, skipped]) {
      expect(await codeOf(roots.adopt([one]))).toBe('ROOT_INVALID');
    }
    expect(await codeOf(roots.adopt([Buffer.from('x')]))).toBe('MALFORMED');
    expect(await codeOf(roots.adopt([Buffer.alloc(LIMITS.rootBytes + 1)]))).toBe('TOO_LARGE');
    expect(adopted).toHaveLength(1);
    expect((await readdir(home.paths.roots)).sort()).toEqual(['1.root.json', '2.root.json']);
    expect(await roots.adopt([third])).toBe(1);
  });

  it('are taken up to the first that does not verify', async () => {
    const home = await freshHome();
    const { roots } = rootsOf(home);
    const second = await version(home.root.root);
    expect(await roots.adopt([second, second, Buffer.from('x')])).toBe(1);
    expect(home.root.versions).toBe(2);
  });

  it('are asked of each peer once in a while, and soon again after a sign of a newer one', async () => {
    const time = new VirtualTime();
    const home = await freshHome();
    const { roots } = rootsOf(home, time);
    const source = await freshHome();
    const other = rootsOf(source);
    const asked: number[] = [];
    const client = {
      roots: async (from: number) => {
        asked.push(from);
        return [...other.roots.from(from)];
      },
    } as unknown as SyncClient;
    await roots.askWhenDue('peer', client);
    await other.roots.adopt([await version(source.root.root)]);
    await roots.askWhenDue('peer', client);
    expect(asked).toEqual([2]);
    expect([roots.isHinted, roots.hint(), roots.isHinted]).toEqual([false, false, true]);
    await roots.askWhenDue('peer', client);
    expect(asked).toEqual([2]);
    await time.advance(LIMITS.rootHintMs);
    expect([roots.hint(), roots.isHinted]).toEqual([true, false]);
    await roots.askWhenDue('peer', client);
    expect(home.root.versions).toBe(2);
    await time.advance(LIMITS.antiEntropyMs);
    await roots.askWhenDue('peer', client);
    expect(asked).toEqual([2, 2, 3]);
  });

  it('are told of once they are in force, also where the disk was full when they came', async () => {
    const home = await freshHome();
    const { roots, adopted, fill } = rootsOf(home);
    const told: number[] = [];
    roots.onAdopted(({ versions }) => void told.push(versions));
    fill(true);
    expect(await codeOf(roots.adopt([await version(home.root.root)]))).toBe('DISK_FULL');
    expect(await codeOf(roots.complete())).toBe('DISK_FULL');
    const client = { roots: async () => [] } as unknown as SyncClient;
    expect(await codeOf(roots.askWhenDue('peer', client))).toBe('DISK_FULL');
    expect([adopted, told]).toEqual([[], []]);
    fill(false);
    await roots.askWhenDue('peer', client);
    expect([adopted.map((root) => root.version), told]).toEqual([[2], [2]]);
    await roots.complete();
    expect([adopted.length, told]).toEqual([1, [2]]);
  });

  it('are told of once more to a listener that failed, and to no other', async () => {
    const home = await freshHome();
    const { roots, adopted } = rootsOf(home);
    const told: string[] = [];
    let isFull = true;
    roots.onAdopted(() => {
      told.push('first');
      if (isFull) throw new MeshError('DISK_FULL', 'the disk is full');
    });
    roots.onAdopted(() => void told.push('second'));
    await roots.adopt([await version(home.root.root)]);
    await roots.complete();
    expect([adopted.length, told]).toEqual([1, ['first', 'second', 'first']]);
    isFull = false;
    await roots.complete();
    await roots.complete();
    expect(told).toEqual(['first', 'second', 'first', 'first']);
  });

  it('are given from any version on, as many as one answer holds', async () => {
    const home = await freshHome();
    const { roots } = rootsOf(home);
    expect(roots.from(1)).toHaveLength(1);
    expect(roots.from(0)).toHaveLength(1);
    expect(roots.from(2)).toHaveLength(0);
    for (let i = 0; i < LIMITS.rootsPerAnswer; i++)
      await roots.adopt([await version(home.root.root)]);
    expect(roots.from(1)).toHaveLength(LIMITS.rootsPerAnswer);
    expect(roots.from(LIMITS.rootsPerAnswer)).toHaveLength(2);
  });
});

describe('the keys of ODCM', () => {
  const idsOf = async (home: Home) => {
    const keys = await odcmKeys(home);
    return keys.directory.map((key) => rootKeyId(ed25519Raw(key)));
  };

  it('are those that the root names: one, both, then the next, also after a restart', async () => {
    const home = await freshHome();
    const { roots } = rootsOf(home);
    const next = await addNextKey(home, 'directory');
    expect(await addNextKey(home, 'directory')).toEqual(next);
    expect(await idsOf(home)).toEqual([next.formerId]);
    const add = { directory: [Buffer.from(next.key, 'base64')] };
    await roots.adopt([await version(home.root.root, { add })]);
    expect(await idsOf(home)).toEqual([next.formerId, next.id]);
    await roots.adopt([await version(home.root.root, { drop: { directory: [next.formerId] } })]);
    const again = await openHome(home.dir);
    expect(await idsOf(again)).toEqual([next.id]);
    expect(await again.keys.state('directoryKeyNext')).toBe('missing');
    expect(rootKeyId(ed25519Raw(await again.directoryKey()))).toBe(next.id);
  });

  it('are none when the root names none; such a root is not taken', async () => {
    const home = await freshHome();
    const { directory } = home.root.root.roles;
    const changes = {
      add: { directory: [Buffer.alloc(32, 7)] },
      drop: { directory: directory.keyids },
    };
    const envelope = await version(home.root.root, changes);
    const { roots } = rootsOf(home);
    await roots.adopt([envelope]);
    expect(await codeOf(assertServed(home, home.root.root))).toBe('UNKNOWN_KEY');
    expect(await codeOf(odcmKeys(home))).toBe('UNKNOWN_KEY');
  });

  it('take the issuing CA that the root names, at one step or after a stop between two', async () => {
    for (const isStopped of [false, true]) {
      const home = await freshHome();
      const { roots } = rootsOf(home);
      const rootCa = await readKeyFile(offline.at(-1)!);
      const next = await addIssuingAuthority(home, rootCa, Date.now(), BITS);
      expect(await addIssuingAuthority(home, rootCa, Date.now(), BITS)).toEqual(next);
      const before = (await home.issuing()).certificatePem;
      await odcmKeys(home);
      expect((await home.issuing()).certificatePem).toBe(before);
      await roots.adopt([await version(home.root.root, { addIssuing: [next.sha256] })]);
      if (isStopped) await home.keys.promote('issuingKeyNext', 'issuingKey');
      const again = await openHome(home.dir);
      await odcmKeys(again);
      const { certificatePem, key } = await again.issuing();
      expect(certificatePem).not.toBe(before);
      const { X509Certificate } = await import('node:crypto');
      expect(new X509Certificate(certificatePem).checkPrivateKey(key)).toBe(true);
    }
  });

  it('are not certified by anything but the root CA of the mesh', async () => {
    const home = await freshHome();
    const other = await home.tlsKey();
    expect(await codeOf(addIssuingAuthority(home, other, Date.now(), BITS))).toBe(
      'BAD_CERTIFICATE',
    );
    expect(await home.keys.state('issuingKeyNext')).toBe('missing');
  });
});
