// Where the result of a command goes: standard output, or a file that is whole or not there. Diagnostics go to
// standard error. A reader that went away (`| head`) is no fault: the rest is dropped and `closed` fires.

import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MeshError } from '../protocols/errors.ts';
import { quote } from '../protocols/ids.ts';
import { displayText } from './format/display-text.ts';
import type { OutputStream } from './terminal.ts';

export interface Output {
  /** Where the result goes: the name of a file, or undefined for standard output. */
  readonly file: string | undefined;
  /** Aborted when nobody reads standard output any more; a command that goes on for long stops then. */
  readonly closed: AbortSignal;
  /** The result in one piece; to a file it replaces what was there. */
  write(text: string): Promise<void>;
  /** The result in pieces, text or bytes; a file appears only when all of them have come. */
  writeAll(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): Promise<void>;
  /** One line for the person, on standard error. */
  say(line: string): void;
}

export type Chunk = string | Uint8Array;

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly file?: string | undefined;
}

export function createOutput({ stdout, stderr, file }: OutputOptions): Output {
  const pipe = createPipe(stdout);
  const writeAll: Output['writeAll'] = async (chunks) => {
    if (file !== undefined) return await writeFileWhole(file, chunks);
    for await (const chunk of chunks) {
      if (pipe.closed.aborted) return;
      await pipe.write(chunk);
    }
  };
  // Nobody may be listening there either; that must not end the program.
  stderr.on('error', () => undefined);
  return {
    file,
    closed: pipe.closed,
    write: (text) => writeAll([text]),
    writeAll,
    say: (line) => {
      stderr.write(`${displayText(line)}\n`);
    },
  };
}

interface Pipe {
  readonly closed: AbortSignal;
  write(chunk: Chunk): Promise<void>;
}

const pipes = new WeakMap<OutputStream, Pipe>();

/** One per stream, however many outputs use it: a listener is added once. */
function createPipe(stream: OutputStream): Pipe {
  const known = pipes.get(stream);
  if (known !== undefined) return known;
  const closing = new AbortController();
  // Without a listener the error would end the process, although the write below already knows of it.
  stream.on('error', () => closing.abort());
  const pipe: Pipe = {
    closed: closing.signal,
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stream.write(chunk, (error?: Error | null) => {
          if (!error) return resolve();
          closing.abort();
          if (codeOf(error) === 'EPIPE' || codeOf(error) === 'ERR_STREAM_DESTROYED') resolve();
          else reject(writeError('standard output', error));
        });
      }),
  };
  pipes.set(stream, pipe);
  return pipe;
}

/** Under a temporary name beside it first, then renamed: readers see the old file or the new one, never half of it. */
async function writeFileWhole(
  file: string,
  chunks: Iterable<Chunk> | AsyncIterable<Chunk>,
): Promise<void> {
  const target = await findTarget(file);
  const temporary = join(
    dirname(target.path),
    `.${basename(target.path)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  // A device or a named pipe must stay what it is: it is written to, not replaced.
  const path = target.isSpecial ? target.path : temporary;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, target.isSpecial ? 'w' : 'wx', target.mode);
    for await (const chunk of chunks) await handle.writeFile(chunk);
    if (target.isSpecial) return;
    await handle.chmod(target.mode);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, target.path);
  } catch (error) {
    await handle?.close().catch(() => undefined);
    handle = undefined;
    if (!target.isSpecial) await rm(temporary, { force: true });
    throw writeError(quote(file), error);
  } finally {
    await handle?.close();
  }
}

interface Target {
  readonly path: string;
  readonly isSpecial: boolean;
  readonly mode: number;
}

/**
 * Where the name leads: to a file, which is replaced with its permissions kept, to something else, which is written to
 * as it is, or to nothing yet. A link is never replaced: `/dev/stdout` is one, and what it leads to may have no name.
 */
async function findTarget(file: string): Promise<Target> {
  const found = await stat(file).catch(unlessMissing(file));
  if (found === undefined) {
    if ((await lstat(file).catch(unlessMissing(file))) !== undefined) {
      throw new MeshError(
        'FILE_UNREADABLE',
        `--output ${quote(file)} is a link that leads nowhere`,
      );
    }
    return { path: file, isSpecial: false, mode: 0o666 & ~process.umask() };
  }
  if (found.isDirectory()) {
    throw new MeshError('USAGE', `--output ${quote(file)} is a folder`, {
      next: 'Name a file in it.',
    });
  }
  const mode = found.mode & 0o777;
  const path = found.isFile() ? await realpath(file).catch(unlessMissing(file)) : undefined;
  return path === undefined
    ? { path: file, isSpecial: true, mode }
    : { path, isSpecial: false, mode };
}

const unlessMissing =
  (file: string) =>
  (error: unknown): undefined => {
    if (codeOf(error) !== 'ENOENT') throw writeError(quote(file), error);
  };

/** Errors of whoever makes the pieces pass unchanged; those of the file system name the file. */
function writeError(name: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof MeshError || code === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MeshError('DISK_FULL', `no room to write ${name}`, {
      next: 'Free some space and run the command again; what was there before is unchanged.',
      cause: error,
    });
  }
  return new MeshError('FILE_UNREADABLE', `${name} cannot be written (${code})`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  const isSystemError = error instanceof Error && 'syscall' in error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && (isSystemError || code.startsWith('ERR_STREAM'))
    ? code
    : undefined;
}
