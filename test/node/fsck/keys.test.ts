import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { writeKeyFile } from '../../../certs/keystore.ts';
import { checkNode } from '../../../node/fsck/check-node.ts';
import { type Home, openHome } from '../../../node/home/home.ts';
import { cleanUp } from '../enrol/mesh.ts';
import { makeSampleHome } from './sample-home.ts';

const PASSPHRASE = 'a passphrase for the check';
const knows = (text: string) => () => Promise.resolve(Buffer.from(text));
let dir: string;
beforeAll(async () => {
  ({ dir } = await makeSampleHome());
  await (await openHome(dir)).keys.protect(Buffer.from(PASSPHRASE));
}, 60_000);
afterAll(cleanUp);

async function problemsOf(home: Home): Promise<{ code: string; message: string; next: string }[]> {
  const { signal } = new AbortController();
  const { problems } = await checkNode({ home, signal, nowMs: () => 0 });
  return problems.map(({ code, message, next }) => ({ code, message, next }));
}

describe('the check of protected keys', () => {
  it('finds nothing with the passphrase', async () => {
    expect(await problemsOf(await openHome(dir, knows(PASSPHRASE)))).toEqual([]);
  });

  it('says that it could not look without it, or with another', async () => {
    for (const home of [await openHome(dir), await openHome(dir, knows('something else'))]) {
      expect((await problemsOf(home)).map(({ code }) => code)).toContain('KEYS_LOCKED');
    }
  });

  it('finds a key that lies open, and one that is not the key of the space', async () => {
    const home = await openHome(dir, knows(PASSPHRASE));
    const own = await home.nodeKey();
    await writeKeyFile(home.paths.nodeKey, own, { replace: true });
    const open = await problemsOf(await openHome(dir, knows(PASSPHRASE)));
    expect(open).toMatchObject([{ code: 'STORE_DAMAGED' }]);
    expect(open[0]!.message).toContain('keys/node.pem is not encrypted');
    expect(open[0]!.next).toContain('odcm keys protect');
    expect(await home.keys.state('nodeKey')).toBe('plain');
    await writeKeyFile(home.paths.nodeKey, generateEd25519(), { replace: true });
    const codes = (await problemsOf(await openHome(dir, knows(PASSPHRASE)))).map((one) => one.code);
    expect(codes).toContain('UNKNOWN_KEY');
    await rm(home.paths.nodeKey);
  });
});
