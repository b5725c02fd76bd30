// What a node does when something happens: a connection, a change of the directory, other heads of a space, new entries of
// a feed. Tells those who watch its feeds. Starts and stops nothing.

import type { DirectoryState } from '../protocols/directory.ts';
import { asMeshError } from '../protocols/errors.ts';
import type { SpaceId } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import type { Presence } from '../protocols/presence.ts';
import type { Background } from './background.ts';
import { type Revocation, revocationsOf } from './directory/revocations.ts';
import { exposureOf } from './exposure.ts';
import type { Applied } from './feed/apply.ts';
import type { OpenFeed } from './feed/feeds.ts';
import type { Commit } from './feed/publisher.ts';
import { readEntries } from './feed/read-entries.ts';
import type { Fork } from './fork/fork-book.ts';
import { isContradicted } from './fork/suspicion.ts';
import type { MeshNode } from './node.ts';
import type { GossipFeeds } from './replicate/gossip-feeds.ts';

/** What happened in a feed, for those who watch. */
export type FeedListener = (feed: OpenFeed, applied: Applied) => void;

export interface ReactionsOptions {
  readonly node: MeshNode;
  readonly gossip: GossipFeeds;
  readonly background: Background;
}

export class Reactions {
  readonly #node: MeshNode;
  readonly #gossip: GossipFeeds;
  readonly #background: Background;
  readonly #listeners = new Set<FeedListener>();
  /** Entries of the directory whose revocations were told, and of which state of it. */
  #seen: { readonly state: DirectoryState; readonly size: number } | undefined;

  constructor({ node, gossip, background }: ReactionsOptions) {
    this.#node = node;
    this.#gossip = gossip;
    this.#background = background;
  }

  onApplied(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A batch of an own feed is durable. */
  committed(feed: OpenFeed, commit: Commit): void {
    if (this.#node.gate.isReleased(feed)) this.#gossip.announce(feed, commit);
    this.#node.reports.onGrown(feed);
    this.#background.run(this.#node.gap.deployed(feed));
    const { size } = feed.head!;
    if (this.#listeners.size > 0)
      this.#background.run(this.#tellOwn(feed, commit.before.size, size));
  }

  /** An entry of another space's feed became an item. */
  applied(feed: OpenFeed, applied: Applied): void {
    this.#tell(feed, applied);
    this.#node.reports.onGrown(feed);
  }

  #tell(feed: OpenFeed, applied: Applied): void {
    for (const listener of this.#listeners) listener(feed, applied);
  }

  /** Own publishes are not applied from the log: their events are read back for those who watch. */
  async #tellOwn(feed: OpenFeed, from: number, to: number): Promise<void> {
    for await (const { index, entry, body, item } of readEntries(feed, from, to)) {
      if (body && item !== undefined)
        this.#tell(feed, { index, entry, envelope: body.envelope, item });
    }
  }

  connected(peerId: string): void {
    const { replicator, neighbours, petitioner, directoryFirst, gate } = this.#node;
    gate.connected(peerId);
    directoryFirst.connected(peerId);
    replicator.syncSoon(peerId);
    this.#node.care.connected();
    this.#background.run(this.#askOfForks(peerId));
    if (peerId !== neighbours.odcmPeer) return;
    this.#background.run(petitioner.registerAddresses());
    this.#background.run(this.#node.rotation.resume());
  }

  /** What it knows of two histories was told to all while this node was away. */
  async #askOfForks(peerId: string): Promise<void> {
    const { replicator, forkGossip, log } = this.#node;
    try {
      const proofs = await replicator.ask(peerId, (client) => client.forks());
      for (const bytes of proofs) await forkGossip.take(bytes);
    } catch (error) {
      const { code, message } = asMeshError(error);
      log.debug({ peerId, code }, message);
    }
  }

  disconnected(peerId: string): void {
    this.#node.carriers.forget(peerId);
    this.#node.directoryFirst.disconnected(peerId);
  }

  /** The heads of a space are others than before; `via` is the peer that said so. */
  headsChanged(space: SpaceId, via: string): void {
    const { subscriptions, directory, presence, neighbours, replicator, host } = this.#node;
    const taken = [...subscriptions.all()].map((row) => row.feed);
    const followed = [...taken, ...this.#node.carrying.carry.copied()];
    const takes = followed.some((id) => directory.state.feeds.get(id)?.space === space);
    const said = presence.heard(space)?.presence.headsHash;
    if (!takes || (said && this.#gossip.knows(space, said))) return;
    const publisher = neighbours.peerOf(space);
    replicator.syncSoon(publisher && host.isConnected(publisher) ? publisher : via);
  }

  /** What the directory says anew is on the disk; it comes into force in this order. */
  directoryChanged(): void {
    const { members, directory, host, home, intent, feeds } = this.#node;
    // The gate, the scores of gossip and all that is served ask the members: a space that is shut out is refused from here on …
    members.update(directory.state);
    // … its connections end, with what is under way on them …
    for (const peerId of host.connectedPeers()) {
      if (members.isRevoked(peerId)) this.#background.run(this.#expel(peerId));
    }
    // … and what it signed beyond its end no longer counts.
    this.#background.run(feeds.cutOff());
    this.#background.run(this.#followEpochs());
    this.#lookWhoIsListed();
    this.#tellOfRevocations();
    this.#background.run(this.#node.rotation.directoryChanged());
    this.#gossip.joinContexts();
    // Who may read a sealed feed no more gets no key for what comes next.
    this.#node.rekeying.soon();
    this.#node.carrying.carry.lookSoon();
    if (home.config.acceptForced) this.#background.run(intent.acceptForced());
    intent.catchUpWithGrants();
  }

  /** Somebody else may have had other addresses written down for this space: then another machine has its key. */
  #lookWhoIsListed(): void {
    const { directory, home, keyUse, petitioner } = this.#node;
    const listed = directory.state.spaces.get(home.config.space)?.addresses ?? [];
    const own = this.#node.addresses().slice(0, LIMITS.addresses);
    if (directory.isBehind || own.length === 0) return;
    if (keyUse.see(listed, own)) this.#background.run(petitioner.registerAddresses());
  }

  /** Feeds that the directory lets go on: of an own one, the point where it does is told at once. */
  async #followEpochs(): Promise<void> {
    const { feeds, gate, host, replicator, carrying } = this.#node;
    const moved = await feeds.followEpochs();
    for (const feed of moved) {
      if (feed.publisher) gate.release(feed);
      else await carrying.carry.copies.shortened(feed);
    }
    if (moved.length > 0) for (const peerId of host.connectedPeers()) replicator.syncSoon(peerId);
  }

  /** A fork was proven, here or elsewhere: from now on its log is frozen. */
  forked({ origin, proof }: Fork): void {
    const { directory, log, host, replicator } = this.#node;
    const sizes = proof.notes.map(({ checkpoint }) => checkpoint.size);
    if (origin === directory.origin) directory.isFrozen = true;
    log.error({ origin, sizes }, 'two histories under one key are proven: the log is frozen');
    // A space of which a second one may exist gets no key for what comes next.
    this.#node.rekeying.soon();
    // Whoever holds the other history can show how much of it is here, too.
    for (const peerId of host.connectedPeers()) replicator.syncSoon(peerId);
  }

  /** A statement of any space: of this one, somebody else may have made it; and ODCM may show others another directory. */
  heard(presence: Presence, via: string): void {
    const { keyUse, directory, neighbours, host, replicator, home } = this.#node;
    keyUse.hear(presence);
    const { size, root } = presence.directory;
    if (presence.space === home.config.space || directory.refusal) return;
    this.#background.run(
      isContradicted(directory.log, { checkpoint: { size, root } }).then((is) => {
        if (!is) return;
        const peer = neighbours.peerOf(presence.space);
        replicator.syncSoon(peer && host.isConnected(peer) ? peer : via);
      }),
    );
  }

  async #expel(peerId: string): Promise<void> {
    const { host, log, members } = this.#node;
    await host.expel(peerId);
    const space = members.spaceOf(peerId)?.name;
    log.info({ space, peerId }, 'a space that was shut out is connected no more');
  }

  /** Says to others that it is in force here, and to the operator what is left to do. */
  #tellOfRevocations(): void {
    const { directory, presence } = this.#node;
    const { state } = directory;
    const { state: last, size } = this.#seen ?? { state, size: state.size };
    // In a new epoch other entries stand behind the point that it continues from.
    const from = last === state ? size : Math.min(size, directory.epoch?.continues.size ?? size);
    this.#seen = { state, size: state.size };
    const news = revocationsOf(state, LIMITS.revocationsShown, from);
    if (news.length === 0) return;
    presence.speakSoon();
    for (const one of news) this.#background.run(this.#tellWhatToChange(one));
  }

  async #tellWhatToChange({ space: id, entry, kind }: Revocation): Promise<void> {
    const { directory, home, log } = this.#node;
    const space = id === '*' ? undefined : directory.state.spaces.get(id);
    if (!space || space.id === home.config.space) return;
    const { readable, sensitive } = await exposureOf(this.#node, space);
    const what = kind === 'space' ? 'is shut out of the mesh' : 'has lost a grant';
    const next =
      readable === 0
        ? ''
        : `; change what it could read at its source: odcm exposure ${space.name}`;
    log.warn({ space: space.name, entry, readable, sensitive }, `${space.name} ${what}${next}`);
  }
}
