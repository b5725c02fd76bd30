// The directory as a node follows it: ODCM's log in the store, folded into state, with the age of that knowledge.
// Works from the copy it has; who brings newer entries does not matter, their signature does.

import { type Checkpoint, decodeNote, type LogKey, type Note } from '../../protocols/checkpoint.ts';
import type { DirectoryState, FeedRow } from '../../protocols/directory.ts';
import type { MeshError } from '../../protocols/errors.ts';
import type { Origin } from '../../protocols/ids.ts';
import type { DirectoryHead } from '../../protocols/presence.ts';
import type { Root } from '../../protocols/root.ts';
import type { EntrySource } from '../feed/intake.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Donor } from '../feed/mend-log.ts';
import { Turn } from '../turn.ts';
import { Adoption } from './adoption.ts';
import { type OpenedEpoch, openEpoch } from './epoch.ts';
import { FeedKeys } from './feed-keys.ts';
import type { DirectoryAge } from './freshness.ts';
import { Heads, type HeadVerdict } from './heads.ts';
import { type DirectoryOptions, InForce } from './in-force.ts';
import { foldSound, mendFrom } from './mending.ts';

export type { DirectoryAge } from './freshness.ts';

export class Directory {
  /** Shared by those who change the directory, each in this turn. */
  readonly #now: InForce;
  readonly #turn = new Turn();
  readonly #heads: Heads;
  readonly #adoption: Adoption;
  readonly #feedKeys: FeedKeys;

  private constructor(options: DirectoryOptions, epoch: OpenedEpoch) {
    this.#now = new InForce(options, epoch);
    this.#heads = new Heads(this.#now);
    this.#adoption = new Adoption(this.#now, this.#heads);
    this.#feedKeys = new FeedKeys(() => this.state);
  }

  /** @throws STORE_DAMAGED where nothing can be read of what was in force */
  static async open(options: DirectoryOptions): Promise<Directory> {
    const { store, root, roots = [] } = options;
    const directory = new Directory(options, await openEpoch(store, root, roots));
    const now = directory.#now;
    await foldSound(now);
    await now.vouched.load(now.shownMs());
    return directory;
  }

  /** Puts a damaged log right with what somebody else has, and folds what was missing. */
  mend(donor: Donor | undefined): Promise<void> {
    return this.#turn.take(() => mendFrom(this.#now, donor));
  }

  /** Writes the second copy from its start. */
  async copyAnew(): Promise<void> {
    const { copy } = this.#now.options;
    copy?.forget();
    await copy?.follow(this.log);
  }

  /** Under which its heads are signed, by the root that is in force. */
  get origin(): Origin {
    return this.#now.origin;
  }

  /** What grows: of a new epoch, what it continues from is in it already, as far as that is here. */
  get log(): FeedLog {
    return this.#now.log;
  }

  /** What others are shown: before a new epoch has its first entry, what is in force until then. */
  get shown(): FeedLog {
    return this.#now.shown;
  }

  /** The root has opened an epoch in which ODCM has not written yet: what was in force stays in force. */
  get isWaiting(): boolean {
    return this.#now.isWaiting;
  }

  /** The newest epoch and where it continues from; null in the first. */
  get epoch(): Root['directory'] {
    return this.#now.root.directory;
  }

  get state(): DirectoryState {
    return this.#now.state;
  }

  /** Milliseconds since ODCM last vouched for the newest directory that is known here. */
  get ageMs(): number | null {
    return this.#now.vouched.ageMs;
  }

  get age(): DirectoryAge {
    return this.#now.vouched.age;
  }

  /** To be waited for before the store is closed. */
  settle(): Promise<void> {
    return this.#now.vouched.settle();
  }

  get limitMs(): number {
    return this.#now.vouched.limitMs;
  }

  /** What is on the disk, folded, and in force here. */
  get applied(): DirectoryHead {
    return this.#now.folded.applied;
  }

  /** When a head that is dated in the future may be used; undefined while none is held. */
  get heldUntilMs(): number | undefined {
    return this.#now.vouched.heldUntilMs;
  }

  /** True while a head was seen whose entries have not come yet, or a root that is not in force. */
  get isBehind(): boolean {
    return this.#heads.isBehind || this.#adoption.isDue;
  }

  /** ODCM has signed more entries than are here. */
  get isShort(): boolean {
    return this.#heads.isShort;
  }

  /** ODCM signed two histories: nothing of it is taken any more, not even that it is still the newest. */
  get isFrozen(): boolean {
    return this.#now.isFrozen;
  }

  set isFrozen(is: boolean) {
    this.#now.isFrozen = is;
  }

  /** Why nothing is taken; undefined when there is no reason. */
  get refusal(): MeshError | undefined {
    return this.#now.refusal;
  }

  /** Called after entries were folded. */
  onChange(listener: () => void): void {
    this.#now.folded.onChange(listener);
  }

  /**
   * A new version of the root is in force. Where it takes back a key, what that key said of the time and of sizes is
   * forgotten: a stolen key may have run ahead of ODCM.
   * @throws what the disk says of an epoch that cannot be opened: nothing has changed, and who calls this tries it again
   */
  adoptRoot(root: Root): Promise<void> {
    return this.#turn.take(() => this.#adoption.adopt(root));
  }

  /** A head is signed by others than the keys that the root held here names. */
  set onOtherSigners(listener: () => void) {
    this.#now.signers.onOthers = listener;
  }

  /** Somebody speaks of another epoch: of a later one, the root that opens it is sought. */
  heardOf(origin: Origin): void {
    this.#now.signers.heardOf(origin);
  }

  /** Verifies a head of the directory by the threshold of its keys in the root. */
  verify(note: Note): Checkpoint {
    return this.#now.signers.verify(note);
  }

  /** The same for what is shown while a new epoch waits, which was signed in one that is over. */
  verifyShown(note: Note): Checkpoint {
    return this.#now.verifyShown(note);
  }

  /** The head with nothing on it that others than ODCM signed. */
  bare(note: Note): Note {
    return decodeNote(this.#now.signers.bare(note));
  }

  /**
   * Judges a head that came from anywhere.
   * @returns `newer` entries, a newer `time` for the same entries, `known`, or `held`: dated in the future, so that it must
   * wait for its time; whoever has it will say it again
   */
  judge(bytes: Buffer): { verdict: HeadVerdict; note: Note } {
    return this.#heads.judge(bytes);
  }

  /** Takes over a head, with the entries below it from `source` when they are new. Resolves to what changed. */
  accept(bytes: Buffer, source: EntrySource): Promise<HeadVerdict> {
    return this.#turn.take(async () => {
      await this.#adoption.complete();
      return this.#heads.take(bytes, source);
    });
  }

  /** ODCM's own new head, which it has just written and signed. */
  adoptOwn(note: Buffer): Promise<void> {
    return this.#turn.take(() => this.#heads.takeOwn(note));
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
