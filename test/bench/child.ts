// Processes of a benchmark: each answers commands over its channel to the one that started it, and ends with it.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../../node/v8-flags.ts';

interface Question {
  readonly id: number;
  readonly name: string;
  readonly arg: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

type Handlers = Readonly<Record<string, (arg: never) => unknown>>;

/** In the child: answers until the parent goes away. */
export function serveCommands(handlers: Handlers): void {
  process.on('message', (question: Question) => void answer(question, handlers));
  process.on('disconnect', () => process.exit(0));
}

async function answer({ id, name, arg }: Question, handlers: Handlers): Promise<void> {
  try {
    process.send!({ id, result: await handlers[name]!(arg as never) } satisfies Answer);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.send!({ id, error: text } satisfies Answer);
  }
}

export class Child {
  readonly #process: ChildProcess;
  readonly #open = new Map<number, (answer: Answer) => void>();
  readonly #killNow = () => this.#process.kill('SIGKILL');
  #count = 0;

  /** @param file name of a module in this folder */
  constructor(file: string) {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      // As every node runs.
      execArgv: [...process.execArgv, ...NODE_FLAGS],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (answer: Answer) => {
      this.#open.get(answer.id)?.(answer);
      this.#open.delete(answer.id);
    });
    this.#process.on('exit', (code) => {
      for (const [id, answer] of this.#open) answer({ id, error: `${file} ended with ${code}` });
    });
    process.on('exit', this.#killNow);
  }

  ask<T>(name: string, arg: unknown = null): Promise<T> {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#open.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result as T);
        else reject(new Error(`${name}: ${error}`));
      });
      this.#process.send({ id, name, arg } satisfies Question);
    });
  }

  /** Lets it stand still, or go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killNow);
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** Starts so many of a kind, and stops them whatever happens. */
export async function withChildren<T>(
  file: string,
  count: number,
  work: (children: readonly Child[]) => Promise<T>,
): Promise<T> {
  const children = Array.from({ length: count }, () => new Child(file));
  try {
    return await work(children);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** Waits for a condition that processes reach by themselves. */
export async function reached(
  what: string,
  probe: () => Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`${what}: not so after ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
