// Receipts of other spaces, however they came: verified by the keys that the directory names, kept by their number, and put
// beside what was exported. A number that is missing is said: a deployment cannot be hidden without hiding its number.

import { z } from 'zod';
import type { Checkpoint } from '../../protocols/checkpoint.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { asMeshError, isMeshError, MeshError } from '../../protocols/errors.ts';
import { decodeReceipt, type Receipt, verifyReceipt } from '../../protocols/gap/receipt.ts';
import { decodeTlogProof, verifyTlogProof } from '../../protocols/gap/tlog-proof.ts';
import { type MeshId, receiptsOrigin, type SpaceId } from '../../protocols/ids.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import { makeLogKey } from '../directory/log-authority.ts';
import { markKey, markRange } from '../store/keys.ts';
import type { RangeOptions, Store } from '../store/store.ts';
import type { Ledger } from './ledger.ts';

export interface ReceiptBookOptions {
  /** The one that the logs are in. */
  readonly store: Store;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly mesh: MeshId;
  readonly directory: Pick<Directory, 'state'>;
  /** Told of each receipt that is new here. */
  readonly onKept?: (kept: KeptReceipt) => void;
}

/** A receipt of another space that was verified here. */
export interface KeptReceipt {
  readonly space: SpaceRow;
  readonly index: number;
  readonly atMs: number;
  readonly receipt: Receipt;
  readonly bytes: Buffer;
  readonly proof: Buffer;
}

const Kept = z.strictObject({ atMs: z.int().min(0), receipt: z.base64(), proof: z.base64() });
const Known = z.strictObject({ size: z.int().min(0), root: z.string(), note: z.base64() });

const padded = (n: number): string => String(n).padStart(16, '0');
const PREFIX = 'gap/receipt/';
const receiptKey = (space: SpaceId, index: number): Buffer =>
  markKey(`${PREFIX}${space}/${padded(index)}`);
const HEADS = 'gap/receipts-of/';
const headKey = (space: SpaceId): Buffer => markKey(`${HEADS}${space}`);
const SPACE_ID_CHARS = 36;

export class ReceiptBook {
  readonly #o: ReceiptBookOptions;

  constructor(options: ReceiptBookOptions) {
    this.#o = options;
  }

  /** Checks a receipt with its proof; nothing is kept. @throws SPACE_UNKNOWN, BAD_SIGNATURE, ROOT_MISMATCH, WRONG_MESH … */
  verify(receiptBytes: Buffer, proofBytes: Buffer): { kept: KeptReceipt; checkpoint: Checkpoint } {
    const { mesh, directory, clock } = this.#o;
    const decoded = decodeReceipt(receiptBytes);
    const { predicate } = decoded.statement;
    if (predicate.mesh !== mesh)
      throw new MeshError('WRONG_MESH', `the receipt is of mesh ${predicate.mesh}`);
    const space = directory.state.spaces.get(predicate.space.id);
    if (!space)
      throw new MeshError('SPACE_UNKNOWN', `${predicate.space.name} is not in the directory`);
    // Nothing tells what its key signed before it was shut out from what somebody else signs with it now.
    if (space.revoked)
      throw new MeshError('REVOKED', `${space.name} was revoked: its receipts prove nothing`);
    const proof = decodeTlogProof(proofBytes);
    const origin = receiptsOrigin(mesh, space.id);
    let refusal: MeshError | undefined;
    for (const { nodeKey } of [...space.keys].reverse()) {
      const key = makeLogKey(origin, nodeKey);
      try {
        const checkpoint = verifyTlogProof(proof, receiptBytes, origin, key);
        verifyByAny(decoded, space);
        const { index } = proof;
        const kept = {
          space,
          index,
          atMs: clock.nowMs(),
          receipt: predicate,
          bytes: receiptBytes,
          proof: proofBytes,
        };
        return { kept, checkpoint };
      } catch (error) {
        refusal ??= asMeshError(error);
      }
    }
    throw refusal ?? new MeshError('UNKNOWN_KEY', `${space.name} has no key`);
  }

  /**
   * Keeps a receipt that verifies. One of an import acknowledges the bundle.
   * @returns whether it is new here
   * @throws CONFLICT when another receipt has its number
   */
  async add(
    receiptBytes: Buffer,
    proofBytes: Buffer,
  ): Promise<{ kept: KeptReceipt; isNew: boolean }> {
    const { store, ledger } = this.#o;
    const { kept, checkpoint } = this.verify(receiptBytes, proofBytes);
    const { space, index, atMs, receipt } = kept;
    const known = await this.find(space.id, index);
    try {
      requireSame(known, receiptBytes, `${space.name} has signed two receipts, number ${index}`);
      await this.#raiseHead(space.id, checkpoint, proofBytes);
    } catch (error) {
      await this.#auditConflict(error, kept);
      throw error;
    }
    if (known) return { kept, isNew: false };
    const row = {
      atMs,
      receipt: receiptBytes.toString('base64'),
      proof: proofBytes.toString('base64'),
    };
    const value = Buffer.from(JSON.stringify(row));
    await store.write([{ type: 'put', key: receiptKey(space.id, index), value }], { sync: true });
    this.#o.onKept?.(kept);
    if (receipt.kind === 'import') await this.#acknowledge(space, receipt);
    await ledger.audit({
      ...{ atMs, what: 'receipts', subject: `${space.name} ${index}`, code: null, by: null },
      text:
        receipt.kind === 'import' ? `bundle ${receipt.bundle.sequence} was applied` : receipt.id,
    });
    return { kept, isNew: true };
  }

  /** Somebody brought the evidence once: it is on record from then on. */
  async #auditConflict(error: unknown, { space, index, atMs }: KeptReceipt): Promise<void> {
    if (!isMeshError(error, 'CONFLICT')) return;
    const [subject, text] = [`receipt ${index} of ${space.name}`, error.message];
    const row = { atMs, what: 'refused' as const, subject, code: error.code, text, by: null };
    await this.#o.ledger.audit(row);
  }

  async #acknowledge(
    space: SpaceRow,
    { bundle }: Extract<Receipt, { kind: 'import' }>,
  ): Promise<void> {
    const row = await this.#o.ledger.get('out', space.id, bundle.sequence);
    if (row?.manifest !== bundle.manifestSha256) return;
    await this.#o.ledger.put({ ...row, state: 'acknowledged', atMs: this.#o.clock.nowMs() });
  }

  /** As it was signed, with its proof. */
  async find(
    space: SpaceId,
    index: number,
  ): Promise<{ receipt: Buffer; proof: Buffer; atMs: number } | undefined> {
    const bytes = await this.#o.store.get(receiptKey(space, index));
    return bytes && parseKept(bytes);
  }

  /** How many receipts the space says it has signed. */
  async #raiseHead(space: SpaceId, { size, root }: Checkpoint, proof: Buffer): Promise<void> {
    const known = await this.#head(space);
    if (known?.size === size && known.root !== root.toString('hex'))
      throw new MeshError('CONFLICT', `two histories of the receipts of ${space} meet at ${size}`, {
        next: 'Keep all files: together they prove it. Ask the space what it runs from.',
      });
    if (known && known.size >= size) return;
    const note = decodeTlogProof(proof).note.bytes.toString('base64');
    const value = Buffer.from(JSON.stringify({ size, root: root.toString('hex'), note }));
    await this.#o.store.write([{ type: 'put', key: headKey(space), value }], { sync: true });
  }

  async sizeOf(space: SpaceId): Promise<number> {
    return (await this.#head(space))?.size ?? 0;
  }

  async #head(space: SpaceId): Promise<z.output<typeof Known> | undefined> {
    const bytes = await this.#o.store.get(headKey(space));
    return bytes && Known.parse(JSON.parse(bytes.toString('utf8')));
  }

  /** Of each space that any came of, the one with the highest number. */
  async *newestOfEach(): AsyncGenerator<KeptReceipt> {
    for await (const { key } of this.#o.store.range(markRange(HEADS))) {
      const space = key.toString('utf8').slice(-SPACE_ID_CHARS);
      yield* this.#in({ ...markRange(`${PREFIX}${space}/`), reverse: true, limit: 1 });
    }
  }

  /** All that are kept of one space, or of all, oldest first. */
  all(space?: SpaceId): AsyncGenerator<KeptReceipt> {
    return this.#in(markRange(`${PREFIX}${space === undefined ? '' : `${space}/`}`));
  }

  async *#in(range: RangeOptions): AsyncGenerator<KeptReceipt> {
    const { store, directory } = this.#o;
    for await (const { key, value } of store.range(range)) {
      const { atMs, receipt: bytes, proof } = parseKept(value);
      const { predicate } = decodeReceipt(bytes).statement;
      const row = directory.state.spaces.get(predicate.space.id);
      const index = Number(key.toString('utf8').slice(-16));
      if (row) yield { space: row, index, atMs, receipt: predicate, bytes, proof };
    }
  }

  /** Numbers below the largest size that the space has signed of which no receipt came, at most `most` of them. */
  async missing(space: SpaceId, most: number): Promise<number[]> {
    const size = await this.sizeOf(space);
    const missing: number[] = [];
    let next = 0;
    for await (const { index } of this.all(space)) {
      for (; next < index && missing.length < most; next++) missing.push(next);
      next = index + 1;
    }
    for (; next < size && missing.length < most; next++) missing.push(next);
    return missing;
  }
}

function verifyByAny(decoded: ReturnType<typeof decodeReceipt>, space: SpaceRow): void {
  let refusal: unknown;
  for (const { nodeKey } of [...space.keys].reverse()) {
    try {
      verifyReceipt(
        decoded,
        makeLogKey(receiptsOrigin(decoded.statement.predicate.mesh, space.id), nodeKey).publicKey,
      );
      return;
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

/** @throws CONFLICT */
function requireSame(known: { receipt: Buffer } | undefined, bytes: Buffer, what: string): void {
  if (!known || known.receipt.equals(bytes)) return;
  throw new MeshError('CONFLICT', what, {
    next: 'Keep both files: together they prove it. Ask the space what it runs from.',
  });
}

function parseKept(bytes: Buffer): { receipt: Buffer; proof: Buffer; atMs: number } {
  const { atMs, receipt, proof } = Kept.parse(JSON.parse(bytes.toString('utf8')));
  return { atMs, receipt: Buffer.from(receipt, 'base64'), proof: Buffer.from(proof, 'base64') };
}
