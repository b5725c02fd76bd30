// Alerts by mail. Unless the configuration says otherwise nothing is said to the server before the line is encrypted
// and its certificate checked.

import { connect } from 'node:net';
import { createTransport } from 'nodemailer';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile } from '../home/files.ts';
import type { Message } from './message.ts';
import { refusedLine } from './route-fault.ts';
import type { SmtpSettings } from './route-settings.ts';
import { readSecret, type SecretSource } from './secret.ts';
import type { Attempt, Send } from './sender.ts';

const CA_BYTES = 1024 * 1024;

export function createSmtpSender(
  settings: SmtpSettings,
  env: Readonly<Record<string, string | undefined>>,
): Send {
  return async (message, attempt) => {
    const { from, to } = settings;
    const transport = await openTransport(settings, env, attempt);
    try {
      const { rejected, rejectedErrors } = await transport.sendMail({
        ...{ from, to, subject: subjectOf(message), text: textOf(message) },
        messageId: `<${message.id}.${message.mesh}@odcm.invalid>`,
        date: new Date(message.at),
        headers: { 'odcm-message': message.id, 'auto-submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      if (rejected.length === 0) return null;
      return refusedLine(rejected, rejectedErrors?.[0]?.response ?? '');
    } finally {
      transport.close();
    }
  };
}

async function openTransport(
  { host, port, security, caFile, user, passwordFile, passwordEnv }: SmtpSettings,
  env: Readonly<Record<string, string | undefined>>,
  attempt: Attempt,
) {
  const source: SecretSource | undefined =
    passwordFile !== undefined
      ? { file: passwordFile }
      : passwordEnv !== undefined
        ? { variable: passwordEnv, env }
        : undefined;
  const pass = source && (await readSecret(source));
  if (pass !== undefined) {
    attempt.secrets.push(pass, Buffer.from(`\0${user}\0${pass}`).toString('base64'));
  }
  const ca =
    caFile === undefined ? undefined : await readSmallFile(caFile, CA_BYTES, { mayBeLink: true });
  if (caFile !== undefined && ca === undefined)
    throw new MeshError('FILE_UNREADABLE', `there is no file ${caFile}`);
  attempt.signal.throwIfAborted();
  return createTransport({
    ...{ host, port, secure: security === 'tls', requireTLS: security === 'starttls' },
    ignoreTLS: security === 'none',
    ...(user !== undefined && pass !== undefined ? { auth: { user, pass } } : {}),
    tls: { minVersion: 'TLSv1.2', ...(ca ? { ca } : {}) },
    logger: false,
    greetingTimeout: LIMITS.alertSendTimeoutMs,
    socketTimeout: LIMITS.alertSendTimeoutMs,
    getSocket: (_, done) => openSocket(host, port, attempt.signal, done),
  });
}

/** A connection of our own, which the end of the attempt cuts: the library's would live on until its own timeouts. */
function openSocket(
  host: string,
  port: number,
  signal: AbortSignal,
  done: (error: Error | null, socket: object) => void,
): void {
  const socket = connect({ host, port, autoSelectFamily: true });
  const fail = (error: Error) => done(error, {});
  const cut = () => socket.destroy(new Error('the attempt was ended'));
  signal.addEventListener('abort', cut);
  socket.once('close', () => signal.removeEventListener('abort', cut));
  socket.once('error', fail);
  socket.once('connect', () => {
    socket.off('error', fail);
    done(null, { connection: socket });
  });
}

const subjectOf = ({ mesh, level, title }: Message): string =>
  `[odcm ${mesh}] ${level.toUpperCase()} ${title}`.slice(0, 200);

const textOf = ({ lines, from, mesh, at, id }: Message): string =>
  [...lines, `from ${from} in mesh ${mesh} at ${at}, message ${id}`, ''].join('\n');
