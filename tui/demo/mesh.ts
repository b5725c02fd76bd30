// The mesh of the demo: an ODCM and five spaces, each a process with a folder of its own, one more behind an air gap, and
// what the scenarios ask of them. Knows no scenario.

import { join } from 'node:path';
import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import type { Deployment, Inventory, ReportContext } from '../../protocols/reports.ts';
import { ask, askRows, type ObjectRoute, type Question, type RowsRoute } from '../ask.ts';
import type { CommandContext, Invocation } from '../command-context.ts';
import { uploadContent } from '../commands/upload-content.ts';
import { writeAlertSettings } from './alert-settings.ts';
import { type Arrivals, createArrivals } from './arrivals.ts';
import type { DemoFolder } from './folder.ts';
import type { Ending, NodeProcess, Processes } from './processes.ts';
import type { Sample } from './samples.ts';

export const MESH_NAME = 'acme';
export const ODCM = 'hq';
export const LATE = 'ledger';
export const SPACES = [ODCM, 'platform', 'payments', 'shipping', 'identity', LATE] as const;
export type Space = (typeof SPACES)[number];
/** Has no network: nobody hears of it but by what is carried. */
export const ISOLATED = 'vault';
export type Member = Space | typeof ISOLATED;
/** Those that are there from the beginning. */
export const EARLY: readonly Space[] = SPACES.filter((space) => space !== LATE);

const READY_MS = 30_000;
/** Far above what anything takes here: a promise fails by this, slow machines do not. */
const PATIENCE_MS = 20_000;

export type Asker = Pick<Invocation, 'client' | 'signal'>;

export interface MeshOptions {
  readonly folder: DemoFolder;
  readonly processes: Processes;
  readonly context: Pick<CommandContext, 'createClient' | 'delay'>;
  readonly signal: AbortSignal;
}

export class DemoMesh {
  readonly folder: DemoFolder;
  readonly signal: AbortSignal;
  readonly arrivals: Arrivals;
  readonly #o: MeshOptions;
  readonly #askers = new Map<Member, Asker>();
  readonly #nodes = new Map<Member, NodeProcess>();

  constructor(options: MeshOptions) {
    const { folder, context, signal } = options;
    this.#o = options;
    this.folder = folder;
    this.signal = signal;
    this.arrivals = createArrivals(context.delay);
    for (const space of [...SPACES, ISOLATED] as const) {
      this.#askers.set(space, { client: context.createClient({ home: this.home(space) }), signal });
    }
  }

  home(space: Member): string {
    return join(this.folder.spaces, space);
  }

  asker(space: Member): Asker {
    return this.#askers.get(space)!;
  }

  ask<R extends ObjectRoute>(
    space: Member,
    route: R,
    question?: Question<R>,
  ): Promise<RouteResult<R>> {
    return ask(this.asker(space), route, question);
  }

  async rows<R extends RowsRoute>(
    space: Member,
    route: R,
    question?: Question<R>,
  ): Promise<readonly RouteResult<R>[]> {
    return (await askRows(this.asker(space), route, question)).rows;
  }

  /** The process of a space, the last one if it ran before; undefined when it never did. */
  node(space: Member): NodeProcess | undefined {
    return this.#nodes.get(space);
  }

  isRunning(space: Member): boolean {
    const node = this.#nodes.get(space);
    return node !== undefined && node.ending === undefined;
  }

  get running(): Space[] {
    return SPACES.filter((space) => this.isRunning(space));
  }

  async createTrustRoot(): Promise<void> {
    const keys = ['--root-keys', '1', '--threshold', '1'];
    const where = ['--home', this.home(ODCM), ...LOOPBACK, '--enrol', '127.0.0.1:0'];
    const args = ['init', MESH_NAME, '--space', ODCM, ...keys, ...where, ...AGREES];
    await this.#o.processes.run(`${ODCM}.init.log`, args);
    await writeAlertSettings(this.home(ODCM));
  }

  async enlist(space: Member): Promise<void> {
    const { token } = await this.ask(ODCM, 'invite', { body: { space } });
    const args = ['join', token, '--home', this.home(space), ...LOOPBACK, ...AGREES];
    await this.#o.processes.run(`${space}.join.log`, args);
  }

  /** Resolves once the node answers. */
  async start(space: Member, ...flags: readonly string[]): Promise<NodeProcess> {
    const isFirst = !this.#nodes.has(space);
    const node = this.#o.processes.startNode(space, this.home(space), flags);
    this.#nodes.set(space, node);
    await this.until(
      `${space} is ready`,
      async () => {
        if (node.ending === undefined) return await this.ask(space, 'status', { timeoutMs: 1_000 });
        throw new MeshError(
          'INTERNAL',
          `the node of ${space} ended with ${howEnded(node.ending)}`,
          {
            next: `Its log is ${join(this.folder.logs, `${space}.out`)}`,
          },
        );
      },
      READY_MS,
    );
    if (isFirst) void this.arrivals.follow(space, this.asker(space));
    return node;
  }

  /** Runs a command against the node of a space and gives the JSON it prints, if any. */
  command(space: Member, ...args: readonly string[]): Promise<unknown> {
    return this.#o.processes.run(`${space}.commands.log`, [...args, '--home', this.home(space)]);
  }

  /** After a scenario that ended in the middle; the late space comes when its scenario starts it. */
  async startMissing(): Promise<void> {
    const ended = SPACES.filter((space) => this.#nodes.get(space)?.ending !== undefined);
    await Promise.all(ended.map((space) => this.start(space)));
  }

  async stop(space: Member): Promise<Ending> {
    return await this.#nodeOf(space).stop();
  }

  /** Without a warning, as a machine that loses its power. */
  async kill(space: Member): Promise<Ending> {
    return await this.#nodeOf(space).kill();
  }

  #nodeOf(space: Member): NodeProcess {
    const node = this.#nodes.get(space);
    if (node === undefined) throw new MeshError('NODE_UNREACHABLE', `${space} does not run`);
    return node;
  }

  /** Asks again until there is an answer. @throws TIMEOUT naming what did not come true */
  async until<T>(
    what: string,
    look: () => Promise<T | undefined> | T | undefined,
    patienceMs = PATIENCE_MS,
  ): Promise<T> {
    const endMs = performance.now() + patienceMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(100, pauseMs * 1.5)) {
      this.signal.throwIfAborted();
      try {
        const found = await look();
        if (found !== undefined) return found;
      } catch (error) {
        if (!isMeshError(error, 'NODE_UNREACHABLE') && !isMeshError(error, 'TIMEOUT')) throw error;
      }
      if (performance.now() > endMs) {
        const seconds = patienceMs / 1000;
        throw new MeshError('TIMEOUT', `it did not come true within ${seconds} s that ${what}`);
      }
      await this.#o.context.delay(pauseMs, this.signal);
    }
  }

  async publish(
    space: Member,
    feed: string,
    sample: Sample,
  ): Promise<RouteResult<'publishContent'>> {
    const { item, bytes, mediaType } = sample;
    const upload = {
      feed: `${space}/${feed}`,
      item,
      mediaType,
      pieces: once(bytes),
      timeoutMs: READY_MS,
    };
    return await uploadContent(this.asker(space), upload);
  }

  /** Tells a node what its Octopus Server did or has, by the door for reports. */
  async report(
    space: Member,
    context: ReportContext,
    reports: readonly (Deployment | Inventory)[],
  ): Promise<RouteResult<'reportDeploymentsIn'>> {
    const { path, result } = ROUTES[REPORT_DOORS[context]];
    const { client, signal } = this.asker(space);
    const lines = reports.map((report) => `${JSON.stringify(report)}\n`).join('');
    return await client.upload(path, once(Buffer.from(lines)), {
      signal,
      contentType: 'application/x-ndjson',
      timeoutMs: READY_MS,
      parse: (value) => result.parse(value),
    });
  }

  /** The content as a space has it. */
  async content(space: Member, feed: string, item: string): Promise<Buffer> {
    const { client, signal } = this.asker(space);
    const { chunks } = await client.download('/v1/content', { signal, query: { feed, item } });
    return Buffer.concat(await Array.fromAsync(chunks));
  }

  /** What a space knows of one feed. */
  async feed(space: Member, path: string): Promise<RouteResult<'feeds'>> {
    const row = (await this.rows(space, 'feeds')).find(({ feed }) => feed === path);
    if (row !== undefined) return row;
    throw new MeshError('FEED_UNKNOWN', `${space} knows no feed ${path}`);
  }

  /** Running spaces that have so many entries of a feed, if only to carry them for others. */
  holders(path: string, size: number): Promise<Space[]> {
    return this.#where(path, ({ held }) => held >= size);
  }

  /** Those that can read so many of them. */
  readers(path: string, size: number): Promise<Space[]> {
    return this.#where(path, ({ applied }) => applied >= size);
  }

  async #where(path: string, test: (row: RouteResult<'feeds'>) => boolean): Promise<Space[]> {
    const known = await Promise.all(
      this.running.map(async (space) => ({
        space,
        row: (await this.rows(space, 'feeds')).find(({ feed }) => feed === path),
      })),
    );
    return known.flatMap(({ space, row }) => (row && test(row) ? [space] : []));
  }
}

const REPORT_DOORS = {
  inventory: 'reportInventoryIn',
  deployments: 'reportDeploymentsIn',
} as const;
const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0', '--format', 'json'];
/** In the demo every space has agreed to take what a publisher forces on all. */
const AGREES = ['--accept-forced'];

export const howEnded = ({ code, signal }: Ending): string =>
  signal === null ? `code ${code ?? '?'}` : signal;

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
