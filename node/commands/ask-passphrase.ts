// Asks the person at the terminal for a passphrase, without showing what is typed. It is read as bytes and never becomes a
// string. Asked on standard error, so that results can be piped on.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type PassphraseSource, passphraseFrom } from '../home/passphrase.ts';

const ENTER = new Set([0x0a, 0x0d]);
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = new Set([0x08, 0x7f]);

/** All sources of this process, in their order. */
export function passphraseOf(
  file: string | undefined,
  question = 'Passphrase of the keys: ',
): PassphraseSource {
  return passphraseFrom({ file, env: process.env, ask: terminalSource(question) });
}

/** A passphrase that is to be set: from its file, or typed twice. */
export async function newPassphrase(file: string | undefined): Promise<Buffer> {
  if (file !== undefined) return (await passphraseFrom({ file })())!;
  const [first, again] = [
    await terminalSource('New passphrase: ')?.(),
    await terminalSource('The same again: ')?.(),
  ];
  if (!first || !again) {
    throw new MeshError('USAGE', 'there is no terminal to ask for the new passphrase', {
      next: 'Put it into a file of mode 600 and name it with --new-passphrase-file FILE.',
    });
  }
  const isSame = first.equals(again);
  again.fill(0);
  if (isSame) return first;
  first.fill(0);
  throw new MeshError('USAGE', 'the two passphrases differ');
}

function terminalSource(question: string): PassphraseSource | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return () => ask(question);
}

function ask(question: string): Promise<Buffer> {
  const { stdin, stderr } = process;
  const typed = Buffer.alloc(LIMITS.passphraseMaxBytes);
  let length = 0;
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.resume();
  return new Promise((resolve, reject) => {
    const finish = (error?: MeshError): void => {
      stdin.off('data', take).pause();
      stdin.setRawMode(false);
      stderr.write('\n');
      const line = Buffer.from(typed.subarray(0, length));
      typed.fill(0);
      if (error === undefined) resolve(line);
      else reject(error);
    };
    const take = (chunk: Buffer): void => {
      for (const byte of chunk) {
        if (ENTER.has(byte)) {
          finish();
          break;
        }
        if (byte === CTRL_C || byte === CTRL_D) {
          finish(new MeshError('KEYS_LOCKED', 'no passphrase was typed'));
          break;
        }
        if (BACKSPACE.has(byte)) length = lastLetter(typed, length);
        else if (length < typed.length) typed[length++] = byte;
      }
      chunk.fill(0);
    };
    stdin.on('data', take);
  });
}

/** Where the last letter begins: in UTF-8 it may have several bytes. */
function lastLetter(typed: Buffer, length: number): number {
  let at = Math.max(0, length - 1);
  while (at > 0 && (typed[at]! & 0xc0) === 0x80) at--;
  return at;
}
