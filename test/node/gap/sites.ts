// Sites that share nothing but a folder: ODCM's pen, and spaces whose nodes run without a network on stores in memory. Keys,
// certificates, directory and bundles are real.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { issueSpaceCertificate } from '../../../certs/authority.ts';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { createRequest, verifyRequest } from '../../../certs/request.ts';
import { signRoot } from '../../../certs/root-keys.ts';
import { nextRootPayload } from '../../../certs/root-rotation.ts';
import { generateRsa } from '../../../certs/rsa.ts';
import { x25519Raw } from '../../../certs/x25519.ts';
import { systemRandom, systemTimers } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { Trust } from '../../../node/directory/trust.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import type { Draft } from '../../../node/feed/batch.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { rootAt } from '../../../node/fork/prove.ts';
import type { Exported, ExportOrder } from '../../../node/gap/export.ts';
import type { HomeConfig } from '../../../node/home/config.ts';
import { Home, homePaths } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import { createNoNetwork } from '../../../node/net/no-network.ts';
import { MeshNode } from '../../../node/node.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Packs } from '../../../node/store/packs.ts';
import type { Store } from '../../../node/store/store.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import {
  type FeedId,
  meshIdOf,
  parseContextName,
  parseFeedId,
  parseFeedName,
  parseSpaceId,
  parseSpaceName,
  uuidFromBytes,
} from '../../../protocols/ids.ts';
import { buildRootPayload, decodeRoot, type Root } from '../../../protocols/root.ts';
import { verifyRootChain } from '../../../protocols/root-chain.ts';
import { ACME, BITS, DAY_MS, makeTrustRoot, NOW_MS, ODCM } from '../../certs/fixtures.ts';
import { newKey, SimKeys } from '../../sim/keys.ts';
import { Dice } from '../../sim/time.ts';

const NEVER = new AbortController().signal;

/** Its rows outlive the node that closes it. */
export class KeptStore extends MemoryStore {
  override close(): Promise<void> {
    return Promise.resolve();
  }

  async copy(): Promise<KeptStore> {
    const other = new KeptStore();
    for await (const { key, value } of this.range({}))
      await other.write([{ type: 'put', key, value }]);
    return other;
  }
}

export type Disks = Record<'logs' | 'views' | 'blockStore', Store> & { readonly packs?: Packs };
type Kept = Record<'logs' | 'views' | 'blockStore', KeptStore>;

class SiteHome extends Home {
  readonly pems: { leaf: string; issuing: string; root: string };

  constructor(
    dir: string,
    config: HomeConfig,
    root: { envelope: Buffer },
    keys: SimKeys,
    pems: SiteHome['pems'],
  ) {
    const chain = verifyRootChain([root.envelope], { nowMs: 0 });
    super(homePaths(dir), config, [root.envelope], chain);
    Object.assign(this, { keys });
    this.pems = pems;
  }

  override localKey() {
    return this.keys.localKey();
  }

  override async certificates() {
    return this.pems;
  }

  protected override keepRoot(): Promise<void> {
    return Promise.resolve();
  }
}

type Ground = Awaited<ReturnType<typeof layGround>>;

/** RSA keys take most of a test's time: made once. */
let ground: Promise<Ground> | undefined;

async function layGround() {
  const trust = await makeTrustRoot();
  const timestampKey = generateEd25519();
  const roles = {
    ...trust.input.roles,
    timestamp: { keys: [ed25519Raw(timestampKey)], threshold: 1 },
  };
  const payload = buildRootPayload({ ...trust.input, roles });
  const envelope = signRoot(payload, trust.rootKeys.slice(0, 2));
  const rsaKeys = await Promise.all([0, 1, 2].map(() => generateRsa(BITS)));
  return { trust, timestampKey, envelope, mesh: meshIdOf(payload), rsaKeys };
}

export class Site {
  node!: MeshNode;
  readonly home: SiteHome;
  readonly #sites: Sites;
  disks: Kept = {
    logs: new KeptStore(),
    views: new KeptStore(),
    blockStore: new KeptStore(),
  };

  constructor(sites: Sites, home: SiteHome) {
    this.#sites = sites;
    this.home = home;
  }

  get id() {
    return this.home.config.space;
  }

  async start(stores: Disks = this.disks): Promise<void> {
    const { clock } = this.#sites;
    this.node = await MeshNode.compose(
      {
        ...{ home: this.home, clock, timers: systemTimers, random: systemRandom, log: silentLog },
        isOffline: true,
      },
      stores,
      async () => createNoNetwork(await this.home.nodeKey()),
    );
    await this.node.start();
  }

  stop(): Promise<void> {
    return this.node.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Brings a bundle and, where it names people, has them approve it. */
  async import(path: string, ...names: string[]) {
    const { imports } = this.node.gap;
    const run = { signal: NEVER };
    const { crossing } = await imports.stage(path, 'Lisa', run);
    let last = await imports.admit(crossing.space, crossing.sequence, run);
    for (const name of names)
      last = await imports.approve(crossing.space, crossing.sequence, name, run);
    return last;
  }

  async held(feed: FeedId): Promise<number> {
    if (!this.node.directory.state.feeds.has(feed)) return 0;
    return (await this.node.feeds.open(feed)).log.size;
  }
}

export class Sites {
  readonly folder: string;
  readonly clock = { nowMs: () => this.nowMs };
  nowMs = NOW_MS;
  readonly ground: Ground;
  readonly #dice = new Dice(1);
  readonly #sites = new Map<string, Site>();
  #logs = new KeptStore();
  #root!: Root;
  #directory!: Directory;
  #trust!: Trust;
  #writer!: DirectoryWriter;
  #exports = 0;

  private constructor(folder: string, made: Ground) {
    this.folder = folder;
    this.ground = made;
  }

  /** @param open the databases of a site, in place of memory; it is never started again then */
  static async create(
    folder: string,
    names = ['library', 'vault'],
    open?: (name: string) => Promise<Disks>,
  ): Promise<Sites> {
    ground ??= layGround();
    const sites = new Sites(folder, await ground);
    await mkdir(join(folder, 'drop'));
    await sites.#openDesk();
    for (const [at, name] of names.entries()) await sites.#enrol(name, at);
    for (const [name, site] of sites.#sites) {
      await site.start(await open?.(name));
      await sites.tell(site);
    }
    return sites;
  }

  site(name: string): Site {
    return this.#sites.get(name)!;
  }

  async close(): Promise<void> {
    for (const site of this.#sites.values()) await site.stop();
  }

  async #openDesk(): Promise<void> {
    const { envelope } = this.ground;
    const { root } = verifyRootChain([envelope], { nowMs: 0 });
    await this.#take(root);
    const key = newKey(this.#dice);
    await this.#write('odcm', ODCM, ed25519Raw(key), x25519Raw(newKey(this.#dice, 'x25519')));
  }

  async #take(root: Root): Promise<void> {
    const { clock } = this;
    const { mesh } = this.ground;
    const { directory, writer } = await this.#pen(root);
    this.#root = root;
    this.#directory = directory;
    this.#writer = writer;
    this.#trust = new Trust({
      ...{ mesh, directory, writer: this.#writer, clock, random: systemRandom },
    });
  }

  async #write(name: string, space: string, nodeKey: Buffer, exchangeKey: Buffer): Promise<void> {
    await this.#writer.append(
      'SpaceEnrolledV1Event',
      {
        ...{ space: parseSpaceId(space), name: parseSpaceName(name), addresses: [] },
        ...{ nodeKey: nodeKey.toString('base64'), exchangeKey: exchangeKey.toString('base64') },
        certificateSha256: '0'.repeat(64),
      },
      `space/${space}`,
    );
  }

  async #enrol(name: string, at: number): Promise<void> {
    const { trust, envelope, mesh, rsaKeys } = this.ground;
    const space = parseSpaceId(uuidFromBytes(this.#dice.bytes(16)));
    const nodeKey = newKey(this.#dice);
    const exchangeKey = newKey(this.#dice, 'x25519');
    const rsaKey = rsaKeys[at % rsaKeys.length]!;
    await this.#write(name, space, ed25519Raw(nodeKey), x25519Raw(exchangeKey));
    const request = verifyRequest(createRequest({ rsaKey, nodeKey, commonName: name as never }));
    const leaf = issueSpaceCertificate({
      ...{ issuing: trust.issuing, spkiDer: request.spkiDer, signedKey: request.signedKey },
      ...{ mesh, space, name: parseSpaceName(name), nowMs: NOW_MS },
    });
    const config: HomeConfig = {
      ...{ version: 1, mesh, meshName: ACME, space, name: parseSpaceName(name), role: 'space' },
      ...{ listen: [], acceptForced: false },
    };
    const home = new SiteHome(
      join(this.folder, name),
      config,
      { envelope },
      new SimKeys({ nodeKey, exchangeKey, tlsKey: rsaKey }),
      {
        ...{ leaf, issuing: trust.issuing.certificatePem, root: trust.root.certificatePem },
      },
    );
    this.#sites.set(name, new Site(this, home));
  }

  async #pen(root: Root) {
    const { mesh, trust, timestampKey } = this.ground;
    const { clock } = this;
    const directory = await Directory.open({
      ...{ store: this.#logs, root, mesh, clock, log: silentLog },
    });
    const writer = await DirectoryWriter.open({
      ...{ directory, views: new KeptStore(), blocks: new Blocks(new KeptStore()), clock },
      ...{ directoryKey: trust.directoryKey, timestampKey, space: parseSpaceName('odcm') },
      random: systemRandom,
    });
    return { directory, writer };
  }

  /** A second pen, from a copy of what ODCM has now: whoever is told by it gets another history. */
  async twin(): Promise<Sites> {
    const twin = new Sites(this.folder, this.ground);
    twin.#logs = await this.#logs.copy();
    twin.nowMs = this.nowMs;
    await twin.#take(this.#root);
    return twin;
  }

  /** The keepers let the directory go on from its first entries, and ODCM begins. Gives back the version of the root. */
  async continueFrom(size: number): Promise<Buffer> {
    const root = await rootAt(this.#directory.log, size);
    const payload = nextRootPayload(this.#root, {
      expiresMs: later(400),
      continueDirectory: { size, root },
    });
    this.#root = decodeRoot(payload);
    await this.#directory.adoptRoot(this.#root);
    await this.#writer.begin([]);
    return signRoot(payload, this.ground.trust.rootKeys.slice(0, 2));
  }

  get directorySize(): number {
    return this.#directory.log.size;
  }

  /** The space learns what the directory says now, as over a network. */
  async tell(site: Site): Promise<void> {
    const note = await this.#writer.renew();
    const { log } = this.#directory;
    await site.node.directory.accept(note, {
      entries: (from, to) => log.segments(from, to),
      hashes: async (level, from, to) => {
        const nodes = Array.from({ length: to - from }, (_, i) => log.node(level * 8, from + i));
        return Buffer.concat(await Promise.all(nodes));
      },
    });
  }

  async feed(publisher: string, name: string, to: 'all' | string[], context = 'variables') {
    const site = this.site(publisher);
    const answer = await this.#trust.carryOut(site.id, {
      ...{ wish: 'feed', name: parseFeedName(name), context: parseContextName(context) },
      ...{ sync: 'chosen', to: to === 'all' ? 'all' : [...to], sealed: false },
    } as Parameters<Trust['carryOut']>[1]);
    await this.tell(site);
    return parseFeedId((JSON.parse(answer) as { id: string }).id);
  }

  grant(subscriber: string, publisher: string, feed: string, until?: string) {
    return this.#trust.grant({ subscriber, publisher, feed, until });
  }

  ungrant(subscriber: string, publisher: string, feed: string) {
    return this.#trust.ungrant({ subscriber, publisher, feed });
  }

  revoke(name: string) {
    return this.#trust.revoke(name, 'its keys were stolen', ODCM);
  }

  async publish(site: Site, feed: FeedId, drafts: readonly Draft[]): Promise<void> {
    const { publisher } = await site.node.feeds.open(feed);
    await publisher!.publish(drafts);
  }

  /** A bundle in the drop folder; gives back its path without an ending. */
  async export(from: string, to: string, order: Partial<ExportOrder> = {}) {
    const path = join(this.folder, 'drop', `bundle-${++this.#exports}`);
    const exported = await this.tryExport(from, to, { path, ...order });
    return { path, ...exported! };
  }

  tryExport(
    from: string,
    to: string,
    order: Partial<ExportOrder> & { path: string },
  ): Promise<Exported | undefined> {
    const { gap, directory } = this.site(from).node;
    const row = directory.state.spaces.get(this.site(to).id)!;
    const base = 'nothing' as const;
    return gap.export({ to: row, base, ifNews: false, by: 'Barry', signal: NEVER, ...order });
  }
}

export const later = (days: number): number => NOW_MS + days * DAY_MS;

export const drafts = (count: number, round = 1, bytes = 20): Draft[] =>
  Array.from({ length: count }, (_, i) => ({
    item: `item ${i}`,
    body: { payload: { value: `${round}.${i}`.padEnd(bytes, 'x') } },
  }));
