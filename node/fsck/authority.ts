// Whose word counts in a store: the directory folded from its own log, the keys it and the root name, and what things are
// called. Independent of how a running node follows the directory.

import { decodeNote, logKey, type Note, verifyNote } from '../../protocols/checkpoint.ts';
import { DirectoryState, type FeedRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { type Envelope, parseEnvelope } from '../../protocols/envelope.ts';
import { asMeshError, isMeshError, MeshError } from '../../protocols/errors.ts';
import {
  directoryOrigin,
  type FeedId,
  feedOrigin,
  formatUuid,
  type Origin,
} from '../../protocols/ids.ts';
import { decodeRoot, type Root } from '../../protocols/root.ts';
import { decodeRootEnvelope } from '../../protocols/root-chain.ts';
import { keysAt } from '../../protocols/space-keys.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { beginningEntries } from '../directory/epoch.ts';
import { DIRECTORY_CONTEXT, DIRECTORY_FEED } from '../directory/writer.ts';
import type { FeedIdentity } from '../feed/apply.ts';
import type { Home } from '../home/home.ts';

/** One log of the directory, folded; how many entries it needs before it is in force is known when it has its first one. */
interface FoldedEpoch {
  readonly state: DirectoryState;
  /** What it was given of the epoch before. */
  readonly pointSize: number;
  beginsAt: number;
}

export class Authority {
  readonly #home: Home;
  readonly #roots: readonly Root[];
  readonly #epochs = new Map<number, FoldedEpoch>();

  constructor(home: Home) {
    this.#home = home;
    this.#roots = home.rootEnvelopes.map((bytes) => decodeRoot(decodeRootEnvelope(bytes).payload));
  }

  /** The next entry of the directory in this epoch. What breaks its rules is passed over, as nodes do. */
  fold(epoch: number, record: Buffer | null): void {
    const folded = this.#folded(epoch);
    let envelope: Envelope | undefined;
    try {
      envelope = record ? parseEnvelope(record) : undefined;
    } catch (error) {
      if (!isMeshError(error)) throw error;
    }
    const { state, pointSize } = folded;
    if (state.size === pointSize) folded.beginsAt = pointSize + beginningEntries(record);
    if (envelope) state.apply(envelope);
    else state.passOver();
  }

  #folded(epoch: number): FoldedEpoch {
    const last = this.#epochs.get(epoch);
    if (last) return last;
    const pointSize = this.#pointSize(epoch);
    const beginsAt = epoch === 1 ? 0 : Number.POSITIVE_INFINITY;
    const made = { state: new DirectoryState(), pointSize, beginsAt };
    this.#epochs.set(epoch, made);
    return made;
  }

  #pointSize(epoch: number): number {
    const root = this.#roots.find((one) => epochOf(one) === epoch);
    return root?.directory?.continues.size ?? 0;
  }

  /** What is in force: of the newest epoch in which ODCM has written what it begins with. */
  get directory(): DirectoryState {
    for (let epoch = this.epoch; epoch >= 1; epoch--) {
      const folded = this.#epochs.get(epoch);
      if (folded && folded.state.size >= folded.beginsAt) return folded.state;
    }
    return this.#folded(1).state;
  }

  /** Of the directory, by the root in force. */
  get epoch(): number {
    return epochOf(this.#home.root.root);
  }

  /** What an epoch takes over of the one before it has no head of its own until ODCM writes in it. */
  isTakenOver(prefix: Buffer, size: number): boolean {
    if (!this.isDirectory(prefix)) return false;
    const epoch = prefix.readUInt16BE(16);
    return epoch > 1 && size <= this.#pointSize(epoch);
  }

  isDirectory(prefix: Buffer): boolean {
    return DIRECTORY_LOG.equals(prefix.subarray(0, 16));
  }

  feedOf(prefix: Buffer): FeedRow | undefined {
    return this.directory.feeds.get(idOf(prefix));
  }

  /** The directory that knows a feed: where it was made behind the point of a later epoch, that of the one which ended. */
  #knowing(prefix: Buffer): DirectoryState | undefined {
    const past = [...this.#epochs.values()].map(({ state }) => state);
    return [this.directory, ...past].find(({ feeds }) => feeds.has(idOf(prefix)));
  }

  /** What people call a log. */
  nameOf(prefix: Buffer): string {
    if (this.isDirectory(prefix)) {
      const epoch = prefix.readUInt16BE(16);
      return epoch === this.epoch ? 'the directory' : `epoch ${epoch} of the directory`;
    }
    const directory = this.#knowing(prefix);
    const row = directory?.feeds.get(idOf(prefix));
    return row ? directory!.feedPath(row) : `log ${idOf(prefix)}`;
  }

  /** True for what this node signs itself, which nobody else can be asked to have in full. */
  isOwn(prefix: Buffer): boolean {
    if (this.isDirectory(prefix)) return this.#home.isOdcm;
    return this.feedOf(prefix)?.space === this.#home.config.space;
  }

  /** Undefined for a feed that the directory does not know. */
  identityOf(prefix: Buffer): FeedIdentity | undefined {
    const { directory } = this;
    if (this.isDirectory(prefix)) {
      const space = directory.spaces.get(this.#home.root.root.odcm)?.name;
      return space && { space, feed: DIRECTORY_FEED, context: DIRECTORY_CONTEXT };
    }
    const row = this.feedOf(prefix);
    const space = row && directory.spaces.get(row.space)?.name;
    const context = row && directory.contexts.get(row.context);
    return space && context && { space, feed: row.name, context };
  }

  /**
   * A head of a log, signed by who may sign it.
   * @throws MALFORMED, NOT_CANONICAL, WRONG_ORIGIN, UNKNOWN_KEY, BAD_SIGNATURE, FEED_UNKNOWN
   */
  verifyHead(prefix: Buffer, bytes: Buffer): Note {
    const note = decodeNote(bytes);
    const epoch = prefix.readUInt16BE(16);
    const { mesh } = this.#home.config;
    if (this.isDirectory(prefix)) {
      this.#verifyEpoch(note, directoryOrigin(mesh, this.#home.root.root.odcm, epoch), epoch);
      return note;
    }
    const directory = this.#knowing(prefix);
    const row = directory?.feeds.get(idOf(prefix));
    const space = row && directory?.spaces.get(row.space);
    if (!space) throw new MeshError('FEED_UNKNOWN', 'the directory names nobody who could sign it');
    const origin = feedOrigin(mesh, row.space, row.id, epoch);
    this.#verifyFeed(note, origin, keysAt(space.keys, row.id, note.checkpoint.size));
    return note;
  }

  /** By any key that the space had for this size of the feed. */
  #verifyFeed(note: Note, origin: Origin, keys: readonly Buffer[]): void {
    let refusal: MeshError | undefined;
    for (const raw of keys) {
      try {
        verifyNote(note, origin, logKey(origin, ed25519FromRaw(raw), raw));
        return;
      } catch (error) {
        refusal = asMeshError(error);
      }
    }
    throw refusal ?? new MeshError('UNKNOWN_KEY', 'the directory names no key for it');
  }

  /** What is kept of an epoch that is over was signed by the keys of some root of that time. */
  #verifyEpoch(note: Note, origin: Origin, epoch: number): void {
    const roots =
      epoch === this.epoch
        ? [this.#home.root.root]
        : this.#roots.filter((root) => epochOf(root) === epoch);
    let refusal: unknown = new MeshError('UNKNOWN_KEY', `no root names epoch ${epoch}`);
    for (const root of roots.toReversed()) {
      try {
        this.#verifyDirectory(note, origin, root);
        return;
      } catch (error) {
        refusal = error;
      }
    }
    throw refusal;
  }

  #verifyDirectory(note: Note, origin: Origin, { roles, keys }: Root): void {
    let left = roles.directory.threshold;
    let refusal: MeshError | undefined;
    for (const id of roles.directory.keyids) {
      const raw = keys.get(id)!;
      try {
        verifyNote(note, origin, logKey(origin, ed25519FromRaw(raw), raw));
        left--;
      } catch (error) {
        refusal = asMeshError(error);
      }
    }
    if (left > 0) throw refusal ?? new MeshError('UNKNOWN_KEY', 'the root names no key for it');
  }
}

const epochOf = ({ directory }: Root): number => directory?.epoch ?? 1;

const idOf = (prefix: Buffer): FeedId => formatUuid(prefix.subarray(0, 16)) as FeedId;
