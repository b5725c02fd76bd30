// A whole mesh of real processes for the end-to-end tests: makes folders, starts, stops and kills nodes, runs commands.
// It knows the product only from outside: its program, its control API and its folders.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ROUTES,
  type RouteBody,
  type RouteName,
  type RouteQuery,
  type RouteResult,
  type Rows,
} from '../../protocols/control-api.ts';
import { createClient } from '../../tui/client.ts';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(REPOSITORY, 'node', 'odcm.mjs');
const DEADLINE_MS = 60_000;
const POLL_MS = 25;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came. */
  readonly bytes: Buffer;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  /** Another Node than the one of the tests. */
  readonly node?: string;
  readonly onSpawn?: (child: ChildProcess) => void;
}

export interface SpawnOptions {
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

type Answer<R extends RouteName> = (typeof ROUTES)[R]['answer'] extends 'rows'
  ? Rows<R>['rows']
  : RouteResult<R>;

interface Asked<R extends RouteName> {
  readonly query?: RouteQuery<R>;
  readonly body?: RouteBody<R>;
}

/** Waits until `probe` gives something that is not false, null or undefined; a probe that throws has not got it yet. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | false | null | undefined>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== false && value !== null && value !== undefined) return value;
      last = value;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (Date.now() > end)
      throw new Error(`${what}: not so after ${deadlineMs} ms; last: ${String(last)}`);
    await pause(POLL_MS);
  }
}

/** A moment of chance: how long somebody lets a process live before killing it. Nothing is expected to be done by then. */
export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** A repeatable sequence of numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class TestMesh {
  /** Made by {@link init}. */
  readonly dir = join(tmpdir(), `odcm-e2e-${randomBytes(6).toString('hex')}`);
  readonly #nodes = new Map<string, ChildProcess>();
  readonly #children = new Set<ChildProcess>();

  constructor() {
    process.on('exit', this.#killAll);
  }

  home(name: string): string {
    return join(this.dir, name);
  }

  /** Makes the trust root and starts the ODCM node, which is named odcm. */
  async init(meshName = 'acme'): Promise<void> {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    const keys = ['--root-keys', '1', '--threshold', '1'];
    await this.ok('odcm', 'init', meshName, ...keys, '--enrol', '127.0.0.1:0', ...LOOPBACK);
    await this.start('odcm');
  }

  /** Invites a space and joins it, without starting it. */
  async enlist(name: string, ...flags: string[]): Promise<void> {
    const { token } = await this.ask('odcm', 'invite', { body: { space: name } });
    await this.ok(name, 'join', token, ...LOOPBACK, ...flags);
  }

  /** Enlists and starts spaces side by side. */
  async spaces(...names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.enlist(name)));
    await Promise.all(names.map((name) => this.start(name)));
  }

  /** Starts a node; resolves when it says that it is ready, throws with its words when it ends before. */
  start(name: string, ...flags: string[]): Promise<void> {
    return this.startWith(name, {}, ...flags);
  }

  /** The same with flags for Node and with more in the environment. */
  startWith(name: string, options: SpawnOptions, ...flags: string[]): Promise<void> {
    const args = ['run', '--home', this.home(name), ...flags];
    const child = this.#spawn(process.execPath, args, options);
    this.#nodes.set(name, child);
    return new Promise((resolve, reject) => {
      let said = '';
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes(' is ready at ')) resolve();
      });
      child.once('close', (code) => {
        if (this.#nodes.get(name) === child) this.#nodes.delete(name);
        reject(new Error(`${name} ended with ${code}: ${said}`));
      });
    });
  }

  /** Resolves when the process of a node has ended by itself, to the signal that ended it. */
  ended(name: string): Promise<NodeJS.Signals | null> {
    const child = this.#nodes.get(name);
    if (!child) return Promise.resolve(null);
    if (child.exitCode !== null || child.signalCode !== null)
      return Promise.resolve(child.signalCode);
    return new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  }

  pid(name: string): number {
    return this.#nodes.get(name)!.pid!;
  }

  /** Ends a node as a service manager does. Resolves to its exit code. */
  stop(name: string): Promise<number | null> {
    return this.#end(name, 'SIGTERM');
  }

  /** Ends a node as a power cut does. */
  async kill(name: string): Promise<void> {
    await this.#end(name, 'SIGKILL');
  }

  async #end(name: string, signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#nodes.get(name);
    if (!child) return null;
    this.#nodes.delete(name);
    const ended = new Promise<number | null>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
      else child.once('exit', (code) => resolve(code));
    });
    child.kill(signal);
    return ended;
  }

  /** Runs one command on the folder of a node. */
  odcm(name: string, ...args: string[]): Promise<Ran> {
    return this.run([...args, '--home', this.home(name)]);
  }

  /** The same for a command that must succeed. */
  async ok(name: string, ...args: string[]): Promise<Ran> {
    const ran = await this.odcm(name, ...args);
    if (ran.code === 0) return ran;
    throw new Error(`odcm ${args.join(' ')} at ${name} ended with ${ran.code}: ${ran.stderr}`);
  }

  run(
    args: readonly string[],
    { input, node = process.execPath, onSpawn }: RunOptions = {},
  ): Promise<Ran> {
    const child = this.#spawn(node, args);
    onSpawn?.(child);
    child.stdin!.on('error', () => {}).end(input);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout!.on('data', (bytes: Buffer) => out.push(bytes));
    child.stderr!.on('data', (bytes: Buffer) => err.push(bytes));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        const bytes = Buffer.concat(out);
        resolve({ code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() });
      });
    });
  }

  /** Asks a node over its control API; refusals are thrown with their code. */
  async ask<R extends RouteName>(
    name: string,
    route: R,
    { query, body }: Asked<R> = {},
  ): Promise<Answer<R>> {
    const { method, path, answer } = ROUTES[route];
    const client = createClient({ home: this.home(name) });
    const options = {
      timeoutMs: DEADLINE_MS,
      ...(query ? { query: query as Record<string, string> } : {}),
    };
    const value: unknown =
      method === 'GET'
        ? await client.get(path, options)
        : method === 'DELETE'
          ? await client.delete(path, options)
          : await client.post(path, body ?? {}, options);
    return (answer === 'rows' ? (value as Rows<R>).rows : value) as Answer<R>;
  }

  /** Content of an item, byte for byte. */
  async content(name: string, feed: string, item: string, version?: number): Promise<Buffer> {
    const query = { feed, item, version };
    const { chunks } = await createClient({ home: this.home(name) }).download('/v1/content', {
      query,
    });
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return Buffer.concat(parts);
  }

  /** The row of one feed in the list of a node. */
  async feed(name: string, path: string): Promise<RouteResult<'feeds'> | undefined> {
    return (await this.ask(name, 'feeds')).find((row) => row.feed === path);
  }

  async subscription(
    name: string,
    path: string,
  ): Promise<RouteResult<'subscriptions'> | undefined> {
    return (await this.ask(name, 'subscriptions')).find((row) => row.feed === path);
  }

  /** Waits until a node knows a feed and takes it. */
  subscribe(name: string, body: RouteBody<'subscribe'>): Promise<RouteResult<'subscribe'>> {
    return until(`${name} takes ${body.feed}`, () => this.ask(name, 'subscribe', { body }));
  }

  /** The n-th event of a feed goes through, from its publisher to a subscriber. */
  async flow(from: string, feed: string, to: string, n: number): Promise<void> {
    const body = { drafts: [{ item: `item-${n}`, payload: { value: n } }] };
    await this.ask(from, 'publishEvents', { query: { feed }, body });
    await this.level(to, `${from}/${feed}`, n);
  }

  /** Waits until a node has applied so many entries of a feed, all that the newest head counts. */
  level(name: string, path: string, size: number): Promise<RouteResult<'feeds'>> {
    return until(`${name} has ${size} entries of ${path}`, async () => {
      const row = await this.feed(name, path);
      if (!row) throw new Error('the feed is not known');
      const { size: head, held, applied } = row;
      // A feed to which nothing was published has no head.
      if ((head ?? 0) === size && held === size && applied === size) return row;
      throw new Error(JSON.stringify({ head, held, applied }));
    });
  }

  /** Newest versions of all items of a feed, over as many pages as there are. */
  async items(name: string, feed: string): Promise<RouteResult<'items'>[]> {
    const rows: RouteResult<'items'>[] = [];
    for (;;) {
      const after = rows.at(-1)?.item;
      const page = await this.ask(name, 'items', {
        query: { feed, limit: 1000, ...(after ? { after } : {}) },
      });
      rows.push(...page);
      if (page.length < 1000) return rows;
    }
  }

  async config(name: string): Promise<{ mesh: string; listen: string[]; enrol?: string }> {
    return JSON.parse(await readFile(join(this.home(name), 'node.json'), 'utf8'));
  }

  /** Kills whatever still runs and removes every folder. */
  async close(): Promise<void> {
    const ended = [...this.#children].map(
      (child) => new Promise((resolve) => child.once('close', resolve)),
    );
    this.#killAll();
    await Promise.all(ended);
    process.off('exit', this.#killAll);
    removeFolder(this.dir);
  }

  #spawn(
    node: string,
    args: readonly string[],
    { nodeFlags = [], env = {} }: SpawnOptions = {},
  ): ChildProcess {
    const child = spawn(node, [...nodeFlags, PROGRAM, ...args], {
      env: { ...process.env, ODCM_HOME: join(this.dir, 'nobody'), NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  readonly #killAll = (): void => {
    for (const child of this.#children) child.kill('SIGKILL');
  };
}

/** Of a folder in which programs of a terminal may still be ending: until they have, new files may come. */
export const removeFolder = (path: string): void =>
  rmSync(path, { recursive: true, force: true, maxRetries: 100, retryDelay: 50 });

/** Nodes of the tests are on the loopback interface, on ports that were free when their folder was made. */
const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0'];
