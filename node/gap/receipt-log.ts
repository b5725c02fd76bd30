// The receipts of this space: a log of its own in which each leaf is a signed envelope, with the tree hashes that proofs are
// made of. What was appended is on the disk, under a signed head, when the promise resolves.

import type { KeyObject } from 'node:crypto';
import { type LogKey, signCheckpoint } from '../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { type Receipt, type Subject, signReceipt } from '../../protocols/gap/receipt.ts';
import { encodeTlogProof } from '../../protocols/gap/tlog-proof.ts';
import type { Origin } from '../../protocols/ids.ts';
import { Frontier, inclusionProof } from '../../protocols/merkle.ts';
import { rootKeyId } from '../../protocols/root.ts';
import { markRange } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { Given, ReceiptMark } from './receipt-mark.ts';
import {
  addLeaf,
  headRow,
  LEAVES,
  leafKey,
  nodeKey,
  openReceiptHead,
  type ReceiptHead,
  subjectKey,
} from './receipt-rows.ts';

export interface ReceiptLogOptions {
  /** The one that the logs are in. */
  readonly store: Store;
  readonly origin: Origin;
  /** What signs now; asked each time, since keys are rotated. */
  readonly signer: () => { readonly key: LogKey; readonly privateKey: KeyObject };
  /** What was given out, kept beside the store; a log without it cannot tell when the store came from a backup. */
  readonly mark?: Pick<ReceiptMark, 'read' | 'write'>;
}

/** A receipt with all that somebody else needs to check it. */
export interface ProvenReceipt {
  readonly index: number;
  readonly receipt: Buffer;
  readonly proof: Buffer;
}

export class ReceiptLog {
  readonly #o: ReceiptLogOptions;
  readonly #turn = new Turn();
  #tree: Frontier;
  #note: Buffer | undefined;
  #fault: MeshError | undefined;
  /** Size of the largest tree that somebody else has a proof of. */
  #given: number;

  private constructor(options: ReceiptLogOptions, { tree, note }: ReceiptHead, given: number) {
    this.#o = options;
    this.#tree = tree;
    this.#note = note;
    this.#given = given;
  }

  /** Opens also where nothing may be signed any more: {@link fault} says why, and the rest of the node goes on. */
  static async open(options: ReceiptLogOptions): Promise<ReceiptLog> {
    try {
      const head = await openReceiptHead(options);
      const given = await options.mark?.read();
      const log = new ReceiptLog(options, head, given?.size ?? 0);
      if (given) log.#fault = await log.#faultOf(given);
      return log;
    } catch (error) {
      if (!isMeshError(error, 'STORE_DAMAGED')) throw error;
      const log = new ReceiptLog(options, { tree: new Frontier(), note: undefined }, 0);
      log.#fault = error;
      return log;
    }
  }

  /** What was given out must be a beginning of what is here. */
  async #faultOf({ size, root }: Given): Promise<MeshError | undefined> {
    const isHere = size <= this.size && (await this.#rootAt(size)).toString('hex') === root;
    if (isHere) return undefined;
    const { origin } = this.#o;
    return new MeshError(
      'CONFLICT',
      `${size} receipts of ${origin} were given out that are not here, so none is signed`,
      {
        next: 'Restore a newer backup of store/log. Who was given them lists them with: odcm receipts list SPACE',
      },
    );
  }

  async #rootAt(size: number): Promise<Buffer> {
    const hashes: Buffer[] = [];
    for (let at = 0; at < size; ) {
      const height = Math.floor(Math.log2(size - at));
      hashes.push(await this.#node(height, at / 2 ** height));
      at += 2 ** height;
    }
    return new Frontier(size, hashes).root();
  }

  /** Why nothing is signed; undefined when all is well. */
  get fault(): MeshError | undefined {
    return this.#fault;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Signed head; undefined while there is no receipt. */
  get note(): Buffer | undefined {
    return this.#note;
  }

  /** True when there is a receipt about this very thing. */
  async has({ name, sha256 }: Subject): Promise<boolean> {
    return (await this.#o.store.get(subjectKey(name, sha256))) !== undefined;
  }

  /** Signs and keeps a receipt; gives back its number. @throws {@link fault} */
  append(receipt: Receipt, subject: Subject): Promise<number> {
    return this.#turn.take(async () => {
      if (this.#fault) throw this.#fault;
      const { store, origin, signer } = this.#o;
      const { key, privateKey } = signer();
      const keyId = rootKeyId(ed25519Raw(key.publicKey)).slice(0, 16);
      const bytes = signReceipt(receipt, subject, privateKey, keyId);
      const index = this.#tree.size;
      const tree = this.#tree.clone();
      const writes = addLeaf(tree, bytes, subject);
      const note = signCheckpoint({ origin, size: tree.size, root: tree.root() }, key, privateKey);
      writes.push(headRow({ tree, note }));
      await store.write(writes, { sync: true });
      this.#tree = tree;
      this.#note = note;
      return index;
    });
  }

  /** Receipts by their numbers, oldest first. */
  async *all(): AsyncGenerator<{ readonly index: number; readonly receipt: Buffer }> {
    let index = 0;
    for await (const { value } of this.#o.store.range(markRange(LEAVES)))
      yield { index: index++, receipt: value };
  }

  /** A receipt for somebody else: from now on its number, and those before it, must never be signed again. */
  async giveOut(index: number): Promise<ProvenReceipt | undefined> {
    const tree = this.#tree;
    for await (const found of this.proven(index, index + 1)) {
      await this.#raiseMark({ size: tree.size, root: tree.root() });
      return found;
    }
    return undefined;
  }

  #raiseMark({ size, root }: { size: number; root: Buffer }): Promise<void> {
    return this.#turn.take(async () => {
      if (size <= this.#given || this.#fault) return;
      await this.#o.mark?.write({ size, root: root.toString('hex') });
      this.#given = size;
    });
  }

  /** Receipts [from, to) with proofs under the newest head, oldest first. */
  async *proven(from = 0, to = Number.POSITIVE_INFINITY): AsyncGenerator<ProvenReceipt> {
    if (this.#fault?.code === 'STORE_DAMAGED') throw this.#fault;
    const { size } = this.#tree;
    const note = this.#note;
    if (!note) return;
    const { lt } = markRange(LEAVES);
    let index = from;
    for await (const { value } of this.#o.store.range({ gte: leafKey(from), lt })) {
      if (index >= Math.min(to, size)) return;
      const path = await inclusionProof(index, size, (height, at) => this.#node(height, at));
      yield { index, receipt: value, proof: encodeTlogProof(index, path, note) };
      index++;
    }
  }

  async #node(height: number, index: number): Promise<Buffer> {
    const hash = await this.#o.store.get(nodeKey(height, index));
    if (hash) return hash;
    throw new MeshError('STORE_DAMAGED', `a hash of the receipts is missing: ${height}/${index}`);
  }
}
