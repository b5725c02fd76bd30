// The receipts of this space: a log of its own in which each leaf is a signed envelope, with the tree hashes that proofs are
// made of. What was appended is on the disk, under a signed head, when the promise resolves.

import type { KeyObject } from 'node:crypto';
import { decodeNote, type LogKey, signCheckpoint } from '../../protocols/checkpoint.ts';
import { Reader, Writer } from '../../protocols/codec.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type Receipt, type Subject, signReceipt } from '../../protocols/gap/receipt.ts';
import { encodeTlogProof } from '../../protocols/gap/tlog-proof.ts';
import type { Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, inclusionProof, leafHash, sha256 } from '../../protocols/merkle.ts';
import { rootKeyId } from '../../protocols/root.ts';
import { markKey, markRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';
import { Turn } from '../turn.ts';

export interface ReceiptLogOptions {
  /** The one that the logs are in. */
  readonly store: Store;
  readonly origin: Origin;
  /** What signs now; asked each time, since keys are rotated. */
  readonly signer: () => { readonly key: LogKey; readonly privateKey: KeyObject };
}

/** A receipt with all that somebody else needs to check it. */
export interface ProvenReceipt {
  readonly index: number;
  readonly receipt: Buffer;
  readonly proof: Buffer;
}

const padded = (n: number): string => String(n).padStart(16, '0');
const LEAVES = 'receipts/leaf/';
const HEAD = markKey('receipts/head');
const leafKey = (index: number): Buffer => markKey(`${LEAVES}${padded(index)}`);
/** A name may be as long as a line: its hash is not. */
const subjectKey = (name: string, sha256OfIt: string): Buffer =>
  markKey(`receipts/subject/${sha256(name).toString('hex')}/${sha256OfIt}`);
const nodeKey = (height: number, index: number): Buffer =>
  markKey(`receipts/node/${height}/${padded(index)}`);

export class ReceiptLog {
  readonly #o: ReceiptLogOptions;
  readonly #turn = new Turn();
  #tree: Frontier;
  #note: Buffer | undefined;

  private constructor(options: ReceiptLogOptions, tree: Frontier, note: Buffer | undefined) {
    this.#o = options;
    this.#tree = tree;
    this.#note = note;
  }

  static async open(options: ReceiptLogOptions): Promise<ReceiptLog> {
    const bytes = await options.store.get(HEAD);
    if (!bytes) return new ReceiptLog(options, new Frontier(), undefined);
    const r = new Reader(bytes);
    r.tuple(3);
    const size = r.uint();
    const hashes = r.bytes(LIMITS.proofHashes * 32);
    const note = Buffer.from(r.bytes(LIMITS.noteBytes));
    r.end();
    const list: Buffer[] = [];
    for (let at = 0; at < hashes.length; at += 32) list.push(hashes.subarray(at, at + 32));
    const tree = new Frontier(size, list);
    const { checkpoint } = decodeNote(note);
    if (checkpoint.size !== size || !checkpoint.root.equals(tree.root()))
      throw new MeshError(
        'STORE_DAMAGED',
        'the head of the receipts is not the one that was signed',
      );
    return new ReceiptLog(options, tree, note);
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

  /** Signs and keeps a receipt; gives back its number. */
  append(receipt: Receipt, subject: Subject): Promise<number> {
    return this.#turn.take(async () => {
      const { store, origin, signer } = this.#o;
      const { key, privateKey } = signer();
      const keyId = rootKeyId(ed25519Raw(key.publicKey)).slice(0, 16);
      const bytes = signReceipt(receipt, subject, privateKey, keyId);
      const index = this.#tree.size;
      const tree = this.#tree.clone();
      const writes: Write[] = [
        { type: 'put', key: leafKey(index), value: bytes },
        {
          type: 'put',
          key: subjectKey(subject.name, subject.sha256),
          value: Buffer.from(String(index)),
        },
      ];
      tree.append(leafHash(bytes), (height, at, hash) => {
        writes.push({ type: 'put', key: nodeKey(height, at), value: hash });
      });
      const note = signCheckpoint({ origin, size: tree.size, root: tree.root() }, key, privateKey);
      const head = new Writer(512)
        .array(3)
        .uint(tree.size)
        .bytes(Buffer.concat(tree.hashes))
        .bytes(note);
      writes.push({ type: 'put', key: HEAD, value: head.take() });
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

  /** Receipts [from, to) with proofs under the newest head, oldest first. */
  async *proven(from = 0, to = Number.POSITIVE_INFINITY): AsyncGenerator<ProvenReceipt> {
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
