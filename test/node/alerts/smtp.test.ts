import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testMessage } from '../../../node/alerts/message.ts';
import { faultLine } from '../../../node/alerts/route-fault.ts';
import type { SmtpSettings } from '../../../node/alerts/route-settings.ts';
import { createSmtpSender } from '../../../node/alerts/smtp.ts';
import { tempFolder } from '../temp-folder.ts';
import {
  MAIL_PASSWORD,
  MAIL_USER,
  type MailServerOptions,
  startMailServer,
} from './mail-server.ts';
import { openWatch, settingsOf, spaceFact } from './sample-facts.ts';

const message = testMessage({
  ...{ id: 'abcdef012345', mesh: 'acme', from: 'library', atMs: 1_700_000_000_000 },
});

async function bench(options: Omit<MailServerOptions, 'dir'> = {}, changes: object = {}) {
  const dir = await tempFolder();
  const server = await startMailServer({ dir, ...options });
  const passwordFile = join(dir, 'password');
  await writeFile(passwordFile, `${MAIL_PASSWORD}\n`);
  const route = {
    ...{ name: 'mail', kind: 'smtp', host: 'localhost', port: server.port, caFile: server.caFile },
    ...{ user: MAIL_USER, passwordFile, from: 'odcm@acme.example' },
    ...{ to: ['lisa@acme.example', 'bob@acme.example'], ...changes },
  };
  const [settings] = settingsOf({ routes: [route] }).routes;
  const send = (env: Record<string, string> = {}) =>
    createSmtpSender(settings as SmtpSettings, env)(message, {
      signal: AbortSignal.timeout(10_000),
      secrets: [],
    });
  return { dir, server, route, send };
}

describe('alerts by mail', () => {
  it('go encrypted and with a password to all recipients, under one id', async () => {
    const { server, send } = await bench();
    expect(await send()).toBeNull();
    expect(server.mails).toMatchObject([
      { to: ['lisa@acme.example', 'bob@acme.example'], isEncrypted: true },
    ]);
    const [mail] = server.mails;
    expect(mail?.text).toMatch(/^Subject: \[odcm acme\] INFO test message from library\r$/m);
    expect(mail?.text).toMatch(/^Message-ID: <abcdef012345\.acme@odcm\.invalid>\r$/im);
    expect(mail?.text).toMatch(/^Auto-Submitted: auto-generated\r$/im);
  });

  it('take the password from the environment where they are told to', async () => {
    const changes = { passwordFile: undefined, passwordEnv: 'MAIL_PASSWORD' };
    const { server, send } = await bench({}, changes);
    expect(await send({ MAIL_PASSWORD })).toBeNull();
    expect(server.mails).toHaveLength(1);
    await expect(send({})).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('are refused with a wrong password', async () => {
    const { dir, server, send } = await bench();
    await writeFile(join(dir, 'password'), 'wrong');
    await expect(send()).rejects.toMatchObject({ code: 'EAUTH' });
    expect(server.mails).toEqual([]);
  });

  it('are not sent without their password file', async () => {
    const { send } = await bench({}, { passwordFile: '/nowhere/password' });
    await expect(send()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('are not sent in the open to a server that offers no encryption', async () => {
    const { server, send } = await bench({ isPlain: true });
    await expect(send()).rejects.toMatchObject({ code: 'ETLS' });
    expect(server.mails).toEqual([]);
  });

  it('go in the open only where that was asked for', async () => {
    const changes = { security: 'none', user: undefined, passwordFile: undefined };
    const { server, send } = await bench({ isPlain: true }, changes);
    expect(await send()).toBeNull();
    expect(server.mails).toMatchObject([{ isEncrypted: false }]);
  });

  it('are not sent to a server that nobody vouches for', async () => {
    const { server, send } = await bench({}, { caFile: undefined });
    await expect(send()).rejects.toThrow(/self-signed certificate/);
    expect(server.mails).toEqual([]);
  });

  it('are not sent to a server with another name', async () => {
    const { server, send } = await bench({}, { host: '127.0.0.1' });
    await expect(send()).rejects.toThrow(/does not match certificate|altnames/i);
    expect(server.mails).toEqual([]);
  });

  it('reach the others when one recipient is refused, which is said', async () => {
    const { server, send } = await bench({ refused: ['bob@acme.example'] });
    expect(await send()).toBe(
      'the server refuses bob@acme.example (550 nobody of that name). Correct "to" of the route in alerts.json.',
    );
    expect(server.mails).toMatchObject([{ to: ['lisa@acme.example'] }]);
  });

  it('fail when every recipient is refused', async () => {
    const { send } = await bench({ refused: ['lisa@acme.example', 'bob@acme.example'] });
    await expect(send()).rejects.toMatchObject({ code: 'EENVELOPE' });
  });

  it('end when their time is over, although the server says nothing', async () => {
    const { route } = await bench();
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const [settings] = settingsOf({ routes: [{ ...route, port }] }).routes;
    const ending = new AbortController();
    const sending = createSmtpSender(settings as SmtpSettings, {})(message, {
      signal: ending.signal,
      secrets: [],
    });
    silent.once('connection', (socket) => {
      socket.on('error', () => undefined);
      ending.abort();
    });
    await expect(sending).rejects.toThrow();
    silent.close();
  });
});

describe('a mail that is not taken', () => {
  it.each<[string, object, RegExp]>([
    [
      'nobody it is for is known',
      { to: ['nobody@acme.example'] },
      /^the server refuses nobody@acme\.example \(550 nobody of that name\)\. Correct "to"/,
    ],
    [
      'nobody vouches for the server',
      { caFile: undefined },
      /^the certificate of localhost is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)\. .*"caFile"/,
    ],
    [
      'the server has another name',
      { host: '127.0.0.1' },
      /^the certificate of 127\.0\.0\.1 is for another name\. .*"host"/,
    ],
    ['the login is wrong', { user: 'bob' }, /^the server refuses the login \(535 .*"user"/],
    ['the line does not begin encrypted', { security: 'tls' }, /does not encrypt.*"security"/],
    ['nobody listens', { port: 1 }, /^connect ECONNREFUSED 127\.0\.0\.1:1\. .*"host" and "port"/],
    [
      'the name is unknown',
      // Two dots in a row are no name: the resolver knows that by itself, and asks no server.
      { host: 'no..such.invalid' },
      /ENOTFOUND no\.\.such\.invalid\. See that "host"/,
    ],
    [
      'the password file is missing',
      { passwordFile: '/nowhere/password' },
      /^there is no file \/nowhere\/password\. Check the path/,
    ],
    ['the PEM is missing', { caFile: '/nowhere.pem' }, /^there is no file \/nowhere\.pem\. Check/],
  ])('says why and what to do when %s', async (_, changes, line) => {
    const { route, send } = await bench({ refused: ['nobody@acme.example'] }, changes);
    const [settings] = settingsOf({ routes: [route] }).routes;
    const error = await send().catch((thrown: unknown) => thrown);
    expect(faultLine(error, settings!)).toMatch(line);
  });

  it('says that it is the name server which does not answer', async () => {
    const { route } = await bench();
    const [settings] = settingsOf({ routes: [route] }).routes;
    const error = Object.assign(new Error('getaddrinfo EAI_AGAIN mail.acme'), {
      code: 'EAI_AGAIN',
    });
    expect(faultLine(error, settings!)).toMatch(/EAI_AGAIN mail\.acme\. No name server answers/);
  });

  it('says so when the server encrypts nothing', async () => {
    const { route, send } = await bench({ isPlain: true });
    const [settings] = settingsOf({ routes: [route] }).routes;
    const error = await send().catch((thrown: unknown) => thrown);
    expect(faultLine(error, settings!)).toMatch(/does not encrypt.*"port" or "security"/);
  });
});

describe('a mail route', () => {
  it('keeps what it could not send while the server was away, and sends it once when it is back', async () => {
    const { dir, server, route } = await bench();
    await server.stop();
    const home = join(dir, 'home');
    const node = await openWatch({ home });
    await writeFile(join(home, 'alerts.json'), JSON.stringify({ routes: [route] }));
    await node.watch.look();
    node.facts = { spaces: [spaceFact('payments', 'offline')] };
    await node.pass(180_000);
    expect(node.watch.routes).toMatchObject([{ name: 'mail', state: 'failing', queued: 2 }]);
    expect(node.watch.routes[0]?.lastError).toContain('ECONNREFUSED');
    const back = await startMailServer({ dir, port: server.port });
    await node.pass(400_000);
    expect(node.watch.routes).toMatchObject([{ state: 'ok', queued: 0 }]);
    const subjects = back.mails.map(({ text }) => /^Subject: (.*)\r$/m.exec(text)?.[1]);
    expect(subjects).toEqual([
      '[odcm acme] WARN 1 space offline: payments',
      '[odcm acme] WARN 1 alert route failing: mail',
      '[odcm acme] WARN over: 1 alert route failing: mail',
    ]);
  });

  it('makes one mail of a storm', async () => {
    const { dir, server, route } = await bench();
    const home = join(dir, 'home');
    const node = await openWatch({ home });
    await writeFile(join(home, 'alerts.json'), JSON.stringify({ routes: [route] }));
    node.facts = {
      spaces: Array.from({ length: 500 }, (_, n) => spaceFact(`space-${n}`, 'offline')),
    };
    await node.pass(120_000);
    expect(server.mails).toHaveLength(1);
    const [mail] = server.mails;
    expect(mail?.text.replaceAll(/\r\n /g, ' ')).toMatch(
      /^Subject: \[odcm acme\] WARN 500 spaces offline: space-0, space-1, space-10/m,
    );
  });
});
