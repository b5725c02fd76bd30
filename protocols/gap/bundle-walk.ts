// The order of blocks in a bundle (wire §10): the index, the root metadata, and of each log its pages, the segments of each and
// behind every segment the records and chunks that its entries name and that have not come yet. Writer and reader walk the
// same way, so every block is reachable from the index, comes once, and is known by its hash before it comes.

import type { Cid } from '../codec.ts';
import { decodeEntry, KIND } from '../entry.ts';
import { MeshError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { decodeIndex } from '../record.ts';
import { treeOf } from '../sealed-record.ts';
import { decodeSegment, type OpenSegment } from '../segment.ts';
import {
  type BundleIndex,
  decodeBundleIndex,
  decodePage,
  rawBlock,
  structBlock,
} from './bundle-index.ts';

export type { OpenSegment } from '../segment.ts';

export type Role = 'index' | 'root' | 'page' | 'segment' | 'record' | 'tree' | 'chunk';

/** What has to come next. */
export interface Expected {
  readonly cid: Cid;
  readonly role: Role;
  /** Which log of the index it belongs to; -1 for the index and the root metadata. */
  readonly log: number;
}

interface Pending extends Expected {
  /** Levels below it: those of a tree; one of a record that may name a tree. */
  readonly depth: number;
}

const hexOf = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');

export class BundleWalk {
  /** Known once the first block was taken. */
  index: BundleIndex | undefined;
  /** Named by entries and not in the bundle, in hex. */
  readonly missing = new Set<string>();
  /** Blocks so far. */
  blocks = 0;
  readonly #pending: Pending[];
  /** Records and chunks that came: the same content may be named by many entries. */
  readonly #seen = new Set<string>();

  /** @param index SHA-256 of the index block */
  constructor(index: Buffer) {
    this.#pending = [{ cid: structBlock(index), role: 'index', log: -1, depth: 0 }];
  }

  /** Undefined at the end. */
  next(): Expected | undefined {
    for (let top = this.#pending.at(-1); top; top = this.#pending.at(-1)) {
      if (!this.#isHere(top)) return top;
      this.#pending.pop();
    }
    return undefined;
  }

  #isHere({ cid, role }: Pending): boolean {
    if (role !== 'record' && role !== 'tree' && role !== 'chunk') return false;
    const hash = hexOf(cid.hash);
    return this.#seen.has(hash) || this.missing.has(hash);
  }

  /** The block that {@link next} asked for. Gives back what is in it where that is a segment. */
  take(bytes: Buffer): OpenSegment | undefined {
    const { cid, role, log, depth } = this.#pending.pop()!;
    if (++this.blocks > LIMITS.bundleBlocks)
      throw new MeshError('TOO_LARGE', `a bundle has more than ${LIMITS.bundleBlocks} blocks`);
    if (role === 'index') this.#openIndex(bytes);
    else if (role === 'page') this.#openPage(bytes, log);
    else if (role === 'segment') return this.#openSegment(bytes, log);
    else if (role !== 'root') {
      this.#seen.add(hexOf(cid.hash));
      if (role === 'record' && depth > 0) this.#openTree(bytes, log);
      if (role === 'tree') this.#push(decodeIndex(bytes), log, depth - 1);
    }
    return undefined;
  }

  #openIndex(bytes: Buffer): void {
    this.index = decodeBundleIndex(bytes);
    const later: Pending[] = this.index.roots.map((hash) => ({
      ...{ cid: rawBlock(hash), role: 'root', log: -1, depth: 0 },
    }));
    for (const [log, { pages }] of this.index.logs.entries())
      for (const hash of pages) later.push({ cid: structBlock(hash), role: 'page', log, depth: 0 });
    this.#pending.push(...later.reverse());
  }

  #openPage(bytes: Buffer, log: number): void {
    const { segments, missing } = decodePage(bytes);
    for (const hash of missing) this.missing.add(hexOf(hash));
    if (this.missing.size > LIMITS.bundleBlocks)
      throw new MeshError('TOO_LARGE', 'a bundle lacks more records than it may have');
    for (let at = segments.length - 1; at >= 0; at--)
      this.#pending.push({ cid: rawBlock(segments[at]!), role: 'segment', log, depth: 0 });
  }

  #openSegment(bytes: Buffer, log: number): OpenSegment {
    const { from, entries } = decodeSegment(bytes);
    const decoded = entries.map(({ leaf }) => decodeEntry(leaf));
    for (let at = entries.length - 1; at >= 0; at--) {
      const { record } = entries[at]!;
      const { record: cid, kind } = decoded[at]!;
      if (!cid) continue;
      const depth = mayHaveTree(cid, kind) ? 1 : 0;
      if (record === null) this.#pending.push({ cid, role: 'record', log, depth });
      else if (depth > 0) this.#openTree(record, log);
    }
    return { from, entries, decoded };
  }

  #openTree(record: Buffer, log: number): void {
    const tree = treeOf(record);
    if (tree) this.#push(tree.hashes, log, tree.depth);
  }

  #push(hashes: readonly Buffer[], log: number, depth: number): void {
    for (let at = hashes.length - 1; at >= 0; at--) {
      const hash = hashes[at]!;
      if (depth > 0) this.#pending.push({ cid: structBlock(hash), role: 'tree', log, depth });
      else this.#pending.push({ cid: rawBlock(hash), role: 'chunk', log, depth });
    }
  }
}

const mayHaveTree = (cid: Cid, kind: number): boolean =>
  cid.codec === 0x71 && (kind === KIND.publish || kind === KIND.supersede);
