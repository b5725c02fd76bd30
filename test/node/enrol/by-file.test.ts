import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateFacts } from '../../../certs/certificate-facts.ts';
import { parseAnswerFile, parseOfferFile } from '../../../certs/enrol-files.ts';
import type { Clock } from '../../../node/clock.ts';
import { systemClock } from '../../../node/clock.ts';
import {
  finishByFile,
  type RequestOptions,
  requestByFile,
} from '../../../node/enrol/join-by-file.ts';
import { openHome } from '../../../node/home/home.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import type { MeshId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import {
  BITS,
  cleanUp,
  codeOf,
  init,
  joinWith,
  LOOPBACK,
  newFolder,
  type Odcm,
  startOdcm,
} from './mesh.ts';

const DAY_MS = 24 * 3_600_000;
let folder: string;
let odcm: Odcm;
let other: Odcm;
/** Moves the time of the first ODCM. */
let aheadMs = 0;
const shifted = (byMs: () => number): Clock => ({
  ...systemClock,
  nowMs: () => systemClock.nowMs() + byMs(),
});

beforeAll(async () => {
  folder = await newFolder();
  await Promise.all([init({ dir: join(folder, 'odcm') }), init({ dir: join(folder, 'other') })]);
  odcm = await startOdcm(join(folder, 'odcm'), { clock: shifted(() => aheadMs) });
  other = await startOdcm(join(folder, 'other'));
});
afterAll(cleanUp);

/** The files and the folder of one site. */
const site = (name: string) => ({
  name,
  dir: join(folder, name),
  offer: join(folder, `${name}.offer`),
  request: join(folder, `${name}.request`),
  answer: join(folder, `${name}.answer`),
});
type Site = ReturnType<typeof site>;

const ask = ({ dir, offer, request }: Site, options: Partial<RequestOptions> = {}) =>
  requestByFile({ dir, offer, request, listen: [LOOPBACK], rsaBits: BITS, ...options });
const finish = ({ dir, answer }: Site, clock: Clock = systemClock) =>
  finishByFile({ dir, answer, clock });

async function offered(name: string, by: Odcm = odcm, ttlMs?: number): Promise<Site> {
  const files = site(name);
  await by.files.offer({ name, path: files.offer, ttlMs });
  return files;
}
async function requested(name: string): Promise<Site> {
  const files = await offered(name);
  await ask(files);
  return files;
}
const enrol = async ({ request, answer }: Site, by: Odcm = odcm) => {
  const { words } = await by.files.look(request);
  return by.files.enrol({ path: request, answer, words: words.join(' ') });
};
async function answered(name: string): Promise<Site> {
  const files = await requested(name);
  await enrol(files);
  return files;
}

/** The same JSON with one value changed. */
async function change(path: string, edit: (value: Record<string, unknown>) => void) {
  const value = JSON.parse(await readFile(path, 'utf8'));
  edit(value);
  await writeFile(path, JSON.stringify(value));
}
const flipped = (base64: unknown): string => {
  const bytes = Buffer.from(base64 as string, 'base64');
  bytes[bytes.length - 3]! ^= 1;
  return bytes.toString('base64');
};
const isPending = async ({ dir }: Site) => (await readdir(dir)).includes('joining');

describe('joining by files', () => {
  it('makes a node whose chain openssl accepts, for 13 months, with the same words on both sides', async () => {
    const files = await offered('vault');
    const asked = await ask(files, { acceptForced: true });
    const looked = await odcm.files.look(files.request);
    expect(looked).toEqual({ name: 'vault', words: asked.words });
    expect(asked.words).toHaveLength(6);
    const admitted = await enrol(files);
    const joined = await finish(files);
    expect(joined).toMatchObject({ name: 'vault', space: admitted.space, words: asked.words });
    const home = await openHome(files.dir);
    expect(home.config).toMatchObject({ name: 'vault', role: 'space', acceptForced: true });
    const row = odcm.directory.state.spaces.get(joined.space)!;
    expect(row.nodeKey.equals(ed25519Raw(await home.nodeKey()))).toBe(true);
    const { notBefore, notAfter } = certificateFacts((await home.certificates()).leaf);
    const lifeMs = Date.parse(notAfter) - Date.parse(notBefore) - LIMITS.clockSkewMs;
    expect(lifeMs / DAY_MS).toBe(396);
    const { rootCertificate, issuingCertificate, spaceCertificate } = home.paths;
    const said = execFileSync('openssl', [
      ...['verify', '-CAfile', rootCertificate, '-untrusted', issuingCertificate],
      spaceCertificate,
    ]);
    expect(said.toString()).toContain(': OK');
    expect(await isPending(files)).toBe(false);
  });

  it('lets no secret out: neither request nor answer holds a key of the site or the token', async () => {
    const files = await answered('secretive');
    const secret = parseOfferFile(await readFile(files.offer)).token.split('.')[2]!;
    await finish(files);
    const home = await openHome(files.dir);
    const keys = await Promise.all([home.nodeKey(), home.exchangeKey(), home.tlsKey()]);
    const secrets = [
      Buffer.from(secret),
      ...keys.map((key) => {
        const { d } = key.export({ format: 'jwk' });
        return Buffer.from(d!, 'base64url');
      }),
    ];
    for (const path of [files.request, files.answer]) {
      const bytes = await readFile(path);
      const inner = Object.values(JSON.parse(bytes.toString()))
        .filter((value) => typeof value === 'string')
        .map((value) => Buffer.from(value as string, 'base64'));
      for (const one of secrets)
        for (const where of [bytes, ...inner])
          for (const spelled of [one, Buffer.from(one.toString('base64'))])
            expect(where.includes(spelled)).toBe(false);
    }
  });

  it('protects the keys with a passphrase from the request on', async () => {
    const files = await offered('guarded');
    await ask(files, { passphrase: Buffer.from('a long enough passphrase') });
    await enrol(files);
    await finish(files);
    expect(await codeOf((await openHome(files.dir)).nodeKey())).toBe('KEYS_LOCKED');
    const home = await openHome(files.dir, async () => Buffer.from('a long enough passphrase'));
    expect((await home.nodeKey()).asymmetricKeyType).toBe('ed25519');
  });

  it('writes the same request again for the same offer, and the same certificate for the same request', async () => {
    const files = await requested('again');
    const first = await readFile(files.request);
    await rm(files.request);
    await ask(files);
    expect(await readFile(files.request)).toEqual(first);
    await enrol(files);
    const { answer } = parseAnswerFile(await readFile(files.answer));
    await enrol(files);
    const later = parseAnswerFile(await readFile(files.answer));
    const leaf = (bytes: Buffer) => JSON.parse(bytes.toString()).certificates.leaf;
    expect(leaf(later.answer)).toBe(leaf(answer));
    await finish(files);
    expect(await codeOf(finish(files))).toBe('ALREADY_ENROLLED');
    expect(await codeOf(ask(files))).toBe('ALREADY_ENROLLED');
  });

  it('goes on after a stop at any point between the answer and the finished folder', async () => {
    const files = await answered('resumed');
    // What a stop in the middle of moving leaves: parts of the folder, and all that waits.
    await mkdir(join(files.dir, 'keys'), { recursive: true });
    await writeFile(join(files.dir, 'keys', 'node.pem'), 'torn');
    await mkdir(join(files.dir, 'store', 'log'), { recursive: true });
    await mkdir(join(files.dir, '.new-abc'));
    const waiting = join(folder, 'kept');
    execFileSync('cp', ['-r', join(files.dir, 'joining'), waiting]);
    const joined = await finish(files);
    // And the last moment: all is there, and what waited is not yet gone.
    execFileSync('cp', ['-r', waiting, join(files.dir, 'joining')]);
    const key = await readFile(join(files.dir, 'keys', 'node.pem'));
    expect(await finish(files)).toEqual(joined);
    expect(await isPending(files)).toBe(false);
    expect(await readFile(join(files.dir, 'keys', 'node.pem'))).toEqual(key);
    expect((await readdir(files.dir)).filter((name) => name.startsWith('.new-'))).toEqual([]);
  });

  it('answers after an offer expired when the site was let in before', async () => {
    const files = await answered('late');
    aheadMs = 40 * DAY_MS;
    try {
      await enrol(files);
    } finally {
      aheadMs = 0;
    }
    expect((await finish(files)).name).toBe('late');
  });
});

describe('an offer', () => {
  it('is refused when it is over, before its time, of another mesh or for another space', async () => {
    const files = await offered('refused', odcm, DAY_MS);
    const at = (ms: number) => ({ clock: shifted(() => ms) });
    expect(await codeOf(ask(files, at(DAY_MS)))).toBe('TOKEN_EXPIRED');
    expect(await codeOf(ask(files, at(-DAY_MS)))).toBe('CLOCK_REGRESSED');
    expect(await codeOf(ask(files, { mesh: other.home.config.mesh }))).toBe('WRONG_MESH');
    expect(await codeOf(ask(files, { spaceName: 'ledger' }))).toBe('NAME_INVALID');
    expect(await codeOf(ask(files, { passphrase: Buffer.from('short') }))).toBe('USAGE');
    await expect(readdir(files.dir)).rejects.toThrow('ENOENT');
    expect((await ask(files, { mesh: odcm.home.config.mesh as MeshId })).name).toBe('refused');
  });

  it('is refused when a word of it is changed, and leaves no folder behind', async () => {
    const files = await offered('altered');
    const whole = await readFile(files.offer, 'utf8');
    const edits: [string, (value: Record<string, unknown>) => void][] = [
      ['BAD_SIGNATURE', (v) => (v['expires'] = '2099-01-01T00:00:00.000Z')],
      ['BAD_SIGNATURE', (v) => (v['space'] = 'ledger')],
      ['BAD_SIGNATURE', (v) => (v['signature'] = flipped(v['signature']))],
      ['BAD_SIGNATURE', (v) => (v['hello'] = encodeOther(v['hello']))],
      ['UNKNOWN_KEY', (v) => (v['keyid'] = '0'.repeat(64))],
      ['WRONG_MESH', (v) => (v['mesh'] = other.home.config.mesh)],
      [
        'WRONG_MESH',
        (v) => (v['token'] = `odcm1.${'a'.repeat(8)}.${'a'.repeat(26)}.${'a'.repeat(52)}`),
      ],
      ['NOT_CANONICAL', (v) => (v['more'] = 1)],
      ['MALFORMED', (v) => (v['created'] = 'yesterday')],
      ['MALFORMED', (v) => (v['type'] = 'odcm-enrolment-answer')],
    ];
    for (const [code, edit] of edits) {
      await writeFile(files.offer, whole);
      await change(files.offer, edit);
      expect([code, await codeOf(ask(files))]).toEqual([code, code]);
    }
    await expect(readdir(files.dir)).rejects.toThrow('ENOENT');
  });

  it('is made for free names only, for at most 30 days', async () => {
    const name = (await answered('taken')).name;
    const path = join(folder, 'more.offer');
    expect(await codeOf(odcm.files.offer({ name, path }))).toBe('SPACE_EXISTS');
    expect(await codeOf(odcm.files.offer({ name: 'Not A Name', path }))).toBe('NAME_INVALID');
    const ttlMs = LIMITS.offerTtlMaxMs + 1;
    expect(await codeOf(odcm.files.offer({ name: 'long', path, ttlMs }))).toBe('USAGE');
    const nowhere = join(folder, 'no', 'such', 'folder');
    expect(await codeOf(odcm.files.offer({ name: 'long', path: nowhere }))).toBe('FILE_UNREADABLE');
  });

  it('does not let anybody in over the network', async () => {
    const files = await offered('indoors');
    const { token } = parseOfferFile(await readFile(files.offer));
    const dir = join(folder, 'indoors-online');
    expect(await codeOf(joinWith(dir, token, { at: odcm.endpoint }))).toBe('TOKEN_UNKNOWN');
  });
});

const encodeOther = (hello: unknown): string => {
  const text = Buffer.from(hello as string, 'base64').toString();
  const nonce = Buffer.alloc(32, 9).toString('base64');
  return Buffer.from(text.replace(/"nonce":"[^"]+"/, `"nonce":"${nonce}"`)).toString('base64');
};

describe('a request', () => {
  it('is refused without the right words, and nothing is written', async () => {
    const files = await requested('wordless');
    const wrong = 'one two three four five six';
    const { request: path, answer } = files;
    expect(await codeOf(odcm.files.enrol({ path, answer, words: wrong }))).toBe('APPROVAL_REFUSED');
    expect(odcm.directory.state.spaceNamed('wordless' as never)).toBeUndefined();
    await expect(readFile(answer)).rejects.toThrow('ENOENT');
    expect(odcm.invites.list().find((row) => row.name === 'wordless')?.used).toBeNull();
  });

  it('is refused when its offer was used, is over, or is of another mesh', async () => {
    const first = await offered('contested');
    const second = { ...site('contested-2'), offer: first.offer };
    await ask(first);
    await ask(second);
    await enrol(first);
    expect(await codeOf(odcm.files.look(second.request))).toBe('TOKEN_USED');
    expect(await codeOf(enrol(second))).toBe('TOKEN_USED');
    expect(await codeOf(other.files.look(first.request))).toBe('WRONG_MESH');
    const late = await requested('too-late');
    aheadMs = 8 * DAY_MS;
    try {
      expect(await codeOf(odcm.files.look(late.request))).toBe('TOKEN_EXPIRED');
    } finally {
      aheadMs = 0;
    }
  });

  it('is refused when it was changed on its way', async () => {
    const files = await requested('tampered');
    const whole = await readFile(files.request, 'utf8');
    const inner =
      (edit: (value: Record<string, unknown>) => void) => (v: Record<string, unknown>) => {
        const value = JSON.parse(Buffer.from(v['request'] as string, 'base64').toString());
        edit(value);
        v['request'] = Buffer.from(JSON.stringify(value)).toString('base64');
      };
    const edits: [string, (value: Record<string, unknown>) => void][] = [
      ['WRONG_MESH', (v) => (v['mesh'] = other.home.config.mesh)],
      ['BAD_REQUEST_PROOF', (v) => (v['space'] = 'ledger')],
      ['BAD_REQUEST_PROOF', inner((r) => (r['addresses'] = ['/ip4/192.0.2.1/tcp/1']))],
      ['BAD_REQUEST_PROOF', inner((r) => (r['nodeKey'] = r['exchangeKey']))],
      ['TOKEN_UNKNOWN', inner((r) => (r['token'] = 'aaaaaaaa'))],
      ['MALFORMED', (v) => (v['request'] = 'AAAA')],
      ['NOT_CANONICAL', (v) => (v['more'] = 1)],
    ];
    for (const [code, edit] of edits) {
      await writeFile(files.request, whole);
      await change(files.request, edit);
      expect([code, await codeOf(odcm.files.look(files.request))]).toEqual([code, code]);
    }
    await writeFile(files.request, whole);
    await enrol(files);
  });

  it('is refused for a name that somebody else has got meanwhile, and for a space that was revoked', async () => {
    const files = await requested('raced');
    await joinWith(join(folder, 'raced-online'), await odcm.token('raced'));
    expect(await codeOf(odcm.files.look(files.request))).toBe('SPACE_EXISTS');
    const gone = await answered('gone');
    const { id: space } = odcm.directory.state.resolveSpace('gone');
    const payload = { space, reason: 'stolen', lastGood: {} };
    await odcm.writer.append('SpaceRevokedV1Event', payload as never, `revoked/${space}`);
    expect(await codeOf(odcm.files.look(gone.request))).toBe('REVOKED');
  });
});

describe('an answer', () => {
  it('is refused when it is for another request or of another mesh', async () => {
    const [mine, yours] = [await answered('mine'), await answered('yours')];
    expect(await codeOf(finish({ ...mine, answer: yours.answer }))).toBe('WRONG_DESTINATION');
    await change(yours.answer, (v) => (v['mesh'] = other.home.config.mesh));
    expect(await codeOf(finish({ ...mine, answer: yours.answer }))).toBe('WRONG_MESH');
    const nobody = site('nobody-asked');
    expect(await codeOf(finish({ ...nobody, answer: mine.answer }))).toBe('NOT_INITIALISED');
    expect((await finish(mine)).name).toBe('mine');
  });

  it('is refused when it was changed, and what waits goes on waiting', async () => {
    const files = await answered('patient');
    const whole = await readFile(files.answer, 'utf8');
    const hash = parseAnswerFile(await readFile(files.answer)).request;
    const stranger = other.home.rootEnvelopes[0]!.toString('base64');
    const foreign = parseAnswerFile(await readFile((await answered('foreign')).answer));
    const edits: [string, (value: Record<string, unknown>) => void][] = [
      [
        'WRONG_DESTINATION',
        (v) => (v['request'] = hash.replace(/^./, (c) => (c === '0' ? '1' : '0'))),
      ],
      ['WRONG_DESTINATION', (v) => (v['space'] = 'ledger')],
      ['ROOT_INVALID', (v) => (v['roots'] = [stranger])],
      ['ROOT_INVALID', (v) => (v['roots'] = [])],
      // Another's answer under this request's number: its signature covers the request.
      ['BAD_SIGNATURE', (v) => (v['answer'] = foreign.answer.toString('base64'))],
      ['NOT_CANONICAL', (v) => (v['more'] = 1)],
      ['MALFORMED', (v) => (v['directory'] = '')],
    ];
    for (const [code, edit] of edits) {
      await writeFile(files.answer, whole);
      await change(files.answer, edit);
      expect([code, await codeOf(finish(files))]).toEqual([code, code]);
      expect(await isPending(files)).toBe(true);
    }
    await writeFile(files.answer, whole);
    await change(files.answer, (v) => (v['directory'] = flipped(v['directory'])));
    expect(await codeOf(finish(files))).not.toBe('done');
    await writeFile(files.answer, whole);
    expect((await finish(files)).name).toBe('patient');
  });

  it('is refused with a directory that is older than the enrolment or cut off', async () => {
    const older = parseAnswerFile(await readFile((await answered('older')).answer)).directory;
    const files = await answered('newer');
    await change(files.answer, (v) => (v['directory'] = older.toString('base64')));
    expect(await codeOf(finish(files))).toBe('MALFORMED');
    const cut = await odcm.writer.snapshot(8192);
    await change(files.answer, (v) => (v['directory'] = cut.toString('base64')));
    expect(await codeOf(finish(files))).toBe('MALFORMED');
  });
});

describe('files that a courier mixes up', () => {
  it('are named as what they are', async () => {
    const files = await answered('mixed');
    expect(await codeOf(ask({ ...site('mixed-2'), offer: files.request }))).toBe('MALFORMED');
    expect(await codeOf(ask({ ...site('mixed-2'), offer: files.answer }))).toBe('MALFORMED');
    for (const path of [files.offer, files.answer])
      expect(await codeOf(odcm.files.look(path))).toBe('MALFORMED');
    for (const answer of [files.offer, files.request])
      expect(await codeOf(finish({ ...files, answer }))).toBe('MALFORMED');
  });

  it('are refused when they are no plain files, empty, cut or too large', async () => {
    const files = await requested('odd');
    const odd = join(folder, 'odd.file');
    await symlink(files.request, odd);
    expect(await codeOf(odcm.files.look(odd))).toBe('FILE_UNREADABLE');
    expect(await codeOf(odcm.files.look(folder))).toBe('FILE_UNREADABLE');
    expect(await codeOf(odcm.files.look('/dev/zero'))).toBe('FILE_UNREADABLE');
    expect(await codeOf(odcm.files.look(join(folder, 'nothing')))).toBe('FILE_UNREADABLE');
    await rm(odd);
    await writeFile(odd, '');
    expect(await codeOf(odcm.files.look(odd))).toBe('FILE_EMPTY');
    const whole = await readFile(files.request);
    await writeFile(odd, whole.subarray(0, -1));
    expect(await codeOf(odcm.files.look(odd))).toBe('MALFORMED');
    await writeFile(odd, Buffer.alloc(2 * LIMITS.enrolFrameBytes + 1, 0x20));
    expect(await codeOf(odcm.files.look(odd))).toBe('TOO_LARGE');
  });
});
