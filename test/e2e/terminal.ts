// A terminal as a person has it: a tmux server of its own with windows by name, what they show, and keys for them.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { REPOSITORY, until } from './mesh.ts';

const PROGRAM = join(REPOSITORY, 'node/odcm.mjs');

/** Says so once when it is missing. */
export const hasTmux = ((): boolean => {
  try {
    execFileSync('tmux', ['-V']);
    return true;
  } catch {
    process.stderr.write('tmux is missing: nothing is tried in a real terminal.\n');
    return false;
  }
})();

export class TestTerminal {
  readonly #dir: string;
  #isOpen = false;

  /** Its socket and whatever the programs in it remember are in `dir`. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** A window with a shell in which `odcm` was typed with these arguments. */
  open(window: string, args: readonly string[], columns = 100, rows = 30): void {
    this.run(window, [process.execPath, PROGRAM, ...args].join(' '), columns, rows);
  }

  /** A window with a shell in which this command line was typed. */
  run(window: string, command: string, columns = 100, rows = 30): void {
    const size = ['-x', String(columns), '-y', String(rows)];
    this.#isOpen = true;
    this.#tmux('new-session', '-d', '-s', window, ...size, 'sh');
    this.keys(window, command, 'Enter');
  }

  resize(window: string, columns: number, rows: number): void {
    this.#tmux('resize-window', '-t', at(window), '-x', String(columns), '-y', String(rows));
  }

  /** Resolves once a program has taken the whole window for itself, or given it back with its cursor. */
  isTaken(window: string, wanted: boolean): Promise<true> {
    const look = async (): Promise<true> => {
      const modes = this.#tmux('display', '-p', '-t', at(window), '#{alternate_on} #{cursor_flag}');
      if (modes.trim() === (wanted ? '1 0' : '0 1')) return true;
      throw new Error(`screen and cursor are ${modes}`);
    };
    return until(`${window} is ${wanted ? 'taken' : 'given back'}`, look);
  }

  /** Resolves once the window has its shell back: what is typed while a program still ends, that program may take. */
  hasShell(window: string): Promise<true> {
    const look = async (): Promise<true> => {
      const name = this.#tmux('display', '-p', '-t', at(window), '#{pane_current_command}').trim();
      if (name === 'sh') return true;
      throw new Error(`${name} has the window`);
    };
    return until(`${window} has its shell`, look);
  }

  screen(window: string): string {
    return this.#tmux('capture-pane', '-p', '-t', at(window));
  }

  keys(window: string, ...names: readonly string[]): void {
    this.#tmux('send-keys', '-t', at(window), ...names);
  }

  /** Resolves to the screen once it shows this. */
  shows(window: string, what: RegExp, deadlineMs = 60_000): Promise<string> {
    const look = async (): Promise<string> => {
      const text = this.screen(window);
      if (what.test(text)) return text;
      throw new Error(`\n${text}`);
    };
    return until(`${window} shows ${what}`, look, deadlineMs);
  }

  close(): void {
    if (this.#isOpen) this.#tmux('kill-server');
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', join(this.#dir, 'tmux.sock'), '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: {
        ...process.env,
        ...{ TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', NODE_ENV: '' },
        XDG_STATE_HOME: this.#dir,
      },
    });
  }
}

/** The session, not a window that tmux named after its program. */
const at = (window: string): string => `=${window}:`;
