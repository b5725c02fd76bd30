// A file on its way into a feed: opened, checked before anything is sent, then read piece by piece, never as a whole.

import { type FileHandle, open } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { formatBytes } from '../format/bytes.ts';
import { displayText } from '../format/display-text.ts';

/** Content that is known to be there. Whoever gets it closes it, read or not. */
export interface Content {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** As the file system says, for progress only; a pipe has none. */
  readonly sizeBytes: number | undefined;
  close(): Promise<void>;
}

type Pieces = AsyncGenerator<Uint8Array, void, undefined>;

const READ_BYTES = 256 * 1024;

const STDIN_NAME = 'standard input';

export async function openContent(path: string): Promise<Content> {
  const handle = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const sizeBytes = await checkKind(handle, path);
    return { ...(await startReading(readPieces(handle, path), path)), sizeBytes };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export async function openStdin(stdin: Readable): Promise<Content> {
  return { ...(await startReading(readStdin(stdin), STDIN_NAME)), sizeBytes: undefined };
}

export function mediaTypeOf(path: string): string {
  return extname(path).toLowerCase() === '.json' ? 'application/json' : 'application/octet-stream';
}

async function checkKind(handle: FileHandle, path: string): Promise<number | undefined> {
  const info = await handle.stat();
  if (info.isDirectory()) {
    throw new MeshError('FILE_UNREADABLE', `${displayText(path)} is a folder`, {
      next: 'Name a file; a whole folder goes with: odcm publish FEED --from DIR',
    });
  }
  if (info.size > LIMITS.objectBytes) throw tooLarge(path);
  return info.isFile() ? info.size : undefined;
}

async function* readPieces(handle: FileHandle, path: string): Pieces {
  try {
    for (;;) {
      // A buffer of its own for each piece: the one before may still wait to be sent.
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await handle
        .read(buffer, 0, READ_BYTES, null)
        .catch((error: unknown) => {
          throw unreadable(path, error);
        });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function* readStdin(stdin: Readable): Pieces {
  try {
    for await (const chunk of stdin) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  } catch (error) {
    throw unreadable(STDIN_NAME, error);
  }
}

/** Only reading tells whether a pipe is empty. */
async function startReading(pieces: Pieces, path: string): Promise<Omit<Content, 'sizeBytes'>> {
  const first = await pieces.next();
  if (first.done) throw new MeshError('FILE_EMPTY', `${displayText(path)} is empty`);
  return {
    pieces: bounded(first.value, pieces, path),
    close: async () => void (await pieces.return()),
  };
}

/** A file may have grown since it was looked at, and a pipe has no size. */
async function* bounded(first: Uint8Array, rest: Pieces, path: string): Pieces {
  let sizeBytes = first.byteLength;
  yield first;
  for await (const piece of rest) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > LIMITS.objectBytes) throw tooLarge(path);
    yield piece;
  }
}

function tooLarge(path: string): MeshError {
  return new MeshError(
    'TOO_LARGE',
    `${displayText(path)} is larger than ${formatBytes(LIMITS.objectBytes)}`,
    { next: 'A feed takes no larger object; cut it into several items.' },
  );
}

export function unreadable(path: string, cause: unknown): MeshError {
  if (cause instanceof MeshError) return cause;
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new MeshError('FILE_UNREADABLE', `${displayText(path)} cannot be read${code}`, { cause });
}
