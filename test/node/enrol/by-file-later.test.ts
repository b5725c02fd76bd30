// What happens between the steps of an enrolment by file, while a courier is on the way: ODCM gets another root, or ends.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { certificateFacts } from '../../../certs/certificate-facts.ts';
import { parseAnswerFile } from '../../../certs/enrol-files.ts';
import { readKeyFile } from '../../../certs/keystore.ts';
import { addRootSignatures, nextRootPayload } from '../../../certs/root-rotation.ts';
import { finishByFile, requestByFile } from '../../../node/enrol/join-by-file.ts';
import { openHome } from '../../../node/home/home.ts';
import { addIssuingAuthority, addNextKey } from '../../../node/rotate/next-keys.ts';
import { odcmKeys } from '../../../node/rotate/odcm-keys.ts';
import type { DirectoryState } from '../../../protocols/directory.ts';
import { BITS, cleanUp, codeOf, init, LOOPBACK, newFolder, type Odcm, startOdcm } from './mesh.ts';

let folder: string;
let odcm: Odcm;
let offline: readonly string[];

beforeEach(async () => {
  folder = await newFolder();
  const made = await init({ dir: join(folder, 'odcm'), rootKeys: 1, threshold: 1 });
  offline = made.offlineFiles;
  odcm = await startOdcm(join(folder, 'odcm'));
});
afterAll(cleanUp);

const site = (name: string) => ({
  dir: join(folder, name),
  ...{ offer: join(folder, `${name}.offer`), request: join(folder, `${name}.request`) },
  answer: join(folder, `${name}.answer`),
});
type Site = ReturnType<typeof site>;

async function requested(name: string): Promise<Site & { words: string }> {
  const files = site(name);
  await odcm.files.offer({ name, path: files.offer });
  const { dir, offer, request } = files;
  const { words } = await requestByFile({ dir, offer, request, listen: [LOOPBACK], rsaBits: BITS });
  return { ...files, words: words.join(' ') };
}
const enrol = ({ request, answer, words }: Site & { words: string }) =>
  odcm.files.enrol({ path: request, answer, words });
const finish = ({ dir, answer }: Site) => finishByFile({ dir, answer });

/** The keepers of the root keys sign the next version, and ODCM goes by it. */
async function rotateRoot(
  changes: Partial<Parameters<typeof nextRootPayload>[1]> = {},
): Promise<void> {
  const { home, directory, writer } = odcm;
  const payload = nextRootPayload(home.root.root, { expiresMs: Date.now() + 1e10, ...changes });
  const key = await readKeyFile(offline[0]!);
  await home.addRoot(addRootSignatures({ payload, signatures: [] }, [key]));
  writer.signWith(await odcmKeys(home));
  await directory.adoptRoot(home.root.root);
  await writer.renew();
}

describe('a root that changes between offer and answer', () => {
  it('goes along with the answer, and the site begins with it', async () => {
    const files = await requested('vault');
    await rotateRoot();
    await enrol(files);
    await finish(files);
    expect((await openHome(files.dir)).root.versions).toBe(2);
  });

  it('may have other directory keys: the offer counts by the old ones, the answer by the new ones', async () => {
    const files = await requested('vault');
    const next = await addNextKey(odcm.home, 'directory');
    await rotateRoot({ add: { directory: [Buffer.from(next.key, 'base64')] } });
    await rotateRoot({ drop: { directory: [next.formerId] } });
    await enrol(files);
    await finish(files);
    const { root } = await openHome(files.dir);
    expect([root.versions, root.root.roles.directory.keyids]).toEqual([3, [next.id]]);
  });

  it('may name another issuing authority: the site gets its certificate from that one', async () => {
    const files = await requested('vault');
    const before = (await odcm.home.issuing()).certificatePem;
    const rootCa = await readKeyFile(offline.at(-1)!);
    const next = await addIssuingAuthority(odcm.home, rootCa, Date.now(), BITS);
    await rotateRoot({ addIssuing: [next.sha256] });
    await enrol(files);
    await finish(files);
    const { issuing } = await (await openHome(files.dir)).certificates();
    expect(issuing).not.toBe(before);
    expect(issuing).toBe((await odcm.home.issuing()).certificatePem);
  });

  it('does not save an answer whose versions leave one out, are another mesh’s, or end early', async () => {
    const files = await requested('vault');
    const next = await addNextKey(odcm.home, 'directory');
    await rotateRoot({ add: { directory: [Buffer.from(next.key, 'base64')] } });
    await rotateRoot({ drop: { directory: [next.formerId] } });
    await enrol(files);
    const whole = await readFile(files.answer);
    const { roots } = parseAnswerFile(whole);
    await init({ dir: join(folder, 'other') });
    const foreign = await openHome(join(folder, 'other'));
    const cases: [code: string, roots: Buffer[]][] = [
      ['ROOT_INVALID', [roots[0]!, roots[2]!]],
      ['ROOT_INVALID', [...foreign.rootEnvelopes]],
      // By the first version alone, a stranger has signed the answer.
      ['UNKNOWN_KEY', [roots[0]!]],
    ];
    for (const [code, told] of cases) {
      const file = JSON.parse(whole.toString()) as Record<string, unknown>;
      file['roots'] = told.map((one) => one.toString('base64'));
      const answer = join(folder, 'changed.answer');
      await writeFile(answer, JSON.stringify(file));
      expect([code, await codeOf(finish({ ...files, answer }))]).toEqual([code, code]);
    }
    expect((await finish(files)).name).toBe('vault');
  });
});

describe('an ODCM that ends while it lets a site in', () => {
  const spacesNamed = (state: DirectoryState, name: string) =>
    [...state.spaces.values()].filter((row) => row.name === name);

  it.each(['before', 'after'] as const)(
    '%s the entry is written goes on with the same file',
    async (when) => {
      const files = await requested('vault');
      const { writer } = odcm;
      const append = writer.append.bind(writer);
      // The token is taken and the certificate made; then the power goes.
      writer.append = async (...args: Parameters<typeof append>) => {
        if (when === 'after') await append(...args);
        throw new Error('the machine has ended');
      };
      await expect(enrol(files)).rejects.toThrow('the machine has ended');
      await expect(readFile(files.answer)).rejects.toThrow('ENOENT');
      const used = odcm.invites.list()[0]!.used!;
      await odcm.stop();
      odcm = await startOdcm(join(folder, 'odcm'));
      expect(spacesNamed(odcm.directory.state, 'vault')).toHaveLength(when === 'after' ? 1 : 0);
      const admitted = await enrol(files);
      const size = odcm.directory.log.size;
      expect(admitted).toMatchObject({ space: used.space, certificate: used.certificate });
      await enrol(files);
      // The third time changes nothing more.
      expect(odcm.directory.log.size).toBe(size);
      const [row, ...others] = spacesNamed(odcm.directory.state, 'vault');
      expect([row?.id, others]).toEqual([used.space, []]);
      expect((await finish(files)).space).toBe(used.space);
      const { leaf } = await (await openHome(files.dir)).certificates();
      expect(certificateFacts(leaf).serial).toBe(certificateFacts(used.certificate).serial);
    },
  );

  it('lets nobody else in with that token meanwhile', async () => {
    const files = await requested('vault');
    const thief = { ...site('thief'), offer: files.offer };
    const { dir, offer, request } = thief;
    const asked = await requestByFile({ dir, offer, request, listen: [LOOPBACK], rsaBits: BITS });
    const { writer } = odcm;
    writer.append = () => Promise.reject(new Error('the machine has ended'));
    await expect(enrol(files)).rejects.toThrow('the machine has ended');
    await odcm.stop();
    odcm = await startOdcm(join(folder, 'odcm'));
    const words = asked.words.join(' ');
    expect(await codeOf(enrol({ ...thief, words }))).toBe('TOKEN_USED');
    await enrol(files);
    expect((await finish(files)).name).toBe('vault');
  });
});
