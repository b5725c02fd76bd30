// Whose word about the directory counts: the keys that the root in force names for it, and for the time that it vouches for.

import { type Checkpoint, linesOf, type Note } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { directoryOrigin, type MeshId, type Origin, parseOrigin } from '../../protocols/ids.ts';
import { directoryOriginOf, type Root } from '../../protocols/root.ts';
import { rootKeys, verifyDirectoryNote, vouchedMs } from './log-authority.ts';

export class DirectorySigners {
  /** A head is signed by others than the keys that the root held here names. */
  onOthers: () => void = () => {};
  #origin: Origin;
  #root: Root;
  /** Names under which the keys of the root sign. */
  #ids: readonly Buffer[];

  constructor(root: Root, origin: Origin) {
    this.#origin = origin;
    this.#root = root;
    this.#ids = idsOf(root, origin);
  }

  /** @returns true where the new version takes back a key that the one before named */
  adopt(root: Root, origin: Origin): boolean {
    const before = this.#root;
    this.#root = root;
    this.#origin = origin;
    this.#ids = idsOf(root, origin);
    return (['directory', 'timestamp'] as const).some((role) =>
      before.roles[role].keyids.some((id) => !root.roles[role].keyids.includes(id)),
    );
  }

  /** Verifies a head of the directory by the threshold of its keys in the root. */
  verify(note: Note): Checkpoint {
    this.#refuseOtherEpoch(note.checkpoint.origin);
    this.#compare(note);
    return verifyDirectoryNote(note, this.#root, this.#origin);
  }

  /** A head with the signatures of its keys alone: what others added would make a proof too large. */
  bare(note: Note): Buffer {
    return linesOf(note, this.#ids);
  }

  /** When ODCM said that this head, of whichever epoch, is its newest; it was verified. */
  vouchedMs(note: Note): number | undefined {
    return vouchedMs(note, this.#root, note.checkpoint.origin);
  }

  /** @throws OLD_EPOCH; UNKNOWN_KEY for a later one, which a newer root must name first */
  #refuseOtherEpoch(origin: Origin): void {
    const ahead = this.heardOf(origin);
    // Of another log altogether: the verification says so.
    if (ahead === undefined || ahead === 0) return;
    if (ahead > 0) throw new MeshError('UNKNOWN_KEY', `no root is known here that opens ${origin}`);
    throw new MeshError(
      'OLD_EPOCH',
      `the root has ended that epoch of the directory: it goes on as ${this.#origin}`,
    );
  }

  /** By how many epochs the origin is ahead; undefined for another log. A later epoch is a sign of a newer root. */
  heardOf(origin: Origin): number | undefined {
    if (origin === this.#origin) return 0;
    const [own, other] = [parseOrigin(this.#origin), parseOrigin(origin)];
    if (directoryOrigin(other.mesh, other.space, own.epoch) !== this.#origin) return undefined;
    if (other.log !== 'dir') return undefined;
    if (other.epoch > own.epoch) this.onOthers();
    return other.epoch - own.epoch;
  }

  /** ODCM signs with each key that its root names: with others, or fewer, it goes by another version of the root. */
  #compare({ lines }: Note): void {
    const plain = lines.filter(({ name, blob }) => name === this.#origin && blob.length === 64);
    const isSame =
      plain.length === this.#ids.length &&
      this.#ids.every((id) => plain.some((line) => line.keyId.equals(id)));
    if (!isSame) this.onOthers();
  }
}

/** The last root of the epoch in which a head was signed: by whom it was signed, and when, once that epoch is over. */
export function rootOfEpoch(
  { checkpoint: { origin } }: Note,
  mesh: MeshId,
  roots: readonly Root[],
): Root | undefined {
  return roots.findLast((root) => directoryOriginOf(mesh, root) === origin);
}

const idsOf = (root: Root, origin: Origin): Buffer[] =>
  rootKeys(root, 'directory', origin).map((key) => key.signatureId);
