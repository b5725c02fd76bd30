// ODCM's pen: writes events into the directory log, each durable, signed by the directory key and dated by the timestamp
// key before it is answered. One thing at a time: appending and dating again both move the head of the same log.

import type { KeyObject } from 'node:crypto';
import { cosign, decodeNote, type Signer, signCheckpointBy } from '../../protocols/checkpoint.ts';
import type { Context } from '../../protocols/contexts.ts';
import {
  checkDirectoryEvent,
  type DirectoryEvent,
  type DirectoryPayload,
} from '../../protocols/directory-events.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  type FeedName,
  parseContextName,
  parseFeedName,
  type SpaceName,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, Random } from '../clock.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Draft, Published } from '../feed/batch.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { FeedLog } from '../feed/log.ts';
import { type Commit, Publisher } from '../feed/publisher.ts';
import { FeedView } from '../feed/view.ts';
import { signerOf } from '../rotate/own-keys.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { Directory } from './directory.ts';
import { encodeSnapshot, SNAPSHOT_BYTES } from './snapshot.ts';

/** In the envelopes of directory events, in place of the name of a feed. */
export const DIRECTORY_FEED: FeedName = parseFeedName('directory');
export const DIRECTORY_CONTEXT: Context = {
  name: parseContextName('directory'),
  noun: 'Directory',
  content: 'json',
};
/** What an envelope adds to its payload. */
const ENVELOPE_BYTES = 1024;

export interface DirectoryWriterOptions {
  readonly directory: Directory;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly directoryKey: KeyObject;
  readonly timestampKey: KeyObject;
  /** Name of the ODCM space. */
  readonly space: SpaceName;
  readonly clock: Clock;
  readonly random: Random;
  /** True while this machine's clock was set back: nothing is issued then. */
  readonly isClockRegressed?: () => boolean;
  /** Throws while another history could come of what is written; waits while that is being found out. */
  readonly mayWrite?: () => Promise<void>;
  /** What was added, with the dated note; called once it is folded into the directory's state. */
  readonly onAppended?: (commit: Commit) => void;
}

export interface WriterKeys {
  readonly directory: readonly KeyObject[];
  readonly timestamp: readonly KeyObject[];
}

export class DirectoryWriter {
  readonly #o: DirectoryWriterOptions;
  #publisher: Publisher;
  /** Of which epoch the publisher and the dated head are. */
  #log: FeedLog;
  #keys: WriterKeys;
  #signers: readonly Signer[] = [];
  #timeSigners: readonly Signer[] = [];
  #commit: Commit | undefined;
  #dated: Buffer | undefined;
  #silence: MeshError | undefined;
  readonly #turn = new Turn();

  private constructor(options: DirectoryWriterOptions, view: FeedView) {
    const { directory, directoryKey, timestampKey } = options;
    this.#o = options;
    this.#keys = { directory: [directoryKey], timestamp: [timestampKey] };
    this.#makeSigners();
    this.#log = directory.log;
    this.#publisher = this.#publisherOf(directory.log, view);
  }

  #publisherOf(log: FeedLog, view: FeedView): Publisher {
    return new Publisher({
      ...this.#o,
      view,
      log,
      origin: this.#o.directory.origin,
      signers: () => this.#speaking,
      feedId: null,
      feed: DIRECTORY_FEED,
      context: DIRECTORY_CONTEXT,
      onCommitted: (commit) => {
        this.#commit = commit;
      },
    });
  }

  static async open(options: DirectoryWriterOptions): Promise<DirectoryWriter> {
    return new DirectoryWriter(options, await openView(options));
  }

  /** From the next head on these sign: while the root names two keys, both do, so that no version of it is left out. */
  signWith(keys: WriterKeys): void {
    this.#keys = keys;
    this.#silence = undefined;
    this.#makeSigners();
  }

  #makeSigners(): void {
    const { origin } = this.#o.directory;
    const keys = this.#keys;
    this.#signers = keys.directory.map((key) => signerOf(origin, key));
    this.#timeSigners = keys.timestamp.map((key) => signerOf(origin, key));
  }

  /** The root in force names none of the keys that are here, as in a copy of ODCM's folder: nothing is signed. */
  keepSilent(why: MeshError): void {
    this.#silence = why;
  }

  /** Whoever signs. @throws why it must not */
  get #speaking(): readonly Signer[] {
    if (this.#silence) throw this.#silence;
    return this.#signers;
  }

  /**
   * Writes one event; when this resolves it is durable, dated and folded into the directory's state.
   * @param subject what it is about, `space/UUID`: an event that says of its subject what the last one said is not written
   */
  async append<E extends DirectoryEvent>(
    event: E,
    payload: DirectoryPayload<E>,
    subject: string,
  ): Promise<Published> {
    const [published] = await this.appendAll([directoryDraft(event, payload, subject)]);
    return published!;
  }

  /** The same for up to {@link LIMITS.batchEntries} events that belong together: all of them are written, or none. */
  async appendAll(drafts: readonly Draft[]): Promise<Published[]> {
    await this.#o.mayWrite?.();
    return this.#turn.take(async () => {
      this.#requireSound();
      return this.#write(drafts);
    });
  }

  async #write(drafts: readonly Draft[]): Promise<Published[]> {
    await this.#follow();
    this.#commit = undefined;
    const published = await this.#publisher.publish(drafts);
    await this.#date();
    if (this.#commit) this.#o.onAppended?.({ ...(this.#commit as Commit), note: this.note });
    return published;
  }

  /** The root may have opened an epoch that has begun elsewhere: what is written belongs there from then on. */
  async #follow(): Promise<void> {
    while (this.#log !== this.#o.directory.log) {
      const { log } = this.#o.directory;
      this.#publisher = this.#publisherOf(log, await openView(this.#o));
      this.#makeSigners();
      this.#dated = undefined;
      this.#log = log;
    }
  }

  /**
   * Says that the directory as it is, is still the newest. Done at every start too: a process that was killed may have
   * left an entry without its date. Resolves to the dated note.
   */
  async renew(): Promise<Buffer> {
    await this.#o.mayWrite?.();
    return this.#turn.take(async () => {
      this.#requireSound();
      await this.#follow();
      await this.#date();
      return this.note;
    });
  }

  /**
   * Writes the first entries of the epoch that the root has opened, all at once: until they are there, what was in force
   * before stays in force everywhere, so that what they take away again was never given back.
   */
  async begin(drafts: readonly Draft[]): Promise<Published[]> {
    await this.#o.mayWrite?.();
    const { directory } = this.#o;
    return this.#turn.take(async () => {
      const { epoch, isWaiting, refusal } = directory;
      const refused = refusal ?? this.#silence;
      if (refused) throw refused;
      if (!epoch || !isWaiting)
        throw new MeshError('USAGE', 'no epoch of the directory waits for its first entry');
      if (directory.log.size < epoch.continues.size)
        throw new MeshError('BUSY', 'not all entries that the epoch continues from are here', {
          next: 'Try again when a member that has them is connected: odcm spaces',
        });
      this.#requireClock();
      const first = { epoch: epoch.epoch, entries: drafts.length + 1 };
      const marker = directoryDraft('DirectoryEpochStartedV1Event', first, 'directory');
      return this.#write([marker, ...drafts]);
    });
  }

  /** What would be dated before what is there already, is never signed; nor is a third history, or more of one of two. */
  #requireSound(): void {
    const { refusal, isWaiting } = this.#o.directory;
    const refused = refusal ?? this.#silence;
    if (refused) throw refused;
    if (isWaiting)
      throw new MeshError('BUSY', 'the directory goes on in a new epoch, which has not begun', {
        next: 'Let it begin, at ODCM: odcm directory continue',
      });
    this.#requireClock();
  }

  #requireClock(): void {
    if (!this.#o.isClockRegressed?.()) return;
    throw new MeshError('CLOCK_REGRESSED', 'the clock of ODCM was set back: nothing is issued');
  }

  /** The newest head that was dated: while an entry is being written, still the one before it. */
  get note(): Buffer {
    const { log, isWaiting } = this.#o.directory;
    return (this.#log === log || isWaiting ? this.#dated : undefined) ?? this.#newest;
  }

  get #newest(): Buffer {
    const { note } = this.#o.directory.log;
    if (note) return note;
    throw new MeshError('STORE_MISSING', 'the directory has no entry yet');
  }

  /** The note with the timestamp key's word, in place of older ones, that it is the newest at this time. */
  timestamp(note: Uint8Array, nowMs: number): Buffer {
    // Signed anew, too: what was signed by keys of an earlier root would not outlive them.
    let dated = signCheckpointBy(decodeNote(note).checkpoint, this.#speaking);
    for (const { key, privateKey } of this.#timeSigners)
      dated = cosign(decodeNote(dated), key, privateKey, Math.floor(nowMs / 1000));
    return dated;
  }

  /** The directory for a node that joins, or the longest part of its beginning that fits, signed as what it is. */
  snapshot(maxBytes = SNAPSHOT_BYTES): Promise<Buffer> {
    const { directory } = this.#o;
    return this.#turn.take(async () => {
      if (this.#silence) throw this.#silence;
      if (!directory.isWaiting) await this.#follow();
      return encodeSnapshot(directory.log, this.note, maxBytes, (size, root) =>
        signCheckpointBy({ origin: directory.origin, size, root }, this.#speaking),
      );
    });
  }

  /** Waits until nothing is being written. */
  async idle(): Promise<void> {
    await this.#turn.idle();
  }

  async #date(): Promise<void> {
    const { directory, clock } = this.#o;
    await directory.log.refresh();
    const dated = this.timestamp(this.#newest, clock.nowMs());
    crashpoint('directory.before-date');
    await directory.adoptOwn(dated);
    crashpoint('directory.after-date');
    this.#dated = dated;
  }
}

function openView({ directory, views, blocks, space }: DirectoryWriterOptions): Promise<FeedView> {
  const identity = { space, feed: DIRECTORY_FEED, context: DIRECTORY_CONTEXT };
  return FeedView.open(views, directory.log, blocks, identity);
}

/** An event as {@link DirectoryWriter.appendAll} takes it; what would be passed over by others is refused here. */
export function directoryDraft<E extends DirectoryEvent>(
  event: E,
  payload: DirectoryPayload<E>,
  subject: string,
): Draft {
  const body = { payload: checkDirectoryEvent(event, payload) };
  // Entries of the directory carry their records: a larger one could not be read where it is needed.
  const sizeBytes = Buffer.byteLength(JSON.stringify(payload)) + ENVELOPE_BYTES;
  if (sizeBytes <= LIMITS.inlineRecordBytes) return { item: subject, type: event, body };
  throw new MeshError('TOO_LARGE', `the ${event} of ${subject} does not fit into the directory`);
}
