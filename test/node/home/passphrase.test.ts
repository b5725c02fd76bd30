import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { passphraseFrom } from '../../../node/home/passphrase.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { tempFolder } from '../temp-folder.ts';

async function file(text: string, mode = 0o600, name = 'passphrase'): Promise<string> {
  const path = join(await tempFolder(), name);
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  return path;
}
const text = async (options: Parameters<typeof passphraseFrom>[0]) =>
  (await passphraseFrom(options)())?.toString();
const codeOf = (options: Parameters<typeof passphraseFrom>[0]) =>
  passphraseFrom(options)().then(
    () => undefined,
    (error: unknown) => asMeshError(error).code,
  );

describe('a passphrase', () => {
  it('is taken from the first source that names one', async () => {
    const credential = await file('of the service\n', 0o400, 'odcm-passphrase');
    const env = {
      ODCM_PASSPHRASE_FILE: await file('of the environment'),
      CREDENTIALS_DIRECTORY: join(credential, '..'),
    };
    const ask = () => Promise.resolve(Buffer.from('of the person'));
    expect(await text({ file: await file('of the flag\r\n'), env, ask })).toBe('of the flag');
    expect(await text({ env, ask })).toBe('of the environment');
    expect(await text({ env: { CREDENTIALS_DIRECTORY: env.CREDENTIALS_DIRECTORY }, ask })).toBe(
      'of the service',
    );
    expect(await text({ env: {}, ask })).toBe('of the person');
    expect(await text({})).toBeUndefined();
  });

  it('is asked for where the service has no credential for it', async () => {
    const env = { CREDENTIALS_DIRECTORY: await tempFolder() };
    expect(await text({ env })).toBeUndefined();
    expect(await text({ env, ask: () => Promise.resolve(Buffer.from('typed')) })).toBe('typed');
  });

  it('keeps the white space that is part of it', async () => {
    expect(await text({ file: await file(' two  words \n') })).toBe(' two  words ');
  });

  it.each([
    ['is empty', ''],
    ['is an empty line', '\n'],
    ['has two lines', 'one\ntwo\n'],
    ['is far too large', 'x'.repeat(2000)],
  ])('is refused when its file %s', async (_, content) => {
    expect(await codeOf({ file: await file(content) })).toBe('KEYS_LOCKED');
  });

  it('is refused when everybody may read its file, when that is no file or is not there', async () => {
    expect(await codeOf({ file: await file('open to all', 0o644) })).toBe('KEYS_LOCKED');
    const folder = await tempFolder();
    expect(await codeOf({ file: join(folder, 'none') })).toBe('KEYS_LOCKED');
    await mkdir(join(folder, 'odcm-passphrase'), { mode: 0o700 });
    expect(await codeOf({ env: { CREDENTIALS_DIRECTORY: folder } })).toBe('KEYS_LOCKED');
  });
});
