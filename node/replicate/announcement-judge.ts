// The validator of announcements: checks what any relay could have checked before it passed a message on; only then is it
// used. Changes nothing but what was seen and how often.

import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import type { Checkpoint } from '../../protocols/checkpoint.ts';
import { asMeshError, type Code } from '../../protocols/errors.ts';
import {
  type Announcement,
  contextTopic,
  decodeAnnouncement,
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
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { Log } from '../log.ts';
import { Rate } from '../rate.ts';
import { logOf } from './inline-entries.ts';
import { PROVABLE } from './provable.ts';
import { SeenHeads } from './seen-heads.ts';

export interface AnnouncementJudgeOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRefused: (code: Code) => void;
}

export class AnnouncementJudge {
  readonly seen = new SeenHeads();
  readonly #o: AnnouncementJudgeOptions;
  /** What was taken apart here, for the listener that follows with the same message. */
  readonly #valid = new WeakMap<object, Announcement>();
  readonly #rates = new Map<SpaceId, Rate>();

  constructor(options: AnnouncementJudgeOptions) {
    this.#o = options;
  }

  accepted(message: object): Announcement | undefined {
    return this.#valid.get(message);
  }

  /** On the topic of a context. */
  ofFeed(topic: string, message: Message): TopicValidatorResult {
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
      if (this.seen.isOld(id, checkpoint)) return TopicValidatorResult.Ignore;
      // Only what is genuine counts: nobody can use up the rate of another. What is passed over here, presence shows.
      const rate = this.#rateOf(row.space);
      if (rate.waitMs() > 0) return TopicValidatorResult.Ignore;
      directory.verifyFeedNote(announcement.note, row, origin);
      rate.take();
      this.#verifyEntries(announcement);
      this.seen.note(id, checkpoint, announcement.note.bytes);
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

  /** On the topic of the directory. */
  ofDirectory(message: Message): TopicValidatorResult {
    return this.#judge(message, (announcement) => {
      const { directory } = this.#o;
      const { origin } = announcement.note.checkpoint;
      if (origin !== directory.origin) {
        directory.heardOf(origin);
        return TopicValidatorResult.Ignore;
      }
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
}

/** True when the head is older than what is held or known of the feed, or is the newest one itself. */
function isBehind({ head, log }: OpenFeed, { size, root }: Checkpoint): boolean {
  const known = Math.max(log.size, head?.size ?? 0);
  return size < known || (size === head?.size && head.root.equals(root));
}
