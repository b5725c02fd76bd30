// One exchange with each peer at a time: whoever asks for one while it runs gets one more after it, however often he asks.
// Knows nothing of what is exchanged.

interface Task {
  running: Promise<void>;
  again: boolean;
}

export interface PeerTasksOptions {
  /** Deals with its faults itself. */
  readonly exchange: (peerId: string) => Promise<void>;
  readonly isConnected: (peerId: string) => boolean;
}

export class PeerTasks {
  readonly #o: PeerTasksOptions;
  readonly #tasks = new Map<string, Task>();
  #isStopped = false;

  constructor(options: PeerTasksOptions) {
    this.#o = options;
  }

  /** Begins now, unless one runs. */
  start(peerId: string): void {
    if (this.#isStopped) return;
    const task = this.#tasks.get(peerId);
    if (task) {
      task.again = true;
      return;
    }
    const fresh: Task = { running: Promise.resolve(), again: false };
    this.#tasks.set(peerId, fresh);
    fresh.running = this.#loop(peerId, fresh);
  }

  async #loop(peerId: string, task: Task): Promise<void> {
    do {
      task.again = false;
      await this.#o.exchange(peerId);
    } while (task.again && !this.#isStopped && this.#o.isConnected(peerId));
    this.#tasks.delete(peerId);
  }

  /** Begins none any more, and waits for those that run. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.allSettled([...this.#tasks.values()].map((task) => task.running));
  }
}
