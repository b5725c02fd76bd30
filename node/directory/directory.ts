// The directory as a node follows it: ODCM's log in the store, folded into state, with the age of that knowledge.
// Works from the copy it has; who brings newer entries does not matter, their signature does.

import { type Checkpoint, decodeNote, type LogKey, type Note } from '../../protocols/checkpoint.ts';
import { DirectoryState, type FeedRow } from '../../protocols/directory.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { directoryOrigin, type MeshId, type Origin } from '../../protocols/ids.ts';
import { Frontier } from '../../protocols/merkle.ts';
import type { DirectoryHead } from '../../protocols/presence.ts';
import type { Root } from '../../protocols/root.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { type EntrySource, takeIn } from '../feed/intake.ts';
import { FeedLog } from '../feed/log.ts';
import { type Donor, mendLog } from '../feed/mend-log.ts';
import { isRot } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { DirectoryCopy } from './copy.ts';
import { FeedKeys } from './feed-keys.ts';
import type { DirectoryAge } from './freshness.ts';
import { DirectorySigners } from './signers.ts';
import { Vouched, type VouchedOptions } from './vouched.ts';

export type { DirectoryAge } from './freshness.ts';

/** What a head of the directory is to a node. */
export type HeadVerdict = 'newer' | 'time' | 'known' | 'held';

export interface DirectoryOptions extends VouchedOptions {
  readonly root: Root;
  readonly mesh: MeshId;
  /** This node writes the directory: nobody else has its newest entry for sure. */
  readonly isWriter?: boolean;
  /** Where a second copy is kept. */
  readonly copy?: DirectoryCopy | undefined;
}

const EMPTY_ROOT = new Frontier().root();

export class Directory {
  readonly origin: Origin;
  readonly log: FeedLog;
  readonly #o: DirectoryOptions;
  readonly #listeners = new Set<() => void>();
  readonly #turn = new Turn();
  #state = new DirectoryState();
  readonly #signers: DirectorySigners;
  readonly #feedKeys: FeedKeys;
  readonly #vouched: Vouched;
  #applied = { size: 0, root: EMPTY_ROOT };
  /** Size of the largest directory whose head was verified here. */
  #knownSize = 0;
  /** The same, counting heads that are dated in the future. */
  #signedSize = 0;

  private constructor(options: DirectoryOptions, log: FeedLog) {
    this.#o = options;
    this.log = log;
    this.#vouched = new Vouched(options);
    this.origin = directoryOrigin(options.mesh, options.root.odcm);
    this.#signers = new DirectorySigners(options.root, this.origin);
    this.#feedKeys = new FeedKeys(() => this.#state);
  }

  static async open(options: DirectoryOptions): Promise<Directory> {
    const directory = new Directory(options, await FeedLog.open(options.store, DIRECTORY_LOG));
    await directory.#foldSound();
    const { note } = directory.log;
    await directory.#vouched.load(note && directory.#signers.vouchedMs(decodeNote(note)));
    return directory;
  }

  /** A damaged log is mended from its copy; where that fails, what comes before the damage is better than nothing. */
  async #foldSound(): Promise<void> {
    try {
      if (this.log.damage) throw this.log.damage;
      if (this.log.size === 0) await this.#fillFromCopy();
      await this.#fold();
    } catch (error) {
      if (!isRot(error)) throw error;
      this.#o.log.warn({}, `the directory is damaged: ${(error as MeshError).message}`);
      const donor = await this.#o.copy?.donor(this.log, (note) => this.verify(decodeNote(note)));
      await this.mend(donor).catch((failure: unknown) => {
        this.#o.log.warn(
          { reason: String(failure) },
          'the directory waits for members who have it',
        );
      });
    }
  }

  /** The logs were set aside, and members are known from the copy only. */
  async #fillFromCopy(): Promise<void> {
    const donor = await this.#o.copy?.donor(this.log, (note) => this.verify(decodeNote(note)));
    if (donor) await mendLog({ store: this.#o.store, log: this.log, donor });
  }

  /** Puts a damaged log right with what somebody else has, and folds what was missing. */
  mend(donor: Donor | undefined): Promise<void> {
    return this.#turn.take(async () => {
      const { store, isWriter = false } = this.#o;
      await mendLog({ store, log: this.log, donor, mayBeShorter: !isWriter });
      await this.#fold();
    });
  }

  /** Writes the second copy from its start. */
  async copyAnew(): Promise<void> {
    this.#o.copy?.forget();
    await this.#o.copy?.follow(this.log);
  }

  get state(): DirectoryState {
    return this.#state;
  }

  /** Milliseconds since ODCM last vouched for the newest directory that is known here. */
  get ageMs(): number | null {
    return this.#vouched.ageMs;
  }

  get age(): DirectoryAge {
    return this.#vouched.age;
  }

  get limitMs(): number {
    return this.#vouched.limitMs;
  }

  /** What is on the disk, folded, and in force here. */
  get applied(): DirectoryHead {
    return this.#applied;
  }

  /** When a head that is dated in the future may be used; undefined while none is held. */
  get heldUntilMs(): number | undefined {
    return this.#vouched.heldUntilMs;
  }

  /** True while a head was seen whose entries have not come yet. */
  get isBehind(): boolean {
    return this.#vouched.isDue || this.log.size < this.#knownSize;
  }

  /** ODCM has signed more entries than are here. */
  get isShort(): boolean {
    return this.log.size < this.#signedSize;
  }

  /** ODCM signed two histories: nothing of it is taken any more, not even that it is still the newest. */
  isFrozen = false;

  /** Called after entries were folded. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * A new version of the root is in force. Where it takes back a key, what that key said of the time and of sizes is
   * forgotten: a stolen key may have run ahead of ODCM.
   */
  adoptRoot(root: Root): Promise<void> {
    return this.#turn.take(async () => {
      if (!this.#signers.adopt(root)) return;
      const { note } = this.log;
      this.#vouched.forgetBut(note && this.#signers.vouchedMs(decodeNote(note)));
      this.#knownSize = this.log.size;
      this.#signedSize = this.log.size;
    });
  }

  /** A head is signed by others than the keys that the root held here names. */
  set onOtherSigners(listener: () => void) {
    this.#signers.onOthers = listener;
  }

  /** Verifies a head of the directory by the threshold of its keys in the root. */
  verify(note: Note): Checkpoint {
    return this.#signers.verify(note);
  }

  /** The head with nothing on it that others than ODCM signed. */
  bare(note: Note): Note {
    return decodeNote(this.#signers.bare(note));
  }

  /**
   * Judges a head that came from anywhere.
   * @returns `newer` entries, a newer `time` for the same entries, `known`, or `held`: dated in the future, so that it must
   * wait for its time; whoever has it will say it again
   */
  judge(bytes: Buffer): { verdict: HeadVerdict; note: Note } {
    const note = decodeNote(bytes);
    const { size, root } = this.verify(note);
    if (this.isFrozen) throw frozenDirectory();
    this.#signedSize = Math.max(this.#signedSize, size);
    const vouchedMs = this.#signers.vouchedMs(note);
    if (this.#vouched.holds(vouchedMs)) return { verdict: 'held', note };
    this.#knownSize = Math.max(this.#knownSize, size);
    if (size > this.log.size) return { verdict: 'newer', note };
    if (size === this.log.size && !root.equals(this.log.root())) {
      throw new MeshError('CONFLICT', 'ODCM signed two different directories of one size');
    }
    const isLater = this.#vouched.isLater(vouchedMs);
    return { verdict: size === this.log.size && isLater ? 'time' : 'known', note };
  }

  /** Takes over a head, with the entries below it from `source` when they are new. Resolves to what changed. */
  accept(bytes: Buffer, source: EntrySource): Promise<HeadVerdict> {
    return this.#turn.take(async () => {
      const { verdict, note } = this.judge(bytes);
      if (verdict === 'newer') {
        const { checkpoint } = note;
        try {
          await takeIn({
            log: this.log,
            feedId: DIRECTORY_LOG,
            checkpoint,
            note: bytes,
            source,
            sync: true,
          });
        } finally {
          // Entries that came before a cut are as good as any; were they not folded now, no later head would do it.
          await this.#fold();
        }
      }
      if (verdict === 'time') await this.log.setNote(bytes, false);
      if (verdict === 'newer' || verdict === 'time')
        this.#vouched.set(this.#signers.vouchedMs(note));
      return verdict;
    });
  }

  /** ODCM's own new head, which it has just written and signed. */
  adoptOwn(note: Buffer): Promise<void> {
    return this.#turn.take(async () => {
      await this.log.setNote(note, true);
      this.#vouched.set(this.#signers.vouchedMs(decodeNote(note)));
      await this.#fold();
    });
  }

  /** Folds entries that are in the log and not yet in the state. */
  async #fold(): Promise<void> {
    const before = this.#state.size;
    const [size, root] = [this.log.size, this.log.root()];
    for await (const bytes of this.log.segments(before, size)) {
      for (const { record } of decodeSegment(bytes).entries) this.#apply(record);
    }
    if (this.#state.size > before) for (const listener of this.#listeners) listener();
    // Only now is it said to others: what follows from the entries has begun.
    this.#applied = { size, root };
    // Behind the log, and never in its way.
    await this.#o.copy?.follow(this.log).catch((error: unknown) => {
      this.#o.log.warn(
        { reason: String(error) },
        'the copy of the directory was not brought up to date',
      );
    });
  }

  #apply(record: Buffer | null): void {
    try {
      if (record === null)
        throw new MeshError('EVENT_INVALID', 'a directory entry without its record');
      this.#state.apply(parseEnvelope(record));
    } catch (error) {
      if (!isMeshError(error)) throw error;
      this.#o.log.warn({ code: error.code, entry: this.#state.size }, error.message);
      this.#state.passOver();
    }
  }

  /**
   * Verifies a head of a feed by a key that the directory names for its space at that size.
   * @throws SPACE_UNKNOWN, WRONG_ORIGIN, UNKNOWN_KEY, BAD_SIGNATURE
   */
  verifyFeedNote(note: Note, row: FeedRow, origin: Origin): Checkpoint {
    return this.#feedKeys.verify(note, row, origin);
  }

  /** Keys whose lines in heads of the feed are worth keeping, newest first. */
  feedKeys(row: FeedRow, origin: Origin): LogKey[] {
    return this.#feedKeys.of(row, origin);
  }
}

/** Why nothing is taken into a directory of which two histories are proven, nor added to it. */
export const frozenDirectory = (): MeshError =>
  new MeshError('CONFLICT', 'ODCM signed two directories: none of them is followed', {
    next: 'Ask the holders of the root keys: odcm forks show directory',
  });
