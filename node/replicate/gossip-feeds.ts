// Gossip of heads: takes in what others tell of their feeds and of the directory; telling is the announcer's.
// The validator checks what any relay could have checked before it passed a message on; only then is it used.

import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { type Checkpoint, decodeNote, signedOnly } from '../../protocols/checkpoint.ts';
import { asMeshError, type Code } from '../../protocols/errors.ts';
import {
  type Announcement,
  contextTopic,
  decodeAnnouncement,
  directoryTopic,
  verifyInline,
} from '../../protocols/gossip.ts';
import {
  type FeedId,
  feedOrigin,
  type MeshId,
  parseOrigin,
  type SpaceId,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import type { Carry } from '../carry/carry.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import { takeIn } from '../feed/intake.ts';
import type { Commit } from '../feed/publisher.ts';
import type { ForkGossip } from '../fork/fork-gossip.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { Rate } from '../rate.ts';
import { Announcer } from './announcer.ts';
import type { DirectoryFirst } from './directory-first.ts';
import type { HeldNotes } from './held-notes.ts';
import { inline, logOf } from './inline-entries.ts';
import { knowsHeads } from './known-heads.ts';
import { PROVABLE } from './provable.ts';
import { SeenHeads } from './seen-heads.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface GossipFeedsOptions {
  readonly host: Network;
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly subscriptions: Subscriptions;
  readonly heldNotes: HeldNotes;
  readonly forks: Pick<ForkGossip, 'judge'>;
  readonly clock: Clock;
  /** The time that trust goes by. */
  readonly trusted: Clock;
  readonly directoryFirst: Pick<DirectoryFirst, 'isSettled'>;
  readonly timers: Timers;
  readonly log: Log;
  readonly mayTake: (feed: FeedId) => boolean;
  readonly carry: Pick<Carry, 'copies' | 'isCopied' | 'isFetched'>;
  readonly onRefused: (code: Code) => void;
  /** The peer that told us has something we could not take from the message alone. */
  readonly onBehind: (peerId: string, feed?: OpenFeed) => void;
  readonly onApplied: (feed: OpenFeed) => void;
}

export class GossipFeeds {
  readonly #o: GossipFeedsOptions;
  readonly #announcer: Announcer;
  readonly #work = new Set<Promise<void>>();
  /** What the validator took apart, for the listener that follows it with the same message. */
  readonly #valid = new WeakMap<object, Announcement>();
  readonly #seen = new SeenHeads();
  readonly #rates = new Map<SpaceId, Rate>();
  readonly #joined = new Set<string>();
  #isStarted = false;

  constructor(options: GossipFeedsOptions) {
    this.#o = options;
    const { host, mesh, directory, clock, timers } = options;
    this.#announcer = new Announcer({
      ...{ mesh, directory, clock, timers, run: (work) => this.#run(work) },
      publish: (topic, message) => host.gossip.publish(topic, message).then(() => {}),
    });
  }

  /** Joins the topics of the directory and of every context. */
  start(): void {
    const { host, mesh } = this.#o;
    const { gossip } = host;
    const ofDirectory = directoryTopic(mesh);
    gossip.topicValidators.set(
      ofDirectory,
      (_, message) => this.#o.forks.judge(message) ?? this.#judgeDirectory(message),
    );
    gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const announcement = this.#valid.get(detail.msg);
      if (!announcement) return;
      const from = detail.propagationSource.toString();
      this.#run(
        detail.msg.topic === ofDirectory
          ? this.#takeDirectory(announcement, from)
          : this.#takeFeed(announcement, from),
      );
    });
    gossip.subscribe(ofDirectory);
    this.#isStarted = true;
    this.joinContexts();
  }

  /** Joins the topics of contexts that it has not joined yet: the directory may have brought some. */
  joinContexts(): void {
    if (!this.#isStarted) return;
    const { host, mesh, directory } = this.#o;
    for (const context of directory.state.contexts.keys()) {
      const topic = contextTopic(mesh, context);
      if (this.#joined.has(topic)) continue;
      this.#joined.add(topic);
      host.allowTopic?.(topic);
      host.gossip.topicValidators.set(topic, (_, message) => this.#judgeFeed(topic, message));
      host.gossip.subscribe(topic);
    }
  }

  async stop(): Promise<void> {
    this.#announcer.stop();
    await Promise.allSettled(this.#work);
  }

  #run(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        const { code, message } = asMeshError(error);
        this.#o.onRefused(code);
        this.#o.log.warn({ code }, message);
      })
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  announce(feed: OpenFeed, commit: Commit): void {
    this.#announcer.announce(feed, commit);
  }

  announceDirectory(note: Buffer, from: number): Promise<void> {
    return this.#announcer.announceDirectory(note, from);
  }

  /** What was held may go: everybody learns the newest head. */
  announceHeld(feed: OpenFeed): void {
    const { head, headNote, log } = feed;
    if (!head || !headNote || head.size !== log.size) return;
    const held = { note: headNote, checkpoint: head, before: log.frontier(), segments: [] };
    this.#announcer.announce(feed, held);
  }

  /** The newest head that was heard of a feed, also of one that is not taken. */
  heardNote(feed: FeedId): Buffer | undefined {
    return this.#seen.newest(feed)?.signed;
  }

  /** True when gossip brought all heads that this hash of a space's presence stands for: then nobody has to be asked. */
  knows(space: SpaceId, headsHash: Buffer): boolean {
    return knowsHeads({ ...this.#o, seen: this.#seen }, space, headsHash);
  }

  #judgeFeed(topic: string, message: Message): TopicValidatorResult {
    return this.#judge(message, (announcement) => {
      const { mesh, directory, feeds } = this.#o;
      const { origin } = announcement.note.checkpoint;
      const parts = parseOrigin(origin);
      const id = parts.log.slice('feed-'.length) as FeedId;
      const row = directory.state.feeds.get(id);
      // A relay may know a newer directory than this node: unknown is no offence.
      if (!row || origin !== feedOrigin(mesh, row.space, id, row.epoch))
        return TopicValidatorResult.Ignore;
      if (contextTopic(mesh, row.context) !== topic) return TopicValidatorResult.Reject;
      // What it signs is accepted nowhere any more; a relay that has not heard of that yet does no wrong.
      if (directory.state.spaces.get(row.space)?.revoked) return TopicValidatorResult.Ignore;
      // Old heads are signed as well as new ones: whoever plays them back must not keep the mesh busy.
      const { checkpoint } = announcement.note;
      const feed = feeds.peek(id);
      if (feed && isBehind(feed, checkpoint)) return TopicValidatorResult.Ignore;
      if (this.#seen.isOld(id, checkpoint)) return TopicValidatorResult.Ignore;
      // Only what is genuine counts: nobody can use up the rate of another. What is passed over here, presence shows.
      const rate = this.#rateOf(row.space);
      if (rate.waitMs() > 0) return TopicValidatorResult.Ignore;
      directory.verifyFeedNote(announcement.note, row, origin);
      rate.take();
      this.#verifyEntries(announcement);
      this.#seen.note(id, checkpoint, announcement.note.bytes);
      return TopicValidatorResult.Accept;
    });
  }

  #rateOf(space: SpaceId): Rate {
    let rate = this.#rates.get(space);
    if (!rate) {
      const { headsPerSecond: perSecond, headsBurst: burst } = LIMITS;
      rate = new Rate({ perSecond, burst, clock: this.#o.clock });
      this.#rates.set(space, rate);
    }
    return rate;
  }

  #judgeDirectory(message: Message): TopicValidatorResult {
    return this.#judge(message, (announcement) => {
      const { directory } = this.#o;
      if (announcement.note.checkpoint.origin !== directory.origin)
        return TopicValidatorResult.Ignore;
      const { verdict } = directory.judge(announcement.note.bytes);
      if (verdict === 'known' || verdict === 'held') return TopicValidatorResult.Ignore;
      this.#verifyEntries(announcement);
      return TopicValidatorResult.Accept;
    });
  }

  #verifyEntries(announcement: Announcement): void {
    if (announcement.segments.length > 0) verifyInline(announcement, logOf(announcement));
  }

  /** Rejecting costs the peer that passed the message on: only for what it could have checked itself. */
  #judge(
    message: Message,
    check: (announcement: Announcement) => TopicValidatorResult,
  ): TopicValidatorResult {
    try {
      const announcement = decodeAnnouncement(message.data);
      const verdict = check(announcement);
      if (verdict === TopicValidatorResult.Accept) this.#valid.set(message, announcement);
      return verdict;
    } catch (error) {
      const { code, message: what } = asMeshError(error);
      this.#o.onRefused(code);
      this.#o.log.debug({ code }, what);
      return PROVABLE.has(code) ? TopicValidatorResult.Reject : TopicValidatorResult.Ignore;
    }
  }

  async #takeDirectory(announcement: Announcement, from: string): Promise<void> {
    const { directory, onBehind } = this.#o;
    const { verdict } = directory.judge(announcement.note.bytes);
    const isNext =
      announcement.segments.length > 0 && announcement.frontier.size <= directory.log.size;
    if (verdict === 'newer' && !isNext) onBehind(from);
    else await directory.accept(announcement.note.bytes, inline(announcement));
  }

  async #takeFeed(announcement: Announcement, from: string): Promise<void> {
    const { feeds, subscriptions, heldNotes, mayTake, carry, onBehind, onApplied } = this.#o;
    const { origin, size } = announcement.note.checkpoint;
    const id = parseOrigin(origin).log.slice('feed-'.length) as FeedId;
    const row = subscriptions.get(id);
    const isCopied = carry.isCopied(id);
    if (!isCopied && !(row && mayTake(id))) return;
    const isTaken = isCopied ? carry.isFetched(id) : row?.mode === 'auto' && row.via === 'gossip';
    const feed = await feeds.open(id);
    // The directory before data: its publisher may be shut out by now.
    if (!this.#o.directoryFirst.isSettled(from)) {
      if (isTaken) onBehind(from, feed);
      return;
    }
    const keys = this.#o.directory.feedKeys(feed.row, feed.origin);
    const note = decodeNote(signedOnly(announcement.note, keys));
    const { checkpoint } = note;
    const isNewer = await feeds.adoptHead(feed, note);
    const isInline =
      announcement.segments.length > 0 && feed.intake.waiting <= LIMITS.announcementsWaiting;
    if (!isTaken || !isInline) {
      if (isNewer) {
        await heldNotes.keep(feed.log, size);
        await feed.log.setNote(note.bytes, false);
      }
      if (isTaken) onBehind(from, feed);
      return;
    }
    await feed.intake.take(async () => {
      if (feed.log.size >= size || announcement.frontier.size > feed.log.size) return;
      // Where the epoch begins must be here before anything is put on top of it.
      if (feed.log.size < (feed.row.continues?.size ?? 0)) return;
      const { log, view, id: feedId } = feed;
      const onVerified = async (run: readonly Verified[], stored: Promise<void>) => {
        await view.take(run, stored);
      };
      const source = inline(announcement);
      const taken = isCopied
        ? carry.copies.take(feed, { checkpoint, note: note.bytes, source })
        : takeIn({ log, feedId, checkpoint, note: note.bytes, source, onVerified });
      await taken.catch((error: unknown) => {
        // What is held may be another history: whoever has this one can prove it.
        onBehind(from, feed);
        throw error;
      });
    });
    if (isCopied) {
      if (feed.log.size < size || carry.copies.whole(feed) < feed.log.size) onBehind(from, feed);
      return;
    }
    // Not only for what came just now: entries before it may have waited for a block that is here by now.
    const missing = feed.view.isLevel ? [] : await feed.view.catchUp();
    onApplied(feed);
    if (feed.log.size < size || missing.length > 0) onBehind(from, feed);
  }
}

/** True when the head is older than what is held or known of the feed, or is the newest one itself. */
function isBehind({ head, log }: OpenFeed, { size, root }: Checkpoint): boolean {
  const known = Math.max(log.size, head?.size ?? 0);
  return size < known || (size === head?.size && head.root.equals(root));
}
