// Whose word about the directory counts: the keys that the root in force names for it, and for the time that it vouches for.

import { type Checkpoint, linesOf, type Note } from '../../protocols/checkpoint.ts';
import type { Origin } from '../../protocols/ids.ts';
import type { Root } from '../../protocols/root.ts';
import { rootKeys, verifyDirectoryNote, vouchedMs } from './log-authority.ts';

export class DirectorySigners {
  /** A head is signed by others than the keys that the root held here names. */
  onOthers: () => void = () => {};
  readonly #origin: Origin;
  #root: Root;
  /** Names under which the keys of the root sign. */
  #ids: readonly Buffer[];

  constructor(root: Root, origin: Origin) {
    this.#origin = origin;
    this.#root = root;
    this.#ids = idsOf(root, origin);
  }

  /** @returns true where the new version takes back a key that the one before named */
  adopt(root: Root): boolean {
    const before = this.#root;
    this.#root = root;
    this.#ids = idsOf(root, this.#origin);
    return (['directory', 'timestamp'] as const).some((role) =>
      before.roles[role].keyids.some((id) => !root.roles[role].keyids.includes(id)),
    );
  }

  /** Verifies a head of the directory by the threshold of its keys in the root. */
  verify(note: Note): Checkpoint {
    this.#compare(note);
    return verifyDirectoryNote(note, this.#root, this.#origin);
  }

  /** A head with the signatures of its keys alone: what others added would make a proof too large. */
  bare(note: Note): Buffer {
    return linesOf(note, this.#ids);
  }

  /** When ODCM said that this head is its newest. */
  vouchedMs(note: Note): number | undefined {
    return vouchedMs(note, this.#root, this.#origin);
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

const idsOf = (root: Root, origin: Origin): Buffer[] =>
  rootKeys(root, 'directory', origin).map((key) => key.signatureId);
