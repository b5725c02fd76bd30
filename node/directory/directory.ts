// The directory as a node follows it: ODCM's log in the store, folded into state, with the age of that knowledge.
// Works from the copy it has; who brings newer entries does not matter, their signature does.

import { type Checkpoint, decodeNote, type LogKey, type Note } from '../../protocols/checkpoint.ts';
import type { DirectoryState, FeedRow } from '../../protocols/directory.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { MeshId, Origin } from '../../protocols/ids.ts';
import type { DirectoryHead } from '../../protocols/presence.ts';
import { directoryOriginOf, type Root } from '../../protocols/root.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { type EntrySource, takeIn } from '../feed/intake.ts';
import type { FeedLog } from '../feed/log.ts';
import { type Donor, mendLog } from '../feed/mend-log.ts';
import { isRot } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { DirectoryCopy } from './copy.ts';
import { elsewhere, hasBegun, type OpenedEpoch, openEpoch, refusalOf } from './epoch.ts';
import { mendWaiting } from './epoch-mend.ts';
import { FeedKeys } from './feed-keys.ts';
import { Folded } from './folded.ts';
import type { DirectoryAge } from './freshness.ts';
import { verifyDirectoryNote, vouchedMs } from './log-authority.ts';
import { DirectorySigners, rootOfEpoch } from './signers.ts';
import { Vouched, type VouchedOptions } from './vouched.ts';

export type { DirectoryAge } from './freshness.ts';

/** What a head of the directory is to a node. */
export type HeadVerdict = 'newer' | 'time' | 'known' | 'held';

export interface DirectoryOptions extends VouchedOptions {
  readonly root: Root;
  /** All versions of it, oldest first: they say how the epochs before this one began, and who signed in them. */
  readonly roots?: readonly Root[];
  readonly mesh: MeshId;
  /** This node writes the directory: nobody else has its newest entry for sure. */
  readonly isWriter?: boolean;
  /** Where a second copy is kept. */
  readonly copy?: DirectoryCopy | undefined;
}

export class Directory {
  readonly #o: DirectoryOptions;
  readonly #turn = new Turn();
  #root: Root;
  /** Versions that are known, oldest first. */
  readonly #roots: Root[];
  /** In force as soon as the epoch that it names could be opened: the disk refused that. */
  #next: Root | undefined;
  #epoch: OpenedEpoch;
  readonly #folded: Folded;
  readonly #signers: DirectorySigners;
  readonly #feedKeys: FeedKeys;
  readonly #vouched: Vouched;
  /** Size of the largest directory whose head was verified here. */
  #knownSize = 0;
  /** The same, counting heads that are dated in the future. */
  #signedSize = 0;

  private constructor(options: DirectoryOptions, epoch: OpenedEpoch) {
    this.#o = options;
    this.#root = options.root;
    this.#roots = [...(options.roots ?? [options.root])];
    this.#epoch = epoch;
    this.#folded = new Folded(options.log);
    this.#vouched = new Vouched(options);
    this.#signers = new DirectorySigners(options.root, this.origin);
    this.#feedKeys = new FeedKeys(() => this.state);
  }

  static async open(options: DirectoryOptions): Promise<Directory> {
    const { store, root, roots = [] } = options;
    const directory = new Directory(options, await openEpoch(store, root, roots));
    await directory.#foldSound();
    await directory.#vouched.load(directory.#shownMs());
    return directory;
  }

  /** When ODCM spoke last of what is shown; of an epoch that is over, by the keys that it had then. */
  #shownMs(): number | undefined {
    if (!this.shown.note) return undefined;
    const note = decodeNote(this.shown.note);
    const { origin } = note.checkpoint;
    if (origin === this.origin) return this.#signers.vouchedMs(note);
    const root = rootOfEpoch(note, this.#o.mesh, this.#roots);
    return root && this.#vouched.notAhead(vouchedMs(note, root, origin));
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
      const { former } = this.#epoch;
      const damaged = former?.damage ? former : this.log;
      const verify = (note: Buffer) => this.verifyShown(decodeNote(note));
      await this.mend(await this.#o.copy?.donor(damaged, verify)).catch((failure: unknown) => {
        this.#o.log.warn(
          { reason: String(failure) },
          'the directory waits for members who have it',
        );
      });
      // What was in force stays in force, whether or not what follows it could be mended.
      if (this.isWaiting) await this.#foldWhatIsSound();
    }
  }

  /** What cannot be read of it is mended and folded later. */
  async #foldWhatIsSound(): Promise<void> {
    try {
      await this.#fold();
    } catch (error) {
      const { code, message } = asMeshError(error);
      this.#o.log.warn({ code }, `the directory is not in force as a whole: ${message}`);
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
      if (!this.isWaiting) await mendLog({ store, log: this.log, donor, mayBeShorter: !isWriter });
      else if (await mendWaiting(this.#epoch, { store, donor, isWriter, origin: this.origin }))
        await this.#reopen();
      const refusal = await refusalOf(this.#epoch, this.#root.directory);
      this.#epoch = { ...this.#epoch, refusal };
      await this.#fold();
    });
  }

  /** Takes over once more what a new epoch begins with. @throws what still cannot be read of it */
  async #reopen(): Promise<void> {
    this.#enter(await openEpoch(this.#o.store, this.#root, this.#roots));
    if (this.log.damage) throw this.log.damage;
  }

  /** Another log is the directory; who mends it hears what is wrong with this one, too. */
  #enter(opened: OpenedEpoch): void {
    const { onDamaged } = this.log;
    this.#epoch = opened;
    opened.log.onDamaged = onDamaged;
    if (opened.log.damage) onDamaged?.(opened.log.damage);
  }

  /** Writes the second copy from its start. */
  async copyAnew(): Promise<void> {
    this.#o.copy?.forget();
    await this.#o.copy?.follow(this.log);
  }

  /** Under which its heads are signed, by the root that is in force. */
  get origin(): Origin {
    return directoryOriginOf(this.#o.mesh, this.#root);
  }

  /** What grows: of a new epoch, what it continues from is in it already, as far as that is here. */
  get log(): FeedLog {
    return this.#epoch.log;
  }

  /** What others are shown: before a new epoch has its first entry, what is in force until then. */
  get shown(): FeedLog {
    return this.#epoch.former ?? this.#epoch.log;
  }

  /** The root has opened an epoch in which ODCM has not written yet: what was in force stays in force. */
  get isWaiting(): boolean {
    return this.#epoch.former !== undefined;
  }

  /** The newest epoch and where it continues from; null in the first. */
  get epoch(): Root['directory'] {
    return this.#root.directory;
  }

  get state(): DirectoryState {
    return this.#folded.state;
  }

  /** Milliseconds since ODCM last vouched for the newest directory that is known here. */
  get ageMs(): number | null {
    return this.#vouched.ageMs;
  }

  get age(): DirectoryAge {
    return this.#vouched.age;
  }

  /** To be waited for before the store is closed. */
  settle(): Promise<void> {
    return this.#vouched.settle();
  }

  get limitMs(): number {
    return this.#vouched.limitMs;
  }

  /** What is on the disk, folded, and in force here. */
  get applied(): DirectoryHead {
    return this.#folded.applied;
  }

  /** When a head that is dated in the future may be used; undefined while none is held. */
  get heldUntilMs(): number | undefined {
    return this.#vouched.heldUntilMs;
  }

  /** True while a head was seen whose entries have not come yet. */
  get isBehind(): boolean {
    const isShort = this.log.size < this.#knownSize || this.#isUnfolded;
    return this.#vouched.isDue || isShort || this.#next !== undefined;
  }

  /** Entries are on the disk that could not be read when they came. */
  get #isUnfolded(): boolean {
    return this.state.size < this.shown.size;
  }

  /** ODCM has signed more entries than are here. */
  get isShort(): boolean {
    return this.log.size < this.#signedSize;
  }

  /** ODCM signed two histories: nothing of it is taken any more, not even that it is still the newest. */
  isFrozen = false;

  /** Why nothing is taken; undefined when there is no reason. */
  get refusal(): MeshError | undefined {
    return this.#epoch.refusal ?? (this.isFrozen ? frozenDirectory() : undefined);
  }

  /** Called after entries were folded. */
  onChange(listener: () => void): void {
    this.#folded.onChange(listener);
  }

  /**
   * A new version of the root is in force. Where it takes back a key, what that key said of the time and of sizes is
   * forgotten: a stolen key may have run ahead of ODCM.
   */
  adoptRoot(root: Root): Promise<void> {
    return this.#turn.take(() => {
      this.#roots.push(root);
      this.#next = root;
      return this.#takeNext();
    });
  }

  /** All of a new root comes into force, or nothing: where its epoch cannot be opened, that is tried at the next look. */
  async #takeNext(): Promise<void> {
    const root = this.#next;
    if (!root) return;
    const hasMoved = root.directory?.epoch !== this.#root.directory?.epoch;
    const opened = hasMoved && (await openEpoch(this.#o.store, root, this.#roots));
    this.#root = root;
    this.#next = undefined;
    const isTakenBack = this.#signers.adopt(root, this.origin);
    if (opened) this.#followEpoch(opened);
    if (opened || isTakenBack) {
      // Until ODCM goes on, nobody has anything newer to say.
      if (this.isWaiting || this.#epoch.refusal) this.#vouched.keepUpToNow();
      else if (isTakenBack) this.#vouched.forgetBut(this.#shownMs());
      this.#knownSize = this.log.size;
      this.#signedSize = this.log.size;
    }
    if (opened) await this.#foldWhatIsSound();
  }

  /** The way out of two histories: the keepers of the root say which of them goes on, and from where. */
  #followEpoch(opened: OpenedEpoch): void {
    const { number, begin, refusal } = opened;
    this.#enter(opened);
    if (refusal) this.#o.log.error({ code: refusal.code, epoch: number }, refusal.message);
    else
      this.#o.log.warn(
        { epoch: number, from: begin?.size },
        'the directory goes on in a new epoch',
      );
    // A proof of two histories is one of an epoch: it stays as evidence, and says nothing of the next.
    this.isFrozen = false;
  }

  /** A head is signed by others than the keys that the root held here names. */
  set onOtherSigners(listener: () => void) {
    this.#signers.onOthers = listener;
  }

  /** Somebody speaks of another epoch: of a later one, the root that opens it is sought. */
  heardOf(origin: Origin): void {
    this.#signers.heardOf(origin);
  }

  /** Verifies a head of the directory by the threshold of its keys in the root. */
  verify(note: Note): Checkpoint {
    return this.#signers.verify(note);
  }

  /** The same for what is shown while a new epoch waits, which was signed in one that is over. */
  verifyShown(note: Note): Checkpoint {
    const root = this.isWaiting && rootOfEpoch(note, this.#o.mesh, this.#roots);
    if (!root || note.checkpoint.origin === this.origin) return this.verify(note);
    return verifyDirectoryNote(note, root, note.checkpoint.origin);
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
    if (this.refusal) throw this.refusal;
    this.#checkBegin(size, root);
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
      await this.#takeNext();
      const { verdict, note } = this.judge(bytes);
      if (this.#isUnfolded) await this.#fold();
      if (verdict === 'newer') {
        const { checkpoint } = note;
        try {
          await takeIn({
            log: this.log,
            feedId: DIRECTORY_LOG,
            checkpoint,
            note: bytes,
            source,
            milestone: this.#epoch.begin,
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

  /** The first head of an epoch is the point that it continues from, or lies behind it. */
  #checkBegin(size: number, root: Buffer): void {
    const { begin } = this.#epoch;
    if (begin && size === begin.size && !root.equals(begin.root))
      throw elsewhere(this.#root.directory);
  }

  /** What is in the log comes into force; of a new epoch, once ODCM has written in it. */
  async #fold(): Promise<void> {
    // Of a damaged one that is not known before it is mended.
    const isBegun = !this.log.damage && (await hasBegun(this.#epoch));
    if (isBegun) this.#epoch = { ...this.#epoch, former: undefined };
    await this.#folded.follow(this.shown);
    // Behind the log, and never in its way.
    await this.#o.copy?.follow(this.log).catch((error: unknown) => {
      this.#o.log.warn(
        { reason: String(error) },
        'the copy of the directory was not brought up to date',
      );
    });
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
