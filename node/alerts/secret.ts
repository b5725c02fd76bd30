// Passwords and keys that alerts need: read from where the configuration says whenever they are used, kept nowhere, and
// taken out of every text that might repeat them.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile } from '../home/files.ts';
import { oneLine } from './words.ts';

export type SecretSource =
  | { readonly file: string }
  | { readonly variable: string; readonly env: Readonly<Record<string, string | undefined>> };

/** @throws FILE_UNREADABLE or USAGE, which name the place and never the content */
export async function readSecret(source: SecretSource): Promise<string> {
  const secret = await read(source);
  if (secret !== '') return secret;
  throw new MeshError('USAGE', `${placeOf(source)} holds no secret`, {
    next: 'Put the password or key there, and nothing else.',
  });
}

async function read(source: SecretSource): Promise<string> {
  if (!('file' in source)) return source.env[source.variable] ?? '';
  const bytes = await readSmallFile(source.file, LIMITS.alertSecretBytes, { mayBeLink: true });
  if (bytes === undefined) throw new MeshError('FILE_UNREADABLE', `there is no ${placeOf(source)}`);
  // Editors end a file with a line break that is not part of the secret.
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

const placeOf = (source: SecretSource): string =>
  'file' in source ? `file ${source.file}` : `the environment variable ${source.variable}`;

const ERROR_CHARS = 300;

/** What went wrong, on one line, without any of the secrets in the forms in which they travel. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets.filter((secret) => secret !== '').flatMap(formsOf);
  const clean = forms
    .sort((a, b) => b.length - a.length)
    .reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
  return oneLine(clean, ERROR_CHARS);
}

const formsOf = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64'),
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
];
