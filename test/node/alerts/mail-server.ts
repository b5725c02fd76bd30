// A real mail server on loopback with a certificate of its own, that asks for STARTTLS and a password, and remembers
// what it took.

import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import forge from 'node-forge';
import { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';

export const MAIL_USER = 'odcm';
export const MAIL_PASSWORD = 'correct horse/battery+staple=1';

export interface MailServer {
  readonly port: number;
  /** PEM file of the authority that vouches for it. */
  readonly caFile: string;
  readonly mails: { readonly to: string[]; readonly text: string; readonly isEncrypted: boolean }[];
  stop(): Promise<void>;
}

export interface MailServerOptions {
  readonly dir: string;
  readonly port?: number;
  /** No STARTTLS on offer. */
  readonly isPlain?: boolean;
  /** Recipients that it refuses. */
  readonly refused?: readonly string[];
}

/** What a server that returns is known by. */
let identity: { key: string; cert: string } | undefined;

function makeIdentity(): { key: string; cert: string } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const signer = forge.pki.privateKeyFromPem(key);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(signer.n, signer.e);
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  const name = [{ name: 'commonName', value: 'localhost' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ]);
  certificate.sign(signer, forge.md.sha256.create());
  return { key, cert: forge.pki.certificateToPem(certificate) };
}

/** Stops with the test that started it. */
export async function startMailServer(options: MailServerOptions): Promise<MailServer> {
  const server = await openMailServer(options);
  onTestFinished(server.stop);
  return server;
}

/** Stops when it is told to. */
export async function openMailServer(options: MailServerOptions): Promise<MailServer> {
  identity ??= makeIdentity();
  const { dir, port = 0, isPlain = false, refused = [] } = options;
  const caFile = join(dir, 'ca.pem');
  await writeFile(caFile, identity.cert);
  const mails: MailServer['mails'] = [];
  const server = new SMTPServer({
    ...identity,
    logger: false,
    // A person's server says no more than it has to.
    banner: 'acme mail',
    authOptional: isPlain,
    hideSTARTTLS: isPlain,
    disabledCommands: isPlain ? ['STARTTLS', 'AUTH'] : [],
    closeTimeout: 100,
    onAuth: ({ username, password }, _, done) => {
      if (username === MAIL_USER && password === MAIL_PASSWORD) done(null, { user: username });
      else done(new Error(`no such user or password: ${password}`));
    },
    onRcptTo: ({ address }, _, done) => {
      done(refused.includes(address) ? new Error('nobody of that name') : null);
    },
    onData: (stream, session, done) => {
      void text(stream).then((mail) => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, text: mail, isEncrypted: session.secure });
        done();
      });
    },
  });
  // A client that goes away in the middle is no fault of the test.
  server.on('error', () => undefined);
  const listening = server.listen(port, '127.0.0.1');
  await new Promise<void>((resolve) => listening.once('listening', resolve));
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await new Promise<void>((resolve) => server.close(resolve));
  };
  return { port: (server.server.address() as AddressInfo).port, caFile, mails, stop };
}
