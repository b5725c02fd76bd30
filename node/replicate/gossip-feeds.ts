import { decodeNote, signedOnly } from '../../protocols/checkpoint.ts';
import { asMeshError } from '../../protocols/errors.ts';
import { type Announcement, contextTopic, directoryTopic } from '../../protocols/gossip.ts';
import { type FeedId, parseOrigin, type SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import type { Carry } from '../carry/carry.ts';
import type { Clock, Timers } from '../clock.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import { takeIn } from '../feed/intake.ts';
import type { Commit } from '../feed/publisher.ts';
import type { ForkGossip } from '../fork/fork-gossip.ts';
import type { Network } from '../net/network.ts';
import { AnnouncementJudge, type AnnouncementJudgeOptions } from './announcement-judge.ts';
import { Announcer } from './announcer.ts';
import type { DirectoryFirst } from './directory-first.ts';
import type { HeldNotes } from './held-notes.ts';
import { inline } from './inline-entries.ts';
import { knowsHeads } from './known-heads.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface GossipFeedsOptions extends AnnouncementJudgeOptions {
  readonly host: Network;
  readonly subscriptions: Subscriptions;
  readonly heldNotes: HeldNotes;
  readonly forks: Pick<ForkGossip, 'judge'>;
  /** The time that trust goes by. */
  readonly trusted: Clock;
  readonly directoryFirst: Pick<DirectoryFirst, 'isSettled'>;
  readonly timers: Timers;
  readonly mayTake: (feed: FeedId) => boolean;
  readonly carry: Pick<Carry, 'copies' | 'isCopied' | 'isFetched'>;
  /** The peer that told us has something we could not take from the message alone. */
  readonly onBehind: (peerId: string, feed?: OpenFeed) => void;
  readonly onApplied: (feed: OpenFeed) => void;
}

export class GossipFeeds {
  readonly #o: GossipFeedsOptions;
  readonly #announcer: Announcer;
  readonly #work = new Set<Promise<void>>();
  readonly #judge: AnnouncementJudge;
  readonly #joined = new Set<string>();
  #isStarted = false;

  constructor(options: GossipFeedsOptions) {
    this.#o = options;
    this.#judge = new AnnouncementJudge(options);
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
      (_, message) => this.#o.forks.judge(message) ?? this.#judge.ofDirectory(message),
    );
    gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const announcement = this.#judge.accepted(detail.msg);
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
      host.gossip.topicValidators.set(topic, (_, message) => this.#judge.ofFeed(topic, message));
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
    return this.#judge.seen.newest(feed)?.signed;
  }

  /** True when gossip brought all heads that this hash of a space's presence stands for: then nobody has to be asked. */
  knows(space: SpaceId, headsHash: Buffer): boolean {
    return knowsHeads({ ...this.#o, seen: this.#judge.seen }, space, headsHash);
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
