import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSecret, withoutSecrets } from '../../../node/alerts/secret.ts';
import { createJsonLog } from '../../../node/log.ts';
import { tempFolder } from '../temp-folder.ts';
import { MAIL_USER, startMailServer } from './mail-server.ts';
import { receive } from './receiver.ts';
import { openWatch, spaceFact } from './sample-facts.ts';

const PASSWORD = 'Wr0ng-but/secret+word=';
const KEY = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHidden\n-----END PRIVATE KEY-----';

describe('a secret', () => {
  it('is read anew each time, without the line break at its end', async () => {
    const file = join(await tempFolder(), 'secret');
    await writeFile(file, 'one\r\n');
    expect(await readSecret({ file })).toBe('one');
    await writeFile(file, ' two \n\n');
    expect(await readSecret({ file })).toBe(' two \n');
    expect(await readSecret({ variable: 'S', env: { S: 'three' } })).toBe('three');
  });

  it.each([
    ['is missing', undefined, 'FILE_UNREADABLE'],
    ['is empty', '\n', 'USAGE'],
    ['is too large', 'x'.repeat(5000), 'TOO_LARGE'],
  ])('that %s is refused by the name of its place', async (_, content, code) => {
    const file = join(await tempFolder(), 'secret');
    if (content !== undefined) await writeFile(file, content);
    await expect(readSecret({ file })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(file),
    });
  });

  it('is taken out of a text in every form in which it travels', () => {
    const forms = [
      PASSWORD,
      Buffer.from(PASSWORD).toString('base64'),
      encodeURIComponent(PASSWORD),
    ];
    expect(withoutSecrets(`535 no: ${forms.join(' or ')}\r\nbye`, [PASSWORD])).toBe(
      '535 no: [redacted] or [redacted] or [redacted] bye',
    );
    expect(withoutSecrets('x'.repeat(1000), [''])).toHaveLength(300);
  });
});

describe('the alert code', () => {
  it('writes no secret into its log, its files, its errors or its messages', async () => {
    const home = await tempFolder();
    // The server repeats the password in its answer, as some do.
    const mail = await startMailServer({ dir: home });
    const hook = await receive();
    hook.answer = 401;
    const keyFile = join(home, 'hook-key');
    await writeFile(keyFile, KEY);
    const routes = [
      {
        ...{ name: 'mail', kind: 'smtp', host: 'localhost', port: mail.port, caFile: mail.caFile },
        ...{ user: MAIL_USER, passwordEnv: 'MAIL_PASSWORD', from: 'a@acme.example' },
        to: ['lisa@acme.example'],
      },
      { name: 'chat', kind: 'webhook', url: hook.url, keyFile },
    ];
    await writeFile(join(home, 'alerts.json'), JSON.stringify({ routes }));
    const path = join(home, 'node.log');
    const log = createJsonLog({ path, level: 'debug' });
    const node = await openWatch({ home, env: { MAIL_PASSWORD: PASSWORD }, log });
    await node.watch.start();
    node.facts = { spaces: [spaceFact('payments', 'offline')] };
    await node.pass(300_000);
    const tested = JSON.stringify(await node.watch.testRoutes(undefined));
    await node.watch.stop();
    log.close();
    const files = (await readdir(home, { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile() && entry.name !== 'hook-key',
    );
    const texts = await Promise.all(
      files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
    );
    const all = [tested, ...texts, ...hook.received.map(({ body }) => body)].join('\n');
    expect(all).toContain('alert route fails');
    expect(all).toMatch(/535[^"]*\[redacted\]/);
    for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString('base64'), 'EIHidden'])
      expect(all).not.toContain(secret);
  });
});
