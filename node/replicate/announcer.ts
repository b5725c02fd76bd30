// Telling: announcements of new heads of this node's own feeds, and of the directory where it is made. Batches that follow
// each other within a moment share one. Knows nothing of what others announce.

import { decodeNote } from '../../protocols/checkpoint.ts';
import { contextTopic, directoryTopic, encodeAnnouncement } from '../../protocols/gossip.ts';
import type { MeshId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Frontier } from '../../protocols/merkle.ts';
import { segmentRange } from '../../protocols/segment.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { Commit } from '../feed/publisher.ts';
import { Rate } from '../rate.ts';
import { frontierAt } from './inline-entries.ts';

export interface AnnouncerOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly publish: (topic: string, message: Buffer) => Promise<void>;
  /** Work that nobody waits for. */
  readonly run: (work: Promise<void>) => void;
}

/** Batches that wait to be announced together. */
interface Waiting {
  readonly before: Frontier;
  readonly segments: Buffer[];
  sizeBytes: number;
  note: Buffer;
  timer: TimerHandle | undefined;
}

export class Announcer {
  readonly #o: AnnouncerOptions;
  readonly #waiting = new Map<OpenFeed, Waiting>();
  readonly #flushedMs = new Map<OpenFeed, number>();
  readonly #rate: Rate;
  #isStopped = false;

  constructor(options: AnnouncerOptions) {
    this.#o = options;
    this.#rate = new Rate({
      perSecond: LIMITS.announcementsPerSecond,
      burst: LIMITS.announcementsBurst,
      clock: options.clock,
    });
  }

  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#waiting.values()) {
      if (timer) this.#o.timers.clearTimeout(timer);
    }
  }

  /** A batch of an own feed is durable: announce it, together with what follows within a moment. */
  announce(feed: OpenFeed, commit: Commit): void {
    const { directory, clock } = this.#o;
    let waiting = this.#waiting.get(feed);
    if (!waiting) {
      const { before, note } = commit;
      waiting = { before, note, segments: [], sizeBytes: 0, timer: undefined };
      this.#waiting.set(feed, waiting);
      this.#schedule(feed, waiting);
    }
    waiting.note = commit.note;
    for (const segment of commit.segments) waiting.sizeBytes += segment.length;
    // What everybody may read or nobody without a key travels with the head; of the rest others learn the head and pull.
    const mayTravel = feed.row.isSealed || directory.state.isForAll(feed.row, clock.nowMs());
    if (mayTravel && waiting.sizeBytes <= LIMITS.announcementBytes)
      waiting.segments.push(...commit.segments);
  }

  /** The first of a row goes out at once; those that follow it within a moment share an announcement. */
  #schedule(feed: OpenFeed, waiting: Waiting): void {
    const { clock, timers, run } = this.#o;
    const isFirst = clock.nowMs() - (this.#flushedMs.get(feed) ?? 0) > LIMITS.announceDelayMs;
    const flush = async () => this.#flush(feed);
    const waitMs = this.#rate.waitMs();
    // Told or not, it has its place in the row: feeds that wait together share what there is.
    this.#rate.take();
    if (isFirst && waitMs === 0) run(Promise.resolve().then(flush));
    else {
      const delayMs = Math.max(LIMITS.announceDelayMs, waitMs);
      waiting.timer = timers.setTimeout(() => run(flush()), delayMs);
    }
  }

  async #flush(feed: OpenFeed): Promise<void> {
    const waiting = this.#waiting.get(feed);
    if (!waiting || this.#isStopped) return;
    this.#waiting.delete(feed);
    this.#flushedMs.set(feed, this.#o.clock.nowMs());
    const { checkpoint } = decodeNote(waiting.note);
    const held = waiting.segments.reduce((sum, bytes) => sum + countOf(bytes), 0);
    const isWhole = waiting.before.size + held === checkpoint.size;
    // The log may have grown since: then the next announcement, already waiting, tells everything.
    if (!isWhole && feed.log.size !== checkpoint.size) return;
    const message = isWhole
      ? encodeAnnouncement(waiting.note, waiting.before, waiting.segments)
      : encodeAnnouncement(waiting.note, feed.log.frontier(), []);
    await this.#o.publish(contextTopic(this.#o.mesh, feed.row.context), message);
  }

  /** ODCM tells its newest head; entries stand in the message when they are few. */
  async announceDirectory(note: Buffer, from: number): Promise<void> {
    const { directory, mesh, publish } = this.#o;
    const { log } = directory;
    const segments: Buffer[] = [];
    let sizeBytes = 0;
    for await (const bytes of log.segments(from, log.size)) {
      sizeBytes += bytes.length;
      if (sizeBytes > LIMITS.announcementBytes) break;
      segments.push(bytes);
    }
    const isWhole = sizeBytes > 0 && sizeBytes <= LIMITS.announcementBytes;
    const before = isWhole ? await frontierAt(directory, from) : log.frontier();
    const message = encodeAnnouncement(note, before, isWhole ? segments : []);
    await publish(directoryTopic(mesh), message);
  }
}

function countOf(segment: Buffer): number {
  const { from, to } = segmentRange(segment);
  return to - from;
}
