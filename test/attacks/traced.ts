// Programs run under strace, and what they opened and which sockets they made, in the words of the kernel.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Why nothing can be traced here; undefined when it can. */
export function whyNotTraced(): string | undefined {
  const { status } = spawnSync('strace', ['-f', '-y', '-o', '/dev/null', 'true']);
  return status === 0 ? undefined : 'strace is not there, or may not trace';
}

const CALLS = '%file,%network';

/** Starts a program with everything that it starts; the trace goes to the file. */
export function traced(trace: string, program: string, args: readonly string[]): ChildProcess {
  const flags = ['-f', '-y', '--seccomp-bpf', '-s', '4096', '-e', `trace=${CALLS}`, '-o', trace];
  return spawn('strace', [...flags, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

export interface Trace {
  readonly lines: readonly string[];
  /** Where each file lies that was opened, links followed. */
  readonly opened: readonly string[];
  /** Families of the sockets that were made. */
  readonly families: ReadonlySet<string>;
}

const OPENED = /\b(?:open|openat|openat2|creat)(?:\(| resumed).* = \d+<([^>]*)>$/;
const SOCKET = /\bsocket\((AF_[A-Z0-9]+)/;

/** @param marks only what comes between the first lines that have them */
export async function readTrace(file: string, marks?: readonly [string, string]): Promise<Trace> {
  const all = (await readFile(file, 'utf8')).split('\n');
  const [from, to] = marks?.map((mark) => all.findIndex((line) => line.includes(mark))) ?? [0];
  if (from === -1 || to === -1) throw new Error(`a mark is missing in ${file}`);
  const lines = all.slice(from, to);
  const opened = lines.flatMap((line) => OPENED.exec(line)?.[1] ?? []);
  return {
    lines,
    opened,
    families: new Set(lines.flatMap((line) => SOCKET.exec(line)?.[1] ?? [])),
  };
}

const TABLES = [
  'tcp',
  'tcp6',
  'udp',
  'udp6',
  'udplite',
  'udplite6',
  'raw',
  'raw6',
  'icmp',
  'packet',
];

/** Sockets of a process that could reach another machine, listening or not. */
export async function internetSockets(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}`;
  const own = new Set<string>();
  for (const fd of await readdir(`${folder}/fd`)) {
    const target = await readlink(`${folder}/fd/${fd}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode) own.add(inode);
  }
  const found: string[] = [];
  for (const table of TABLES) {
    const text = await readFile(`${folder}/net/${table}`, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1))
      if (
        line
          .trim()
          .split(/\s+/)
          .some((cell) => own.has(cell))
      )
        found.push(`${table} ${line}`);
  }
  return found;
}

/** A device in the folder itself, where this account may make one; else false. */
export function makeDevice(path: string): boolean {
  try {
    execFileSync('mknod', [path, 'c', '1', '5'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
