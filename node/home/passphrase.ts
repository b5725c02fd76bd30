// Where the passphrase of a folder comes from: a file that is named, a credential of the service manager, or the person at
// the terminal. Each answer is a Buffer of its own, which whoever takes it wipes.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';

/** Undefined when nobody gives one. */
export type PassphraseSource = () => Promise<Buffer | undefined>;

export const noPassphrase: PassphraseSource = () => Promise.resolve(undefined);

const CREDENTIAL = 'odcm-passphrase';
/** Service managers hand files to a group; to everybody is a mistake. */
const EVERYBODY = 0o007;

export interface PassphraseOptions {
  /** From the command line. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Asks the person at the terminal; undefined where there is none. */
  readonly ask?: PassphraseSource | undefined;
}

/** The first that is there counts: a file that was named and cannot be read is an error, never passed over. */
export function passphraseFrom({ file, env = {}, ask }: PassphraseOptions): PassphraseSource {
  return async () => {
    const named = file ?? env['ODCM_PASSPHRASE_FILE'];
    if (named !== undefined && named !== '') return readPassphrase(named);
    const folder = env['CREDENTIALS_DIRECTORY'];
    const credential = folder ? await findPassphrase(join(folder, CREDENTIAL)) : undefined;
    return credential ?? ask?.();
  };
}

async function readPassphrase(path: string): Promise<Buffer> {
  const found = await findPassphrase(path);
  if (found !== undefined) return found;
  throw new MeshError('KEYS_LOCKED', `there is no passphrase file ${path}`);
}

/** The first line, without its end. */
async function findPassphrase(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { mode, size } = await file.stat();
      if ((mode & EVERYBODY) !== 0) {
        throw new MeshError('KEYS_LOCKED', `the passphrase file ${path} is open to everybody`, {
          next: `Make it private with: chmod 600 ${path}; if others could read it, change it.`,
        });
      }
      if (size > LIMITS.passphraseMaxBytes + 2) {
        throw new MeshError('KEYS_LOCKED', `${path} is too large to be a passphrase`);
      }
      return firstLine(await file.readFile(), path);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MeshError('KEYS_LOCKED', `the passphrase file ${path} cannot be read`, { cause });
  }
}

function firstLine(bytes: Buffer, path: string): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end--;
  if (bytes[end - 1] === 0x0d) end--;
  const line = Buffer.from(bytes.subarray(0, end));
  bytes.fill(0);
  if (line.length > 0 && !line.includes(0x0a)) return line;
  throw new MeshError('KEYS_LOCKED', `${path} does not hold one line with a passphrase`);
}
