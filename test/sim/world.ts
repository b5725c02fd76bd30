// A mesh of simulated machines with its ODCM: real keys, a real directory written by ODCM's own pen, real grants. Keeps the
// books that the checks need: what was acknowledged, and who was ever allowed what.

import { addRootSignatures, nextRootPayload, type RootChanges } from '../../certs/root-rotation.ts';
import { x25519Raw } from '../../certs/x25519.ts';
import type { Directory } from '../../node/directory/directory.ts';
import { importSnapshot } from '../../node/directory/snapshot.ts';
import { DirectoryWriter } from '../../node/directory/writer.ts';
import type { Draft, Published } from '../../node/feed/batch.ts';
import { Blocks } from '../../node/feed/blocks.ts';
import type { OpenFeed } from '../../node/feed/feeds.ts';
import type { Subscription } from '../../node/replicate/subscriptions.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { asMeshError, type Code } from '../../protocols/errors.ts';
import { type FeedId, parseContextName, parseFeedId, parseFeedName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Foundation, layFoundation, SimHome } from './home.ts';
import { SimNetwork } from './network.ts';
import { SimNode } from './node.ts';
import { Dice, SimTime } from './time.ts';

/** A publish that was acknowledged: from then on it must never be lost. */
export interface Acknowledged extends Published {
  readonly feed: FeedId;
  readonly payload: string | null;
}

export interface WorldOptions {
  readonly seed: number;
  readonly spaces: readonly string[];
  /** Clocks are wrong by up to this. */
  readonly clockErrorMs?: number;
  /** No heartbeats: of many nodes they take most of the time. */
  readonly isQuiet?: boolean;
}

const MAX_LINES = 400;

export class World {
  readonly seed: number;
  readonly time = new SimTime();
  readonly dice: Dice;
  readonly network: SimNetwork;
  readonly nodes = new Map<string, SimNode>();
  readonly acknowledged: Acknowledged[] = [];
  /** Why publishes were refused, and how often. */
  readonly refused = new Map<Code, number>();
  /** `SPACE FEED` that a grant ever named, and feeds that were ever granted to everybody. */
  readonly everGranted = new Set<string>();
  readonly everOpen = new Set<FeedId>();
  /** Feeds of which nobody may ever see a record on a line. */
  readonly sealed = new Set<FeedId>();
  readonly publishers = new Map<FeedId, string>();
  /** Spaces that the mesh has shut out. */
  readonly revoked = new Set<string>();
  /** Names of the nodes that break the rules: checks ask nothing of them. */
  readonly hostile = new Set<string>();
  /** The last lines that nodes logged. */
  readonly lines: string[] = [];
  readonly wrongs: string[] = [];
  readonly #foundation: Foundation;
  readonly #clockErrorMs: number;
  readonly #forbidden = new Set<string>();
  #count = 0;

  private constructor({ seed, clockErrorMs = 20_000 }: WorldOptions) {
    this.seed = seed;
    this.#clockErrorMs = clockErrorMs;
    this.dice = new Dice(seed);
    this.network = new SimNetwork(this.time, this.dice.fork());
    this.#foundation = layFoundation(this.dice);
    this.network.onDelivered = (line, bytes) => this.#look(line, bytes);
    this.network.onRejected = (by, from, topic) => {
      if (!this.#isHostile(by) && !this.#isHostile(from))
        this.wrongs.push(`${by} takes what the honest ${from} passed on in ${topic} for a forgery`);
    };
  }

  static async create(options: WorldOptions): Promise<World> {
    const world = new World(options);
    if (options.isQuiet) world.network.loses = (topic) => topic.includes('/presence/');
    const odcm = world.#addNode('odcm', 'odcm');
    for (const name of options.spaces) world.#addNode(name, 'space');
    await world.time.during(world.#found(odcm));
    for (const node of world.nodes.values()) await world.time.during(node.start());
    await world.time.advance(8_000);
    return world;
  }

  get odcm(): SimNode {
    return this.node('odcm');
  }

  get spaces(): SimNode[] {
    return [...this.nodes.values()].filter((node) => node !== this.odcm);
  }

  get honest(): SimNode[] {
    return [...this.nodes.values()].filter(
      ({ name }) => !this.hostile.has(name) && !this.revoked.has(name),
    );
  }

  node(name: string): SimNode {
    const node = this.nodes.get(name);
    if (node) return node;
    throw new Error(`there is no node ${name}`);
  }

  nameOf(space: string): string {
    const found = [...this.nodes.values()].find(({ home }) => home.config.space === space);
    return found?.name ?? space;
  }

  #isHostile(line: string): boolean {
    return this.hostile.has(line.split('@')[0]!);
  }

  #addNode(name: string, role: 'odcm' | 'space'): SimNode {
    const home = new SimHome(this.#foundation, name, role, this.dice);
    const node = this.machine(home, Math.floor(this.dice.between([-1, 1]) * this.#clockErrorMs));
    this.nodes.set(name, node);
    return node;
  }

  /** A machine on the network; for a clone, with the home of another. */
  machine(home: SimHome, clockOffsetMs = 0): SimNode {
    const { network, dice } = this;
    return new SimNode({
      ...{ home, network, dice: dice.fork(), clockOffsetMs },
      address: `/ip4/10.0.0.${++this.#count}/tcp/4001`,
      say: (line) => {
        this.lines.push(line);
        if (this.lines.length > MAX_LINES) this.lines.shift();
      },
    });
  }

  /** ODCM's first start: everybody is enrolled, and gets the directory as an enrolment answer brings it. */
  async #found(odcm: SimNode): Promise<void> {
    let snapshot: Uint8Array = new Uint8Array();
    await odcm.withDirectory(async (directory, { views, blockStore }) => {
      const writer = await this.#pen(directory, views, blockStore);
      for (const node of this.nodes.values()) await enrol(writer, node);
      await writer.renew();
      snapshot = await writer.snapshot();
    });
    for (const node of this.spaces)
      await node.withDirectory((directory) => importSnapshot(directory, snapshot));
  }

  #pen(
    directory: Directory,
    views: DirectoryWriterStores,
    blockStore: DirectoryWriterStores,
  ): Promise<DirectoryWriter> {
    const { directoryKey, timestampKey } = this.#foundation;
    return DirectoryWriter.open({
      ...{ directory, views, directoryKey, timestampKey },
      ...{ blocks: new Blocks(blockStore), clock: this.time, random: this.dice.fork() },
      space: this.odcm.home.config.name,
    });
  }

  /** The next version of the root, signed by its keeper. */
  nextRoot(changes: Partial<RootChanges>): Buffer {
    const expiresMs = this.time.nowMs() + 1e11;
    const payload = nextRootPayload(this.odcm.home.root.root, { expiresMs, ...changes });
    return addRootSignatures({ payload, signatures: [] }, [this.#foundation.rootKey]);
  }

  /** A space that joins while the mesh runs; its node is not started. */
  async join(name: string): Promise<SimNode> {
    const node = this.#addNode(name, 'space');
    const { writer } = this.odcm.desk;
    await this.time.during(enrol(writer, node));
    const snapshot = await this.time.during(writer.snapshot());
    await this.time.during(node.withDirectory((directory) => importSnapshot(directory, snapshot)));
    return node;
  }

  async createFeed(
    publisher: string,
    name: string,
    to: 'all' | readonly string[],
    context = 'variables',
    sealed?: boolean,
  ): Promise<FeedId> {
    const space = this.node(publisher).home.config.space;
    const { trust } = this.odcm.desk;
    const answer = await this.time.during(
      trust.carryOut(space, {
        wish: 'feed',
        name: parseFeedName(name),
        context: parseContextName(context),
        sync: 'chosen',
        to: to === 'all' ? 'all' : [...to],
        ...(sealed === undefined ? {} : { sealed }),
      } as Parameters<typeof trust.carryOut>[1]),
    );
    const feed = parseFeedId((JSON.parse(answer) as { id: string }).id);
    this.publishers.set(feed, publisher);
    if (this.odcm.mesh.directory.state.feeds.get(feed)!.isSealed) this.sealed.add(feed);
    if (to === 'all') this.everOpen.add(feed);
    else for (const subscriber of to) this.#noteGrant(subscriber, feed);
    return feed;
  }

  #noteGrant(subscriber: string, feed: FeedId): void {
    this.everGranted.add(`${subscriber} ${feed}`);
  }

  /** Every running node has the directory as ODCM has it. */
  async spread(): Promise<void> {
    const { log } = this.odcm.mesh.directory;
    const isSpread = () =>
      this.honest.every((node) => !node.isRunning || node.mesh.directory.log.size === log.size);
    if ((await this.time.until(isSpread, LIMITS.timestampMs + 5_000)) === undefined)
      throw new Error(`seed ${this.seed}: the directory does not spread`);
  }

  /** From now on nobody may send this space a record of the feed. */
  forbid(name: string, feed: FeedId): void {
    this.#forbidden.add(`${name} ${feed}`);
  }

  mayEverHave(name: string, feed: FeedId): boolean {
    return (
      this.publishers.get(feed) === name ||
      this.everOpen.has(feed) ||
      this.everGranted.has(`${name} ${feed}`)
    );
  }

  /** Orders of the administrator. */
  async grant(subscriber: string, feed: FeedId): Promise<void> {
    this.#noteGrant(subscriber, feed);
    await this.time.during(this.odcm.desk.trust.grant({ subscriber, ...this.#named(feed) }));
  }

  async ungrant(subscriber: string, feed: FeedId): Promise<void> {
    await this.time.during(this.odcm.desk.trust.ungrant({ subscriber, ...this.#named(feed) }));
  }

  async revoke(name: string): Promise<void> {
    this.revoked.add(name);
    const own = this.odcm.home.config.space;
    await this.time.during(this.odcm.desk.trust.revoke(name, 'as simulated', own));
  }

  #named(feed: FeedId): { publisher: string; feed: string } {
    const row = this.odcm.mesh.directory.state.feeds.get(feed)!;
    return { publisher: this.nameOf(row.space), feed: row.name };
  }

  /** Publishes and keeps the acknowledgement; never resolves when the process dies before that. */
  async publish(node: SimNode, feed: FeedId, drafts: readonly Draft[]): Promise<void> {
    try {
      const open = await node.mesh.feeds.open(feed);
      const published = await open.publisher!.publish(drafts);
      for (const [i, one] of published.entries()) {
        const { body } = drafts[i]!;
        const payload = body && 'payload' in body ? JSON.stringify(body.payload) : null;
        this.acknowledged.push({ ...one, feed, payload });
      }
    } catch (error) {
      const { code } = asMeshError(error);
      this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
    }
  }

  subscribe(name: string, feed: FeedId, options: Partial<Subscription> = {}): Promise<OpenFeed> {
    const row = { feed, mode: 'auto', via: 'gossip', everyMs: null, ...options } as const;
    return this.time.during(this.node(name).mesh.intent.subscribe(row));
  }

  /** Bytes of a feed carry its name: nobody may ever see those of a feed that it was never granted. */
  #look(line: string, bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    for (let at = text.indexOf(CANARY); at >= 0; at = text.indexOf(CANARY, at + 1)) {
      const feed = text.slice(at + CANARY.length, at + CANARY.length + 36) as FeedId;
      const name = line.split('@')[0]!;
      // The hostile change what they send, also these names.
      if (!this.publishers.has(feed)) continue;
      if (this.sealed.has(feed)) this.wrongs.push(`${line} was sent ${feed} in the open`);
      if (this.mayEverHave(name, feed) && !this.#forbidden.has(`${name} ${feed}`)) continue;
      this.wrongs.push(`${line} was sent a record of ${feed}, for which it has no grant`);
    }
  }
}

const CANARY = 'canary ';

/** A payload that tells whose it is wherever it turns up. */
export const canary = (feed: FeedId): string => `${CANARY}${feed}`;

type DirectoryWriterStores = Parameters<typeof DirectoryWriter.open>[0]['views'];

async function enrol(writer: DirectoryWriter, node: SimNode): Promise<void> {
  const { space, name } = node.home.config;
  const raw = ed25519Raw(node.home.key);
  const sealing = x25519Raw(node.home.sealing);
  await writer.append(
    'SpaceEnrolledV1Event',
    {
      ...{ space, name, nodeKey: raw.toString('base64'), exchangeKey: sealing.toString('base64') },
      ...{ certificateSha256: '0'.repeat(64), addresses: [node.address] },
    },
    `space/${space}`,
  );
}
