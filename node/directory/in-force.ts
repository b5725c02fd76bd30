// What of the directory is in force at a node: by which root, out of which log, folded to which state, and how old that word
// is. Those who open, mend and extend the directory share it, and the turn that they take; it takes none itself.

import { type Checkpoint, decodeNote, type Note } from '../../protocols/checkpoint.ts';
import type { DirectoryState } from '../../protocols/directory.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { MeshId, Origin } from '../../protocols/ids.ts';
import { directoryOriginOf, type Root } from '../../protocols/root.ts';
import type { FeedLog } from '../feed/log.ts';
import type { DirectoryCopy } from './copy.ts';
import { hasBegun, type OpenedEpoch } from './epoch.ts';
import { Folded } from './folded.ts';
import { verifyDirectoryNote, vouchedMs } from './log-authority.ts';
import { DirectorySigners, rootOfEpoch } from './signers.ts';
import { Vouched, type VouchedOptions } from './vouched.ts';

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

export class InForce {
  readonly options: DirectoryOptions;
  root: Root;
  /** Versions that are known, oldest first. */
  readonly roots: Root[];
  epoch: OpenedEpoch;
  readonly folded: Folded;
  readonly signers: DirectorySigners;
  readonly vouched: Vouched;
  /** ODCM signed two histories. */
  isFrozen = false;

  constructor(options: DirectoryOptions, epoch: OpenedEpoch) {
    this.options = options;
    this.root = options.root;
    this.roots = [...(options.roots ?? [options.root])];
    this.epoch = epoch;
    this.folded = new Folded(options.log);
    this.vouched = new Vouched(options);
    this.signers = new DirectorySigners(options.root, this.origin);
  }

  get origin(): Origin {
    return directoryOriginOf(this.options.mesh, this.root);
  }

  get log(): FeedLog {
    return this.epoch.log;
  }

  get shown(): FeedLog {
    return this.epoch.former ?? this.epoch.log;
  }

  get isWaiting(): boolean {
    return this.epoch.former !== undefined;
  }

  get state(): DirectoryState {
    return this.folded.state;
  }

  /** Entries are on the disk that could not be read when they came. */
  get isUnfolded(): boolean {
    return this.state.size < this.shown.size;
  }

  get refusal(): MeshError | undefined {
    return this.epoch.refusal ?? (this.isFrozen ? frozenDirectory() : undefined);
  }

  /** Another log is the directory; who mends it hears what is wrong with this one, too. */
  enter(opened: OpenedEpoch): void {
    const { onDamaged } = this.log;
    this.epoch = opened;
    opened.log.onDamaged = onDamaged;
    if (opened.log.damage) onDamaged?.(opened.log.damage);
  }

  /** What is in the log comes into force; of a new epoch, once ODCM has written in it. */
  async fold(): Promise<void> {
    // Of a damaged one that is not known before it is mended.
    const isBegun = !this.log.damage && (await hasBegun(this.epoch));
    if (isBegun) this.epoch = { ...this.epoch, former: undefined };
    // Of a log that cannot be read what was folded before goes on to count.
    if (this.shown.damage && this.shown.size < this.state.size) return;
    await this.folded.follow(this.shown);
    const { copy, log } = this.options;
    // Behind the log, and never in its way.
    await copy?.follow(this.log).catch((error: unknown) => {
      log.warn({ reason: String(error) }, 'the copy of the directory was not brought up to date');
    });
  }

  /** What cannot be read of it is mended and folded later. */
  async foldWhatIsSound(): Promise<void> {
    try {
      await this.fold();
    } catch (error) {
      const { code, message } = asMeshError(error);
      this.options.log.warn({ code }, `the directory is not in force as a whole: ${message}`);
    }
  }

  /** When ODCM spoke last of what is shown; of an epoch that is over, by the keys that it had then. */
  shownMs(): number | undefined {
    if (!this.shown.note) return undefined;
    const note = decodeNote(this.shown.note);
    const { origin } = note.checkpoint;
    if (origin === this.origin) return this.signers.vouchedMs(note);
    const root = rootOfEpoch(note, this.options.mesh, this.roots);
    return root && this.vouched.notAhead(vouchedMs(note, root, origin));
  }

  /** Verifies a head of what is shown: while a new epoch waits, that was signed in one that is over. */
  verifyShown(note: Note): Checkpoint {
    const root = this.isWaiting && rootOfEpoch(note, this.options.mesh, this.roots);
    if (!root || note.checkpoint.origin === this.origin) return this.signers.verify(note);
    return verifyDirectoryNote(note, root, note.checkpoint.origin);
  }
}

/** Why nothing is taken into a directory of which two histories are proven, nor added to it. */
export const frozenDirectory = (): MeshError =>
  new MeshError('CONFLICT', 'ODCM signed two directories: none of them is followed', {
    next: 'Ask the holders of the root keys: odcm forks show directory',
  });
