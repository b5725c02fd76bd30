// A sealed feed without a network: a publisher and readers, each with databases of their own in memory, and who may read it as
// the test says. What readers hold was verified on its way in, as everywhere.

import { createSecretKey, randomBytes } from 'node:crypto';
import type { Applied } from '../../../node/feed/apply.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { takeIn } from '../../../node/feed/intake.ts';
import { KeyRing } from '../../../node/feed/key-ring.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import { Opener } from '../../../node/feed/opener.ts';
import { type Commit, Publisher } from '../../../node/feed/publisher.ts';
import type { Readers } from '../../../node/feed/readers.ts';
import { Sealer } from '../../../node/feed/sealer.ts';
import { FeedView } from '../../../node/feed/view.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { BUILT_IN_CONTEXTS, type Context } from '../../../protocols/contexts.ts';
import { deriveKeyPair } from '../../../protocols/hpke.ts';
import {
  parseFeedName,
  parseOrigin,
  parseSpaceId,
  parseSpaceName,
  type SpaceId,
} from '../../../protocols/ids.ts';
import { exchangeKeyId } from '../../../protocols/share-key.ts';
import type { SealScope } from '../../../protocols/signable.ts';
import { FEED_BYTES, KEY, LOG_KEY, ORIGIN } from '../../protocols/sample-log.ts';
import { VirtualTime } from '../virtual-time.ts';

const { mesh, space } = parseOrigin(ORIGIN);
export const SCOPE: SealScope = { mesh, publisher: space, feed: FEED_BYTES };

const IDENTITY = {
  space: parseSpaceName('library'),
  feed: parseFeedName('variables/base'),
  context: BUILT_IN_CONTEXTS.find((c) => c.name === 'variables')!,
};

/** Above the number of the publisher. */
let made = 0x100;

export class Party {
  readonly space: SpaceId;
  readonly exchange = deriveKeyPair(randomBytes(32));
  readonly localKey = createSecretKey(randomBytes(32));
  readonly logs = new MemoryStore();
  views = new MemoryStore();
  readonly blockStore = new MemoryStore();
  readonly blocks = new Blocks(this.blockStore);
  readonly applied: Applied[] = [];
  log!: FeedLog;
  ring!: KeyRing;
  opener!: Opener;
  view!: FeedView;

  constructor(id?: SpaceId) {
    const number = (++made).toString(16).padStart(12, '0');
    this.space = id ?? parseSpaceId(`0199b7c2-1f00-4000-8000-${number}`);
  }

  /** Also again, as after a restart. */
  async open(context: Context = IDENTITY.context): Promise<this> {
    this.log = await FeedLog.open(this.logs, FEED_BYTES);
    const { logs, views, blocks, log } = this;
    const secrets = {
      exchangeKeys: () => Promise.resolve([this.exchange.privateKey]),
      localKey: () => Promise.resolve(this.localKey),
    };
    const random = { bytes: (count: number) => randomBytes(count) };
    this.ring = await KeyRing.open({ logs, views, blocks, log, scope: SCOPE, secrets, random });
    this.opener = new Opener({ ring: this.ring, log, blocks });
    const tell = (one: Applied) => this.applied.push(one);
    const identity = { ...IDENTITY, context };
    this.view = await FeedView.open(views, log, blocks, identity, tell, this.opener);
    return this;
  }

  /** Names, versions and epochs of all items. */
  async rows(): Promise<string[]> {
    const out: string[] = [];
    for await (const { name, version, keyEpoch } of this.view.list({ withWithdrawn: true }))
      out.push(`${name} v${version} e${keyEpoch}`);
    return out;
  }
}

export interface Grantee {
  readonly party: Party;
  readonly withHistory?: boolean;
}

export class SealedFeed {
  readonly owner = new Party(space);
  readonly time = new VirtualTime();
  readonly commits: Commit[] = [];
  granted: Grantee[] = [];
  publisher!: Publisher;
  sealer!: Sealer;
  readonly #context: Context;

  private constructor(context: Context) {
    this.#context = context;
  }

  static async open(
    granted: readonly Party[] = [],
    context = IDENTITY.context,
  ): Promise<SealedFeed> {
    const feed = new SealedFeed(context);
    feed.granted = granted.map((party) => ({ party }));
    await feed.start();
    return feed;
  }

  /** Also again, as after a restart. */
  async start(): Promise<void> {
    const { owner, time } = this;
    await owner.open(this.#context);
    const random = { bytes: (count: number) => randomBytes(count) };
    const { ring, log, view, blocks, opener } = owner;
    const readers = () => this.#readers();
    this.sealer = new Sealer({ ring, log, readers, trusted: time, random });
    this.publisher = new Publisher({
      ...IDENTITY,
      ...{ context: this.#context, log, view, blocks, origin: ORIGIN, feedId: FEED_BYTES, random },
      signers: () => [{ key: LOG_KEY, privateKey: KEY.privateKey }],
      clock: time,
      sealing: { sealer: this.sealer, opener },
      onCommitted: (commit) => this.commits.push(commit),
    });
  }

  #readers(): Readers {
    const everybody = [{ party: this.owner, withHistory: true }, ...this.granted];
    const all = everybody.map(({ party, withHistory = false }) => {
      const exchangeKey = party.exchange.raw;
      const keyId = exchangeKeyId(exchangeKey).toString('hex');
      return { space: party.space, exchangeKey, keyId, withHistory };
    });
    const known = [this.owner, ...parties];
    const owners = new Map(known.map((p) => [idOf(p), p.space]));
    return { all, untilMs: Number.POSITIVE_INFINITY, ownerOf: (keyId) => owners.get(keyId) };
  }

  /** Brings a reader to the newest head, blocks included; carriers get the same. */
  async deliver(to: Party, { withBlocks = true } = {}): Promise<void> {
    const { log, blockStore } = this.owner;
    const { checkpoint, note } = this.commits.at(-1)!;
    const source = {
      hashes: (level: number, from: number, end: number) => log.hashes(level, from, end),
      entries: (from: number, end: number) => log.segments(from, end),
    };
    if (withBlocks) {
      for await (const { key, value } of blockStore.range({}))
        await to.blockStore.write([{ type: 'put', key, value }]);
    }
    await takeIn({ log: to.log, feedId: FEED_BYTES, checkpoint, note, source });
    await to.view.catchUp();
  }
}

/** Everybody that a directory would know. */
const parties = new Set<Party>();
const idOf = (party: Party) => exchangeKeyId(party.exchange.raw).toString('hex');

export async function newParty(): Promise<Party> {
  const party = await new Party().open();
  parties.add(party);
  return party;
}

/** Every byte of a database. */
export async function dump(store: MemoryStore): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { key, value } of store.range({})) parts.push(key, value);
  return Buffer.concat(parts);
}
