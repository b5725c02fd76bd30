// A watched folder: files named inventory* or deployments* that end in .json or .jsonl are taken once and moved to done/, or
// to refused/ with a file beside them that says why. Whoever can write there may report for this space, and no more.

import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { ReportContext } from '../../protocols/reports.ts';
import type { TimerHandle, Timers } from '../clock.ts';
import { codeOf, fileError, writeFileDurable } from '../home/files.ts';
import type { Log } from '../log.ts';
import { REPORT_FAULTS, type ReportIntake, type Taken } from './intake.ts';

export interface InboxOptions {
  readonly folder: string;
  readonly intake: ReportIntake;
  readonly timers: Timers;
  readonly log: Log;
}

export interface Inbox {
  stop(): Promise<void>;
}

/** What is wrong with the file itself; anything else is tried again. */
const FILE_FAULTS = new Set([...REPORT_FAULTS, 'FILE_EMPTY', 'FILE_UNREADABLE']);
const READ_BYTES = 256 * 1024;
/** Of the name of a file that is put away. */
const NAME_BYTES = 200;
/** Hidden files and other endings are what programs use while they write. */
const NAME = /^(inventory|deployments)[^/]*\.(json|jsonl)$/;

/** Makes the folder when it is not there, and looks into it until it is stopped. @throws FILE_UNREADABLE */
export async function startInbox(options: InboxOptions): Promise<Inbox> {
  const { folder, timers, log } = options;
  for (const path of [folder, join(folder, 'done'), join(folder, 'refused')]) {
    await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause) => {
      throw fileError('make', path, cause);
    });
  }
  const looker = new Looker(options);
  let timer: TimerHandle | undefined;
  let looking: Promise<void> = Promise.resolve();
  const stopping = new AbortController();
  const { signal } = stopping;
  let waitMs: number = LIMITS.inboxLookMs;
  const look = async (): Promise<void> => {
    try {
      await looker.look(signal);
      waitMs = LIMITS.inboxLookMs;
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ reason: asMeshError(error).line, folder }, 'the watched folder waits');
      waitMs = Math.min(LIMITS.inboxRetryMaxMs, waitMs * 2);
    }
    if (!signal.aborted) timer = timers.setTimeout(start, waitMs);
  };
  const start = (): void => {
    looking = look();
  };
  start();
  return {
    stop: async () => {
      stopping.abort();
      if (timer) timers.clearTimeout(timer);
      await looking;
    },
  };
}

/** As it was at the last look: a file that changes meanwhile is still being written. */
type Print = string;

export class Looker {
  readonly #o: Omit<InboxOptions, 'timers'>;
  #seen = new Map<string, Print>();

  constructor(options: Omit<InboxOptions, 'timers'>) {
    this.#o = options;
  }

  /** Takes what lay there unchanged since the last look, in order of name. @throws what stopped a file that is in order */
  async look(signal: AbortSignal): Promise<void> {
    const { folder } = this.#o;
    const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
    const before = this.#seen;
    this.#seen = new Map();
    let trouble: { readonly error: unknown } | undefined;
    for (const name of names) {
      if (signal.aborted) return;
      const print = await printOf(join(folder, name));
      if (print === undefined) continue;
      this.#seen.set(name, print);
      if (print !== before.get(name)) continue;
      // One context may have to wait for its feed while the other goes on.
      await this.#take(name, print, signal).catch((error: unknown) => {
        trouble ??= { error };
      });
    }
    if (trouble) throw trouble.error;
  }

  async #take(name: string, print: Print, signal: AbortSignal): Promise<void> {
    const { folder, log } = this.#o;
    const taken = await this.#read(name, signal);
    if (taken instanceof MeshError && !FILE_FAULTS.has(taken.code)) throw taken;
    // What was added or put in its place meanwhile was not read: it stays and is taken too; what is known is told apart.
    if ((await printOf(join(folder, name))) !== print) return;
    if (taken instanceof MeshError) return this.#refuse(name, `${taken.line}\n`);
    const { feed, published, unchanged, refusedCount } = taken;
    log.info({ file: name, feed, published, unchanged, refused: refusedCount }, 'file taken');
    if (refusedCount > 0) await this.#refuse(name, whyOf(taken));
    else await this.#move(name, 'done');
  }

  /** What came of the file, or why nothing did. */
  async #read(name: string, signal: AbortSignal): Promise<Taken | MeshError> {
    const { folder, intake } = this.#o;
    const [, context, ending] = NAME.exec(name) as unknown as [string, ReportContext, string];
    try {
      const file = await openPlain(join(folder, name));
      try {
        const stream = file.createReadStream({ autoClose: false, highWaterMark: READ_BYTES });
        const chunks = addAbortSignal(signal, stream);
        return await (ending === 'jsonl'
          ? intake.takeLines(context, chunks)
          : intake.takeOne(context, chunks));
      } finally {
        await file.close();
      }
    } catch (error) {
      return asMeshError(error);
    }
  }

  async #refuse(name: string, why: string): Promise<void> {
    // The reason first: a file in refused/ always has one.
    const place = await freeName(join(this.#o.folder, 'refused'), name);
    await writeFileDurable(`${place}.why`, why);
    await this.#rename(name, place);
    this.#o.log.warn({ file: name, reason: why.split('\n')[0]! }, 'file refused');
  }

  async #move(name: string, to: string): Promise<void> {
    await this.#rename(name, await freeName(join(this.#o.folder, to), name));
  }

  async #rename(name: string, place: string): Promise<void> {
    const from = join(this.#o.folder, name);
    await rename(from, place).catch((cause) => {
      // Whoever took it away meanwhile has it.
      if (codeOf(cause) !== 'ENOENT') throw fileError('move', from, cause);
    });
  }
}

function whyOf({ published, unchanged, refused, refusedCount }: Taken): string {
  const lines = refused.map(({ line, code, message }) => `line ${line}: ${code}: ${message}`);
  const more = refusedCount - refused.length;
  return [
    `${refusedCount} lines were refused; ${published} were published, ${unchanged} were known.`,
    ...lines,
    ...(more > 0 ? [`and ${more} more`] : []),
    '',
  ].join('\n');
}

async function printOf(path: string): Promise<Print | undefined> {
  const info = await lstat(path, { bigint: true }).catch(() => undefined);
  return info && [info.ino, info.size, info.mtimeNs, info.nlink, info.mode].join(' ');
}

/** A plain file of bounded size that nobody else has another name for; never waits, as opening a pipe would. */
async function openPlain(path: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((cause) => {
    throw cannotTake(path, codeOf(cause) === 'ELOOP' ? 'is a link' : `(${codeOf(cause)})`, cause);
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw cannotTake(path, 'is no plain file');
    if (info.nlink > 1) throw cannotTake(path, 'has more than one name');
    if (info.size === 0) throw new MeshError('FILE_EMPTY', `${quote(path)} is empty`);
    if (info.size > LIMITS.objectBytes)
      throw new MeshError('TOO_LARGE', `${quote(path)} is above ${LIMITS.objectBytes} bytes`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function cannotTake(path: string, why: string, cause?: unknown): MeshError {
  return new MeshError('FILE_UNREADABLE', `${quote(path)} ${why}`, {
    next: 'Put a plain file into the folder, best by renaming it into it.',
    cause,
  });
}

/** A file of the same name may lie there from before; the longest names have no room for what is put behind them. */
async function freeName(folder: string, name: string): Promise<string> {
  const info = await lstat(folder).catch((cause) => {
    throw fileError('read', folder, cause);
  });
  if (!info.isDirectory())
    throw new MeshError('FILE_UNREADABLE', `${quote(folder)} is no folder`, {
      next: 'Files are put away beside where they lay: take away the link or file of that name.',
    });
  const short = Buffer.from(name).subarray(0, NAME_BYTES).toString();
  for (let n = 1; ; n++) {
    const path = join(folder, n === 1 ? short : `${short}.${n}`);
    if (!(await lstat(path).catch(() => undefined))) return path;
  }
}
