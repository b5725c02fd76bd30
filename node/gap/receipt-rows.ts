// The rows of the receipts of this space. Only the leaves cannot be made again: head, tree hashes and subjects are made anew
// from them when one is damaged, and nothing is when a leaf is.

import type { KeyObject } from 'node:crypto';
import { decodeNote, type LogKey, signCheckpoint } from '../../protocols/checkpoint.ts';
import { Reader, Writer } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { decodeReceipt, type Subject } from '../../protocols/gap/receipt.ts';
import type { Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, leafHash, sha256 } from '../../protocols/merkle.ts';
import { isLastingMark, markKey, markRange } from '../store/keys.ts';
import type { Put, Store } from '../store/store.ts';

/** How far the log is; no note while there is no receipt. */
export interface ReceiptHead {
  readonly tree: Frontier;
  readonly note: Buffer | undefined;
}

export interface ReceiptRowsOptions {
  readonly store: Store;
  readonly origin: Origin;
  readonly signer: () => { readonly key: LogKey; readonly privateKey: KeyObject };
}

/** Rows of about so many leaves are written together. */
const GROUP = 1000;
const padded = (n: number): string => String(n).padStart(16, '0');
const ALL = 'receipts/';
export const LEAVES = 'receipts/leaf/';
const LEAF_KEYS = markKey(LEAVES);
const HEAD = markKey('receipts/head');
export const leafKey = (index: number): Buffer => markKey(`${LEAVES}${padded(index)}`);
const isLeafKey = (key: Buffer): boolean => key.subarray(0, LEAF_KEYS.length).equals(LEAF_KEYS);
/** A name may be as long as a line: its hash is not. */
export const subjectKey = (name: string, sha256OfIt: string): Buffer =>
  markKey(`receipts/subject/${sha256(name).toString('hex')}/${sha256OfIt}`);
export const nodeKey = (height: number, index: number): Buffer =>
  markKey(`receipts/node/${height}/${padded(index)}`);

/** The next receipt goes into the tree; gives back all its rows but the head. */
export function addLeaf(tree: Frontier, bytes: Buffer, subject: Subject): Put[] {
  const index = tree.size;
  const rows: Put[] = [
    { type: 'put', key: leafKey(index), value: bytes },
    {
      type: 'put',
      key: subjectKey(subject.name, subject.sha256),
      value: Buffer.from(String(index)),
    },
  ];
  tree.append(leafHash(bytes), (height, at, hash) => {
    rows.push({ type: 'put', key: nodeKey(height, at), value: hash });
  });
  return rows;
}

export function headRow({ tree, note }: { tree: Frontier; note: Buffer }): Put {
  const head = new Writer(512)
    .array(3)
    .uint(tree.size)
    .bytes(Buffer.concat(tree.hashes))
    .bytes(note);
  return { type: 'put', key: HEAD, value: head.take() };
}

/** @throws STORE_DAMAGED when it cannot be told how far the log is */
export async function openReceiptHead(o: ReceiptRowsOptions): Promise<ReceiptHead> {
  const { store } = o;
  const damaged: Buffer[] = [];
  let hasLeaves = false;
  const onDamaged = (key: Buffer) => damaged.push(key);
  for await (const { key } of store.range({ ...markRange(ALL), onDamaged }))
    hasLeaves ||= isLeafKey(key);
  hasLeaves ||= damaged.some(isLeafKey);
  const isHeadSound = !damaged.some((key) => key.equals(HEAD));
  const head = isHeadSound ? await readHead(store) : undefined;
  const isSound = damaged.every((key) => isLeafKey(key) || !isLastingMark(key));
  if (isSound && (head || !hasLeaves)) return head ?? { tree: new Frontier(), note: undefined };
  return makeAnew(o, head);
}

async function readHead(store: Store): Promise<ReceiptHead | undefined> {
  const bytes = await store.get(HEAD);
  if (!bytes) return undefined;
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
    throw new MeshError('STORE_DAMAGED', 'the head of the receipts is not the one that was signed');
  return { tree, note };
}

/** Out of the leaves; with a head that is left, they must be those under it. The head comes last. */
async function makeAnew(o: ReceiptRowsOptions, known?: ReceiptHead): Promise<ReceiptHead> {
  const { store, origin, signer } = o;
  const tree = new Frontier();
  let rows: Put[] = [];
  for await (const { key, value } of store.range(markRange(LEAVES))) {
    if (!key.equals(leafKey(tree.size))) throw lost(tree.size);
    const [subject] = decodeReceipt(value).statement.subject;
    rows.push(...addLeaf(tree, value, { name: subject!.name, sha256: subject!.digest.sha256 }));
    if (rows.length < GROUP) continue;
    await store.write(rows);
    rows = [];
  }
  // Without a leaf nobody knows whether there were any.
  if (tree.size === 0) throw lost(0);
  if (known && !(known.tree.size === tree.size && known.tree.root().equals(tree.root())))
    throw lost(tree.size);
  const { key, privateKey } = signer();
  // The same size and root as before: no second history comes of it.
  const note =
    known?.note ?? signCheckpoint({ origin, size: tree.size, root: tree.root() }, key, privateKey);
  await store.write([...rows, headRow({ tree, note })], { sync: true });
  return { tree, note };
}

const lost = (index: number): MeshError =>
  new MeshError('STORE_DAMAGED', `receipt ${index} is missing in store/log, so none is signed`, {
    next: 'Restore store/log from a backup that has all receipts.',
  });
