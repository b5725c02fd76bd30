// `odcm publish FEED --from DIR`: several uploads at a time. A bad file is reported and the others go on; a fault that
// every file would meet ends it all.

import { type Code, isMeshError, MeshError } from '../../protocols/errors.ts';
import { parseItemName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Invocation } from '../command-context.ts';
import { displayText } from '../format/display-text.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { mediaTypeOf, openContent } from './content-file.ts';
import { type FolderFile, listFolder } from './folder.ts';
import { uploadContent } from './upload-content.ts';

export interface FolderUpload {
  readonly feed: string;
  readonly folder: string;
  readonly keepExtension: boolean;
  readonly mediaType: string | undefined;
}

interface FileRow {
  readonly file: string;
  readonly item: string;
  readonly status: 'published' | 'unchanged' | 'withdrawn' | 'refused';
  readonly version: number | null;
  readonly index: number | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly next: string | null;
}

const NO_REFUSAL = { code: null, message: null, next: null } as const;
const NO_VERSION = { version: null, index: null } as const;

/** Reading, hashing and writing overlap; more than these only wait for the same disk. */
const UPLOADS_AT_ONCE = 4;

/** What is wrong with one file and says nothing about the next. */
const FILE_FAULTS: ReadonlySet<Code> = new Set<Code>([
  'FILE_UNREADABLE',
  'FILE_EMPTY',
  'TOO_LARGE',
  'NOT_JSON',
  'EVENT_INVALID',
  'NAME_INVALID',
]);

export async function publishFolder(invocation: Invocation, upload: FolderUpload): Promise<void> {
  const { context, output } = invocation;
  const { files, skipped } = await listFolder(upload.folder, upload);
  if (skipped.length > 0) output.say(`Not published: ${skipped.join(', ')}.`);
  if (files.length === 0) {
    throw new MeshError('USAGE', `there is no file to publish in ${displayText(upload.folder)}`, {
      next: 'Name a folder with files; folders in it are not looked into.',
    });
  }
  const { rows, fault } = await uploadAll(invocation, upload, files);
  const count = (status: FileRow['status']): number =>
    rows.filter((row) => row.status === status).length;
  for (const { status, file, code, message, next } of rows) {
    if (status !== 'refused') continue;
    // The node knows the item only.
    const named = message?.includes(file) ? message : `${file}: ${message}`;
    output.say(`odcm: ${code}: ${named}. ${next}`);
  }
  const refused = count('refused');
  const summary = `published ${count('published')}, unchanged ${count('unchanged')}, refused ${refused}`;
  if (fault !== undefined) {
    output.say(`Ended early: ${summary}, not finished ${files.length - rows.length}.`);
    throw fault.error;
  }
  await showResult(invocation, {
    sentence: summary,
    title: 'files',
    columns: plainColumns<FileRow>('file', 'item', 'status', 'version', 'index', 'code', 'message'),
    rows,
  });
  if (refused > 0) context.exit.code = 1;
}

interface Outcome {
  /** In order of the files. */
  readonly rows: readonly FileRow[];
  readonly fault: { readonly error: unknown } | undefined;
}

async function uploadAll(
  invocation: Invocation,
  upload: FolderUpload,
  files: readonly FolderFile[],
): Promise<Outcome> {
  const progress = invocation.progress(
    'publishing',
    'bytes',
    files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  let doneBytes = 0;
  const onBytes = (bytes: number): void => {
    doneBytes += bytes;
    progress.update(doneBytes);
  };
  const ending = new AbortController();
  const signal = AbortSignal.any([invocation.signal, ending.signal]);
  const rows: (FileRow | undefined)[] = files.map(() => undefined);
  let fault: Outcome['fault'];
  // One iterator for all: each file is taken once.
  const queue = files.entries();
  const work = async (): Promise<void> => {
    for (const [index, file] of queue) {
      if (signal.aborted) return;
      try {
        rows[index] = await uploadOne({ client: invocation.client, signal }, upload, file, onBytes);
      } catch (error) {
        // What the first fault ended is no fault of its own.
        fault ??= { error };
        ending.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, work));
  if (invocation.signal.aborted) fault ??= { error: invocation.signal.reason };
  if (fault === undefined) progress.finish();
  progress.clear();
  return { rows: rows.filter((row) => row !== undefined), fault };
}

async function uploadOne(
  asker: Pick<Invocation, 'client' | 'signal'>,
  { feed, mediaType }: FolderUpload,
  { path, item }: FolderFile,
  onBytes: (bytes: number) => void,
): Promise<FileRow> {
  try {
    parseItemName(item);
    const content = await openContent(path);
    try {
      const { status, version, index } = await uploadContent(asker, {
        feed,
        item,
        mediaType: mediaType ?? mediaTypeOf(path),
        pieces: counted(content.pieces, onBytes),
        timeoutMs: LIMITS.streamIdleMs,
      });
      return { ...NO_REFUSAL, file: path, item, status, version, index };
    } finally {
      await content.close();
    }
  } catch (error) {
    if (!isMeshError(error) || !FILE_FAULTS.has(error.code)) throw error;
    const { code, message, next } = error;
    return { ...NO_VERSION, file: path, item, status: 'refused', code, message, next };
  }
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    yield piece;
    onBytes(piece.byteLength);
  }
}
