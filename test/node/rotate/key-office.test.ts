import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { createRequest } from '../../../certs/request.ts';
import { proveRotation } from '../../../certs/rotation.ts';
import { generateRsa } from '../../../certs/rsa.ts';
import { generateX25519, x25519Raw } from '../../../certs/x25519.ts';
import { systemRandom } from '../../../node/clock.ts';
import { Trust } from '../../../node/directory/trust.ts';
import { directoryDraft } from '../../../node/directory/writer.ts';
import { silentLog } from '../../../node/log.ts';
import { CertificateKeeper } from '../../../node/rotate/certificate-keeper.ts';
import { KeyOffice, type KeyWish } from '../../../node/rotate/key-office.ts';
import { OwnKeys } from '../../../node/rotate/own-keys.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { parseFeedId, parseSpaceId, type SpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { signPetition, type Wish } from '../../../protocols/petition.ts';
import { SMALL_ED25519, SMALL_X25519 } from '../../certs/weak-keys.ts';
import { BITS, cleanUp, codeOf, init, newFolder, type Odcm, startOdcm } from '../enrol/mesh.ts';

const DAY_MS = 24 * 3_600_000;
let odcm: Odcm;
let office: KeyOffice;
let trust: Trust;
const time = {
  now: Date.now(),
  nowMs: () => time.now,
  advance: (ms: number) => {
    time.now += ms;
  },
};
beforeAll(async () => {
  const dir = await newFolder();
  await init({ dir: `${dir}/odcm` });
  odcm = await startOdcm(`${dir}/odcm`, { clock: time });
  const { directory, writer, home } = odcm;
  const { mesh } = home.config;
  office = new KeyOffice({
    ...{ mesh, directory, writer, clock: time },
    issuing: () => home.issuing(),
    rootCertificatePem: async () => (await home.certificates()).root,
    exchangeKey: () => home.exchangeKey(),
  });
  trust = new Trust({ mesh, directory, writer, office, clock: time, random: systemRandom });
}, 60_000);
afterAll(cleanUp);

let count = 0;
/** A space of the directory, with its keys. */
async function newSpace() {
  const name = `space-${++count}`;
  const space = parseSpaceId(`0199b7c2-1f00-4000-8000-${String(count).padStart(12, '0')}`);
  const [nodeKey, exchangeKey] = [generateEd25519(), generateX25519()];
  const payload = {
    ...{ space, name: name as never, addresses: [], certificateSha256: '0'.repeat(64) },
    nodeKey: ed25519Raw(nodeKey).toString('base64'),
    exchangeKey: x25519Raw(exchangeKey).toString('base64'),
  };
  await odcm.writer.append('SpaceEnrolledV1Event', payload, `space/${space}`);
  return { space, name, nodeKey, exchangeKey };
}
type Space = Awaited<ReturnType<typeof newSpace>>;

const row = (space: SpaceId) => odcm.directory.state.spaces.get(space)!;
const mesh = () => odcm.home.config.mesh;

function rotation(of: Space, nodeKey = generateEd25519(), exchangeKey = generateX25519()): KeyWish {
  const claims = proveRotation({
    ...{ mesh: mesh(), space: of.space, nodeKey, exchangeKey },
    formerNodeKey: row(of.space).nodeKey,
    odcmExchangeKey: row(odcm.home.config.space).exchangeKey,
  });
  return { wish: 'rotate-keys', ...claims, from: {} };
}
const carry = (of: Space, wish: KeyWish) => codeOf(office.carryOut(of.space, wish));

describe('new keys at ODCM', () => {
  it('stand in the directory beside the former ones; the same wish again changes nothing', async () => {
    const space = await newSpace();
    const wish = rotation(space);
    expect(await carry(space, wish)).toBe('done');
    const { size } = odcm.directory.log;
    expect(await carry(space, wish)).toBe('done');
    expect(odcm.directory.log.size).toBe(size);
    const { keys, nodeKey } = row(space.space);
    expect(keys).toHaveLength(2);
    expect(wish.wish === 'rotate-keys' && wish.nodeKey).toBe(nodeKey.toString('base64'));
    expect(keys[0]!.nodeKey).toEqual(ed25519Raw(space.nodeKey));
  });

  it('name as many feeds as a space may have, in one step', async () => {
    const space = await newSpace();
    const from: Record<string, number> = {};
    const drafts = Array.from({ length: LIMITS.feedsPerSpace }, (_, i) => {
      const feed = parseFeedId(`0199b7c2-1f00-4000-8000-${String(10_000 + i).padStart(12, '0')}`);
      from[feed] = 1_000_000_000 + i;
      const fields = { space: space.space, name: `feed/${i}`, context: 'variables' };
      const payload = { feed, ...fields, sync: 'chosen' } as never;
      return directoryDraft('FeedCreatedV1Event', payload, `feed/${feed}`);
    });
    for (let at = 0; at < drafts.length; at += 200)
      await odcm.writer.appendAll(drafts.slice(at, at + 200));
    const wish = { ...rotation(space), from } as KeyWish;
    // It fits into a petition, too.
    const petition = signPetition(
      mesh(),
      space.space,
      wish as Wish,
      systemRandom.bytes(16),
      space.nodeKey,
    );
    expect(petition.length).toBeLessThanOrEqual(LIMITS.enrolFrameBytes);
    const { size } = odcm.directory.log;
    expect(await carry(space, wish)).toBe('done');
    expect(odcm.directory.log.size).toBe(size + LIMITS.rotationEntries);
    expect(row(space.space).keys).toHaveLength(2);
    expect(row(space.space).keys[1]).toMatchObject({ from, entry: size });
    expect(await carry(space, wish)).toBe('done');
    expect(odcm.directory.log.size).toBe(size + LIMITS.rotationEntries);
  });

  it('are refused when any space has or had one of them', async () => {
    const [space, other] = [await newSpace(), await newSpace()];
    await carry(space, rotation(space));
    for (const taken of [space.nodeKey, other.nodeKey]) {
      expect(await carry(space, rotation(space, taken))).toBe('BAD_REQUEST_PROOF');
    }
    for (const taken of [space.exchangeKey, other.exchangeKey]) {
      expect(await carry(space, rotation(space, undefined, taken))).toBe('BAD_REQUEST_PROOF');
    }
    expect(row(space.space).keys).toHaveLength(2);
  });

  it('are refused when they were proven for another space, or for keys that are no longer in force', async () => {
    const [space, other] = [await newSpace(), await newSpace()];
    const early = rotation(space);
    expect(await carry(other, early)).toBe('BAD_REQUEST_PROOF');
    await carry(space, rotation(space));
    expect(await carry(space, early)).toBe('BAD_REQUEST_PROOF');
  });

  it('are refused for feeds of others, and for a space that was shut out', async () => {
    const space = await newSpace();
    const feed = { '0199b7c2-1f00-4000-8000-0000000000ff': 3 };
    expect(await carry(space, { ...rotation(space), from: feed } as KeyWish)).toBe('FEED_UNKNOWN');
    const wish = rotation(space);
    const revoked = { space: space.space, reason: '', lastGood: {} };
    await odcm.writer.append('SpaceRevokedV1Event', revoked, `revoke/${space.space}`);
    expect(await carry(space, wish)).toBe('REVOKED');
    expect(await carry(space, { wish: 'certificate', csr: '' })).toBe('REVOKED');
    expect(row(space.space).keys).toHaveLength(1);
  });

  it('are refused when they are weak, in every encoding', async () => {
    const space = await newSpace();
    const wish = rotation(space);
    const b64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
    for (const hex of SMALL_ED25519)
      expect(await carry(space, { ...wish, nodeKey: b64(hex) } as KeyWish)).toBe('WEAK_KEY');
    for (const hex of SMALL_X25519)
      expect(await carry(space, { ...wish, exchangeKey: b64(hex) } as KeyWish)).toBe('WEAK_KEY');
    expect(row(space.space).keys).toHaveLength(1);
  });

  it('are asked for with the key in force; the former one asks for everything else, for a while', async () => {
    const space = await newSpace();
    const second = generateEd25519();
    await carry(space, rotation(space, second));
    const ask = (wish: Wish, key = space.nodeKey) =>
      codeOf(
        trust.petition(
          row(space.space),
          signPetition(mesh(), space.space, wish, systemRandom.bytes(16), key),
        ),
      );
    const addresses: Wish = { wish: 'addresses', addresses: ['/ip4/192.0.2.1/tcp/4001'] };
    expect(await ask(rotation(space))).toBe('BAD_SIGNATURE');
    expect(await ask(addresses)).toBe('done');
    expect(await ask(addresses, generateEd25519())).toBe('BAD_SIGNATURE');
    expect(await ask(rotation(space), second)).toBe('done');
    expect(await ask(addresses)).toBe('BAD_SIGNATURE');
    expect(await ask(addresses, second)).toBe('done');
    time.advance(8 * DAY_MS);
    expect(await ask(addresses, second)).toBe('BAD_SIGNATURE');
  });
});

describe('the certificate of a space', () => {
  const csrOf = async (nodeKey: Space['nodeKey']) =>
    createRequest({ rsaKey: await generateRsa(BITS), nodeKey, commonName: 'whatever' });

  it('is given for the name in the directory, and stands there', async () => {
    const space = await newSpace();
    const csr = await csrOf(space.nodeKey);
    const files = JSON.parse(await office.carryOut(space.space, { wish: 'certificate', csr }));
    const { certificateFacts } = await import('../../../certs/certificate-facts.ts');
    const facts = certificateFacts(files.leaf);
    expect(facts.subject).toBe(space.name);
    expect(row(space.space).certificate?.serial).toBe(facts.serial);
  });

  it('is refused for a request that binds another node key, was altered, or is none', async () => {
    const [space, other] = [await newSpace(), await newSpace()];
    const csr = await csrOf(space.nodeKey);
    const cut = csr.replace(/\n(?=-----END)/, 'AAAA\n');
    for (const wrong of [await csrOf(other.nodeKey), cut, 'nonsense']) {
      expect(await carry(space, { wish: 'certificate', csr: wrong })).toBe('BAD_REQUEST_PROOF');
    }
    expect(row(space.space).certificate).toBeNull();
  });

  it('is renewed at half of its life and when the key is another, and not before', async () => {
    const { home } = odcm;
    const keys = new OwnKeys(await home.nodeKey());
    const asked: string[] = [];
    const petition = (wish: Wish) => {
      asked.push(wish.wish);
      return office.carryOut(home.config.space, wish as KeyWish);
    };
    const keeper = new CertificateKeeper({ home, keys, clock: time, log: silentLog, petition });
    const before = (await home.certificates()).leaf;
    const { certificateFacts } = await import('../../../certs/certificate-facts.ts');
    const { notBefore, notAfter } = certificateFacts(before);
    const halfMs = (Date.parse(notBefore) + Date.parse(notAfter)) / 2;
    time.advance(Math.max(0, halfMs - 60_000 - time.nowMs()));
    expect(await keeper.look()).toBe(false);
    time.advance(61_000);
    expect(await keeper.look()).toBe(true);
    expect((await home.certificates()).leaf).not.toBe(before);
    expect(await keeper.look()).toBe(false);
    expect(asked).toEqual(['certificate']);
  });

  it('is not taken from an answer that is for other keys, of another authority, or none', async () => {
    const { home } = odcm;
    const keys = new OwnKeys(await home.nodeKey());
    time.advance(20 * DAY_MS);
    const other = await newSpace();
    const csr = await csrOf(other.nodeKey);
    const foreign = await office.carryOut(other.space, { wish: 'certificate', csr });
    const own = await csrOf(keys.current);
    const otherRsa = await office.carryOut(home.config.space, { wish: 'certificate', csr: own });
    const before = await home.certificates();
    for (const [answer, code] of [
      [foreign, 'BAD_CERTIFICATE'],
      [otherRsa, 'BAD_CERTIFICATE'],
      [JSON.stringify({ ...before, leaf: before.issuing }), 'BAD_CERTIFICATE'],
      ['{}', 'MALFORMED'],
      ['nonsense', 'MALFORMED'],
    ] as const) {
      const petition = () => Promise.resolve(answer);
      const keeper = new CertificateKeeper({ home, keys, clock: time, log: silentLog, petition });
      expect(await codeOf(keeper.look()), answer.slice(0, 20)).toBe(code);
    }
    expect(await home.certificates()).toEqual(before);
  });
});
