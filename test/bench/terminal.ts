// A program on a real terminal of the kernel, made by script(1): what it writes is looked at as it comes, and keys are
// typed into it.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { sharedNowMs } from './measurement.ts';

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 30_000;
const TAIL_CHARS = 20_000;
const TICKS_A_SECOND = 100;

export class Terminal {
  readonly startedMs = sharedNowMs();
  readonly #process: ChildProcess;
  #text = '';
  #onText: (() => void) | undefined;
  #pid: number | undefined;

  /** @param command words without any quote in them */
  constructor(command: readonly string[], { columns, rows, env }: TerminalOptions) {
    const line = `echo pid:$$; stty cols ${columns} rows ${rows}; exec ${command.join(' ')}`;
    this.#process = spawn('script', ['--quiet', '--flush', '--command', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh', ...env },
    });
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-TAIL_CHARS);
      this.#pid ??= Number(/pid:(\d+)/.exec(this.#text)?.[1]) || undefined;
      this.#onText?.();
    });
  }

  /** When this stood in what was written since `type` was last called. */
  async shows(what: RegExp): Promise<number> {
    const endMs = sharedNowMs() + DEADLINE_MS;
    while (!what.test(plain(this.#text))) {
      const timer = setTimeout(() => this.#onText?.(), Math.max(0, endMs - sharedNowMs()));
      await new Promise<void>((resolve) => {
        this.#onText = resolve;
      });
      clearTimeout(timer);
      if (sharedNowMs() >= endMs) throw new Error(`${what} does not appear in:\n${this.#text}`);
    }
    return sharedNowMs();
  }

  /** @returns when the key was sent */
  type(keys: string): number {
    this.#text = '';
    this.#process.stdin!.write(keys);
    return sharedNowMs();
  }

  /** Seconds of a core that the program has used so far. */
  cpuSeconds(): number {
    const fields = this.#read('stat').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }

  memoryMiB(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(this.#read('status'))?.[1]) / 1024;
  }

  #read(file: string): string {
    return readFileSync(`/proc/${this.#pid}/${file}`, 'utf8');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#pid !== undefined) process.kill(this.#pid, 'SIGTERM');
    else this.#process.kill('SIGKILL');
    await ended;
  }
}

/** Attributes are taken away, but for inversion: only the row under the cursor has it. */
const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken away
  text.replaceAll('\x1b[7m', '\u00ab').replaceAll(/\x1b\[[\d;?]*[a-zA-Z]/g, '');
