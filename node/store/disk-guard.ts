// Watches the space on the node's disk: below a first mark nothing is carried for others any more, below a second nothing
// large is taken in. A ballast file is given up when the disk is full, so that the directory, revocations and an orderly
// stop still have room; it is made again when there is space. Knows no database.

import { open, rm, stat, statfs } from 'node:fs/promises';
import { MeshError } from '../../protocols/errors.ts';
import type { TimerHandle, Timers } from '../clock.ts';
import type { Log } from '../log.ts';

const MiB = 1024 * 1024;
/** Whichever is less: on a small disk the part, on a large one the number of bytes. */
const SOFT = { part: 0.1, bytes: 2048 * MiB };
const HARD = { part: 0.05, bytes: 512 * MiB };
const BALLAST = { part: 0.05, bytes: 64 * MiB };
const LOOK_MS = 5_000;
/** While somebody waits for space. */
const FULL_LOOK_MS = 500;
/** A database tells of a write that failed in the background with the next one, when there may be room again: each of them once. */
const LATE_NEWS = 3;
/** Looks without such news after which it counts anew: a minute. */
const QUIET_LOOKS = 12;
/** The ballast is made once the start is over, which others wait for. */
const BALLAST_LOOKS = 6;
/** 5 MiB a second, unless the disk was full just now: whoever publishes meanwhile waits for the same disk. */
const BALLAST_PACE = { bytes: 256 * 1024, pauseMs: 50 };

export interface DiskSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** `ok`; `low`: nothing for others; `scarce`: nothing large; `full`: a write failed, and only what must be is written. */
export type DiskState = 'ok' | 'low' | 'scarce' | 'full';

export interface DiskGuardOptions {
  /** File that keeps the room. */
  readonly ballast: string;
  readonly space: () => Promise<DiskSpace>;
  readonly timers: Timers;
  readonly log: Log;
}

const markOf = (mark: { readonly part: number; readonly bytes: number }, sizeBytes: number) =>
  Math.min(mark.part * sizeBytes, mark.bytes);

export async function spaceOf(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}

export class DiskGuard {
  readonly #o: DiskGuardOptions | undefined;
  #state: DiskState = 'ok';
  #space: DiskSpace | undefined;
  #timer: TimerHandle | undefined;
  #looks = 0;
  /** Writes that failed although there is room, and looks since the last of them. */
  #unlikely = 0;
  #quietLooks = 0;
  #isStopped = false;
  #ballastBytes = 0;
  #making: Promise<void> | undefined;
  /** While it was being made. */
  #isGivenUp = false;
  /** The disk was full, and may be so again soon. */
  #isUrgent = false;

  /** Without options the disk is endless. */
  constructor(options?: DiskGuardOptions) {
    this.#o = options;
  }

  get state(): DiskState {
    return this.#state;
  }

  get space(): DiskSpace | undefined {
    return this.#space;
  }

  get ballastBytes(): number {
    return this.#ballastBytes;
  }

  /** Whether there is room to carry feeds for others. */
  get mayCarry(): boolean {
    return this.#state === 'ok';
  }

  /** Whether there is room for feeds of others, which can be fetched later. */
  get mayTake(): boolean {
    return this.#state === 'ok' || this.#state === 'low';
  }

  /** @throws DISK_FULL while only what must be is written */
  readonly requireRoom = (): void => {
    if (this.#state !== 'full') return;
    throw new MeshError('DISK_FULL', 'the disk of this node is full');
  };

  async start(): Promise<void> {
    if (!this.#o) return;
    this.#ballastBytes = await sizeOf(this.#o.ballast);
    await this.look();
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) this.#o?.timers.clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#timer) this.#o!.timers.clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = this.#o!.timers.setTimeout(
      () => {
        this.look()
          .then(() => {
            // It takes longer than the next look is away.
            if (++this.#looks >= BALLAST_LOOKS) this.makeBallast().catch(this.#warn);
          })
          .catch(this.#warn)
          .finally(() => this.#schedule());
      },
      this.#state === 'full' ? FULL_LOOK_MS : LOOK_MS,
    );
  }

  readonly #warn = (error: unknown): void => {
    this.#o!.log.warn({ reason: String(error) }, 'the space on the disk is not known or not kept');
  };

  /** Looks how much is free. A disk that was full is so until there is room for the ballast and more. */
  async look(): Promise<void> {
    if (!this.#o) return;
    this.#space = await this.#o.space();
    if (++this.#quietLooks > QUIET_LOOKS) this.#unlikely = 0;
    const { freeBytes, sizeBytes } = this.#space;
    const before = this.#state;
    if (before === 'full' && !this.#hasRoom(this.#space)) return;
    if (freeBytes < markOf(HARD, sizeBytes)) this.#state = 'scarce';
    else this.#state = freeBytes < markOf(SOFT, sizeBytes) ? 'low' : 'ok';
    if (this.#state !== before)
      this.#o.log.warn({ state: this.#state, freeBytes }, 'the space on the disk has changed');
  }

  /** Room for the ballast, and more. */
  #hasRoom({ freeBytes, sizeBytes }: DiskSpace): boolean {
    const lost = this.#ballastBytes > 0 ? 0 : markOf(BALLAST, sizeBytes);
    return freeBytes >= markOf(HARD, sizeBytes) + lost;
  }

  /** A write found the disk full: gives the ballast up, unless there is room again. */
  readonly release = async (): Promise<void> => {
    if (!this.#o || this.#state === 'full') return;
    // Where writes fail again and again it is a quota, or another bound that free space says nothing of.
    const space = await this.#o.space().catch(() => undefined);
    this.#quietLooks = 0;
    const isUnlikely = space !== undefined && this.#hasRoom(space);
    if (isUnlikely && ++this.#unlikely <= LATE_NEWS) return;
    // Of a disk that is full indeed each database may tell late again.
    if (!isUnlikely) this.#unlikely = 0;
    // Another database may have told of it meanwhile.
    if (this.state === 'full') return;
    this.#state = 'full';
    this.#isGivenUp = true;
    if (this.#timer) this.#schedule();
    await rm(this.#o.ballast, { force: true });
    // A file that is still open keeps its room.
    await this.#making?.catch(() => {});
    this.#ballastBytes = 0;
    this.#isUrgent = true;
    this.#o.log.error(
      {},
      'the disk is full: nothing but the directory is written until there is space',
    );
  };

  /** Makes the ballast when it is missing, or shorter than it should be, and there is room for it. */
  async makeBallast(): Promise<void> {
    if (!this.#o || this.#isStopped || this.#state !== 'ok' || !this.#space || this.#making) return;
    const { freeBytes, sizeBytes } = this.#space;
    const bytes = Math.floor(markOf(BALLAST, sizeBytes));
    if (this.#ballastBytes >= bytes || freeBytes - bytes < markOf(SOFT, sizeBytes)) return;
    this.#isGivenUp = false;
    this.#making = this.#writeZeros(bytes).finally(() => {
      this.#making = undefined;
    });
    await this.#making;
  }

  /** Written, not only sized: a file with holes keeps no room. Ends early when the node stops or the space gets less. */
  async #writeZeros(bytes: number): Promise<void> {
    const { ballast, timers } = this.#o!;
    const piece = Buffer.alloc(BALLAST_PACE.bytes);
    const file = await open(ballast, 'w', 0o600);
    let written = 0;
    try {
      while (written < bytes && !this.#isStopped && !this.#isGivenUp && this.#state === 'ok') {
        written += (await file.write(piece, 0, Math.min(bytes - written, piece.length)))
          .bytesWritten;
        await file.datasync();
        if (this.#isUrgent) continue;
        await new Promise<void>((resolve) => timers.setTimeout(resolve, BALLAST_PACE.pauseMs));
      }
      this.#isUrgent &&= written < bytes;
    } catch (error) {
      written = 0;
      throw error;
    } finally {
      await file.close();
      if (this.#isGivenUp) written = 0;
      if (written === 0) await rm(ballast, { force: true });
      this.#ballastBytes = written;
    }
  }
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );
