// Ask before writing the directory: after a start ODCM may be a restored backup of itself, and two histories under its key
// would stop the whole mesh. The copies of others are exchanged before anything is added or vouched for. The first start
// ever has nothing to ask for. How copies are exchanged is no matter of this file.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';

export interface DirectoryGateOptions {
  /** For intervals. */
  readonly clock: Clock;
  readonly timers: Timers;
  readonly directory: Pick<Directory, 'refusal' | 'isShort'>;
  /** Members that are not revoked, this node not counted. */
  readonly others: () => number;
  /** Members that may be reached and were not tried yet. */
  readonly untried: () => number;
  readonly connected: () => readonly string[];
}

const LOOK_MS = 250;

export class DirectoryGate {
  readonly #o: DirectoryGateOptions;
  /** Who has shown its directory; what was newer in it is here. */
  readonly #answered = new Set<string>();
  #isOpen = false;
  #isAlone = false;
  #isStopped = false;
  #sinceMs: number;
  #timer: TimerHandle | undefined;
  #waiting: (() => void)[] = [];
  #onOpened: (() => void) | undefined;

  constructor(options: DirectoryGateOptions) {
    this.#o = options;
    this.#sinceMs = options.clock.nowMs();
  }

  /**
   * Before anything is connected.
   * @param isFirst the folder was never started before: nobody can have more than it
   * @param isAlone the operator says that this folder is the newest, whoever may be reached
   */
  begin({ isFirst, isAlone }: { isFirst: boolean; isAlone: boolean }): void {
    this.#isAlone = isAlone;
    this.#isOpen = isFirst || isAlone || this.#o.others() === 0;
    this.#sinceMs = this.#o.clock.nowMs();
    if (!this.#isOpen) this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#wake();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Called once, when others have been asked. */
  onOpened(listener: () => void): void {
    this.#onOpened = listener;
  }

  exchanged(peerId: string): void {
    this.#answered.add(peerId);
    this.#decide();
  }

  /**
   * Waits while others are being asked, and never for long.
   * @throws CONFLICT when ODCM has signed two directories, BUSY while nobody could be asked or what they have is not here
   */
  async mayWrite(): Promise<void> {
    while (this.#isAskedNow) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.requireOpen();
  }

  /** The same without waiting. */
  requireOpen(): void {
    if (this.#o.directory.refusal) throw this.#o.directory.refusal;
    if (this.#isShort)
      throw new MeshError('BUSY', 'others hold more of the directory than ODCM; it is fetched', {
        next: 'Try again when a member that has it is connected: odcm spaces',
      });
    if (this.#isOpen) return;
    throw new MeshError(
      'BUSY',
      'ODCM writes nothing yet: since its start no member could be asked what it has of the directory',
      {
        next: 'Start a member and try again. If this folder is surely the newest: odcm run --alone',
      },
    );
  }

  /** ODCM has signed more than is here: whatever it wrote now would be a second history. */
  get #isShort(): boolean {
    return this.#o.directory.isShort && !this.#isAlone;
  }

  get #isAskedNow(): boolean {
    if (this.#isStopped || this.#isOver || this.#o.directory.refusal) return false;
    return !this.#isOpen || this.#isShort;
  }

  get #isOver(): boolean {
    return this.#o.clock.nowMs() - this.#sinceMs >= LIMITS.releaseAskMs;
  }

  get #isConfirmed(): boolean {
    const { others, untried, connected, directory } = this.#o;
    const count = this.#answered.size;
    if (directory.refusal || this.#isShort) return false;
    // Others may have shown members that were not known here.
    if (count >= Math.min(LIMITS.releasePeers, others())) return true;
    if (count === 0) return false;
    if (this.#isOver) return true;
    return untried() === 0 && connected().every((peerId) => this.#answered.has(peerId));
  }

  /** Once a moment, since time passes and dials fail. */
  #look(): void {
    this.#decide();
    if (this.#isOpen || this.#isStopped) return;
    this.#timer = this.#o.timers.setTimeout(() => this.#look(), LOOK_MS);
  }

  #decide(): void {
    if (!this.#isOpen && !this.#isStopped && this.#isConfirmed) {
      this.#isOpen = true;
      this.#onOpened?.();
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
