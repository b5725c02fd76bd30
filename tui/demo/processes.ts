// The processes of the demo: every one is an `odcm` of its own, and none outlives the demo. They are told to stop, and
// ended when they do not; should the demo itself be killed, they notice that their standard input ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MeshError } from '../../protocols/errors.ts';
import { displayText } from '../format/display-text.ts';

const PROGRAM = fileURLToPath(new URL('../../node/odcm.mjs', import.meta.url));
/** From the polite request to the end by force. */
const GRACE_MS = 5_000;

export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface NodeProcess {
  readonly pid: number;
  /** How it ended; undefined while it runs. */
  readonly ending: Ending | undefined;
  stop(): Promise<Ending>;
  kill(): Promise<Ending>;
}

export interface Processes {
  /** Runs a command to its end and gives the JSON it prints; undefined when it prints nothing. */
  run(log: string, args: readonly string[]): Promise<unknown>;
  startNode(name: string, home: string, flags: readonly string[]): NodeProcess;
  /** Ends whatever still runs; nothing can be started afterwards. @returns how many that were */
  stopAll(): Promise<number>;
}

interface Child {
  readonly process: ChildProcess;
  ending: Ending | undefined;
  readonly ended: Promise<Ending>;
}

type Stdio = ('pipe' | 'ignore' | number)[];

export function createProcesses(logs: string, env: NodeJS.ProcessEnv): Processes {
  const living = new Set<Child>();
  const { ODCM_HOME: _h, ODCM_DEMO_HOME: _d, ODCM_PASSPHRASE_FILE: _p, ...inherited } = env;
  let isOver = false;
  const killAll = (): void => {
    for (const child of living) child.process.kill('SIGKILL');
  };
  // For an end that nobody foresaw: a process must not leave others behind.
  process.once('exit', killAll);

  const launch = (args: readonly string[], stdio: Stdio): Child => {
    if (isOver) throw new MeshError('BUSY', 'the demo is being stopped');
    // A group of its own: ctrl-c is for the demo, which then stops its nodes in order.
    const options = { detached: true, env: { ...inherited, NO_COLOR: '1' }, stdio };
    const started = spawn(process.execPath, [PROGRAM, ...args], options);
    const ended = new Promise<Ending>((resolve) => {
      started.once('close', (code, signal) => resolve({ code, signal }));
      started.once('error', () => resolve({ code: null, signal: null }));
    });
    const child: Child = { process: started, ending: undefined, ended };
    living.add(child);
    // Writing to a node that has just ended is no news here.
    started.stdin?.on('error', () => undefined);
    void ended.then((ending) => {
      child.ending = ending;
      living.delete(child);
    });
    return child;
  };

  return {
    run: async (log, args) => {
      const path = join(logs, log);
      const child = withLog(path, (file) => launch(args, ['ignore', 'pipe', file]));
      let text = '';
      child.process.stdout?.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      const { code } = await child.ended;
      if (code === 0) return text === '' ? undefined : JSON.parse(text);
      const said = (await readFile(path, 'utf8')).trim().split('\n').at(-1) ?? '';
      throw new MeshError(
        'INTERNAL',
        `odcm ${args[0]} failed (${displayText(said.replace(/^odcm: /, ''), 300)})`,
        { next: `Its log is ${path}` },
      );
    },
    startNode: (name, home, flags) => {
      const args = [
        'run',
        '--home',
        home,
        '--with-parent',
        '--log-file',
        join(logs, `${name}.log`),
        ...flags,
      ];
      const child = withLog(join(logs, `${name}.out`), (file) =>
        launch(args, ['pipe', file, file]),
      );
      return {
        pid: child.process.pid ?? 0,
        get ending() {
          return child.ending;
        },
        stop: () => stopChild(child),
        kill: () => {
          child.process.kill('SIGKILL');
          return child.ended;
        },
      };
    },
    stopAll: async () => {
      isOver = true;
      const ended = await Promise.all([...living].map(stopChild));
      process.off('exit', killAll);
      return ended.length;
    },
  };
}

function withLog(path: string, use: (file: number) => Child): Child {
  const file = openSync(path, 'a', 0o600);
  try {
    return use(file);
  } finally {
    // The process has its own copy by now.
    closeSync(file);
  }
}

async function stopChild(child: Child): Promise<Ending> {
  child.process.kill('SIGTERM');
  const grace = new AbortController();
  const patience = wait(GRACE_MS, undefined, { signal: grace.signal }).then(
    () => void child.process.kill('SIGKILL'),
    () => undefined,
  );
  const ending = await child.ended;
  grace.abort();
  await patience;
  return ending;
}
