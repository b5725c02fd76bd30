// The private keys that this node signs with: which one is in force, which comes next, which was before. While they change,
// heads of feeds carry the signatures of both, so that whoever knows only one of them refuses nothing.

import type { KeyObject } from 'node:crypto';
import { logKey, type Signer } from '../../protocols/checkpoint.ts';
import { ed25519FromRaw, ed25519Raw } from '../../protocols/ed25519.ts';
import type { Origin } from '../../protocols/ids.ts';

export class OwnKeys {
  /** What peers know this process by until it ends: presence and petitions are signed with it. */
  readonly identity: KeyObject;
  #current: KeyObject;
  #next: KeyObject | undefined;
  #former: KeyObject | undefined;
  /** By log: the public half and its names are worked out once, not for every head. */
  readonly #signers = new Map<Origin, readonly Signer[]>();

  constructor(
    current: KeyObject,
    {
      next,
      former,
      identity = current,
    }: Partial<Record<'next' | 'former' | 'identity', KeyObject>> = {},
  ) {
    this.identity = identity;
    this.#current = current;
    this.#next = next;
    this.#former = former;
  }

  get current(): KeyObject {
    return this.#current;
  }

  /** True once this process goes by a key that is not the newest: its next start takes the newest. */
  get isIdentityFormer(): boolean {
    return this.identity !== this.#current;
  }

  /** From now on the next key signs beside the one in force. */
  prepare(next: KeyObject): void {
    this.#next = next;
    this.#signers.clear();
  }

  /** The directory names the next key: it is in force, and the one before signs beside it. */
  advance(): void {
    if (this.#next === undefined) return;
    this.#former = this.#current;
    this.#current = this.#next;
    this.#next = undefined;
    this.#signers.clear();
  }

  /** Whether this is the key before the one in force. */
  isFormer(nodeKey: Buffer): boolean {
    return this.#former !== undefined && ed25519Raw(this.#former).equals(nodeKey);
  }

  /** The directory names the former key once more: it is in force, and the one that was is the next again. */
  goBack(): void {
    if (this.#former === undefined) return;
    this.#next = this.#current;
    this.#current = this.#former;
    this.#former = undefined;
    this.#signers.clear();
  }

  /** Nobody needs the former key any more. */
  forgetFormer(): void {
    this.#former = undefined;
    this.#signers.clear();
  }

  /** Who signs the heads of a log of this space: the key in force first. */
  signers(origin: Origin): readonly Signer[] {
    let signers = this.#signers.get(origin);
    if (!signers) {
      const beside = this.#next ?? this.#former;
      const keys = [this.#current, ...(beside ? [beside] : [])];
      signers = keys.map((key) => signerOf(origin, key));
      this.#signers.set(origin, signers);
    }
    return signers;
  }
}

export function signerOf(origin: Origin, privateKey: KeyObject): Signer {
  const raw = ed25519Raw(privateKey);
  return { key: logKey(origin, ed25519FromRaw(raw), raw), privateKey };
}
