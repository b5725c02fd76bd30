// Messages that wait for one route, one file each in a folder of the node's own, so that neither a killed process nor a
// mail server that is away for hours loses any. Bounded in number and size: the oldest are given up first.

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS } from '../../protocols/limits.ts';
import { fileError, readSmallFile, writeFileDurable } from '../home/files.ts';
import type { Log } from '../log.ts';
import { Turn } from '../turn.ts';
import type { Message } from './message.ts';

interface Waiting {
  readonly file: string;
  readonly atMs: number;
  readonly sizeBytes: number;
}

const FILE = /^(\d{15})-([0-9a-f]{12,64})\.json$/;

export class MessageQueue {
  readonly #dir: string;
  readonly #log: Log;
  readonly #turn = new Turn();
  /** Oldest first. */
  #waiting: Waiting[] = [];
  /** Given up since the start. */
  dropped = 0;

  private constructor(dir: string, log: Log) {
    this.#dir = dir;
    this.#log = log;
  }

  static async open(dir: string, log: Log): Promise<MessageQueue> {
    const queue = new MessageQueue(dir, log);
    await mkdir(dir, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw fileError('make', dir, cause);
    });
    await queue.#scan();
    return queue;
  }

  async #scan(): Promise<void> {
    const found: Waiting[] = [];
    for (const file of (await readdir(this.#dir)).sort()) {
      const [, atMs] = FILE.exec(file) ?? [];
      const bytes = atMs === undefined ? undefined : await this.#read(file);
      if (bytes !== undefined) found.push({ file, atMs: Number(atMs), sizeBytes: bytes.length });
      // What a killed process left half written, or nobody of ours wrote.
      else await rm(join(this.#dir, file), { force: true, recursive: true });
    }
    this.#waiting = found;
  }

  #read(file: string): Promise<Buffer | undefined> {
    return readSmallFile(join(this.#dir, file), LIMITS.alertMessageBytes).catch(() => undefined);
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Durable when it resolves. Adding the same message again changes nothing. */
  add(message: Message): Promise<void> {
    return this.#turn.take(async () => {
      const atMs = Date.parse(message.at);
      const file = `${String(atMs).padStart(15, '0')}-${message.id}.json`;
      if (this.#waiting.some((one) => one.file === file)) return;
      const text = JSON.stringify(message);
      const sizeBytes = Buffer.byteLength(text);
      if (sizeBytes > LIMITS.alertMessageBytes) {
        this.#drop(1, 'a message is larger than any may be');
        return;
      }
      await this.#makeRoom(sizeBytes);
      await writeFileDurable(join(this.#dir, file), text);
      this.#waiting.push({ file, atMs, sizeBytes });
      this.#waiting.sort((a, b) => (a.file < b.file ? -1 : 1));
    });
  }

  async #makeRoom(sizeBytes: number): Promise<void> {
    let total = this.#waiting.reduce((sum, one) => sum + one.sizeBytes, sizeBytes);
    let count = 0;
    while (
      this.#waiting.length >= LIMITS.alertsQueued ||
      (total > LIMITS.alertQueueBytes && this.#waiting.length > 0)
    ) {
      const oldest = this.#waiting[0]!;
      total -= oldest.sizeBytes;
      count += 1;
      await this.#remove(oldest.file);
    }
    if (count > 0) this.#drop(count, 'the queue is full');
  }

  /** The oldest message that is not too old to be of use. */
  first(nowMs: number): Promise<Message | undefined> {
    return this.#turn.take(async () => {
      for (let oldest = this.#waiting[0]; oldest; oldest = this.#waiting[0]) {
        const message = parse(await this.#read(oldest.file));
        if (message && nowMs - oldest.atMs < LIMITS.alertMessageAgeMs) return message;
        await this.#remove(oldest.file);
        this.#drop(1, message ? 'it waited for too long' : 'its file is damaged');
      }
      return undefined;
    });
  }

  done(message: Message): Promise<void> {
    return this.#turn.take(async () => {
      const one = this.#waiting.find(({ file }) => file.endsWith(`-${message.id}.json`));
      if (one) await this.#remove(one.file);
    });
  }

  async #remove(file: string): Promise<void> {
    await rm(join(this.#dir, file), { force: true });
    this.#waiting = this.#waiting.filter((one) => one.file !== file);
  }

  #drop(count: number, why: string): void {
    this.dropped += count;
    this.#log.warn({ count, why }, 'alert messages given up');
  }
}

function parse(bytes: Buffer | undefined): Message | undefined {
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    const isMessage =
      typeof value === 'object' && value !== null && 'id' in value && 'title' in value;
    return isMessage ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}
