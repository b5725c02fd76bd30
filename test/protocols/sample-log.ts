// A log made in memory with a key of its own: what the tests of verification verify.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { logKey, signCheckpoint } from '../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { type Entry, encodeEntry, KIND } from '../../protocols/entry.ts';
import {
  feedOrigin,
  parseFeedId,
  parseMeshId,
  parseSpaceId,
  uuidBytes,
} from '../../protocols/ids.ts';
import { Frontier, leafHash } from '../../protocols/merkle.ts';
import { rawCid } from '../../protocols/record.ts';
import type { Packed } from '../../protocols/segment.ts';

export const MESH = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
export const SPACE = parseSpaceId('0199b7c2-1f00-4000-8000-000000000001');
export const FEED = parseFeedId('0199b7c2-1f00-4000-8000-0000000000f1');
export const FEED_BYTES = uuidBytes(FEED);
export const ORIGIN = feedOrigin(MESH, SPACE, FEED);

/** The Ed25519 key of 32 equal bytes. */
export function keyOf(byte: number) {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const der = Buffer.concat([prefix, Buffer.alloc(32, byte)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  return { privateKey, publicKey, raw: ed25519Raw(publicKey) };
}

export const KEY = keyOf(0x42);
export const LOG_KEY = logKey(ORIGIN, KEY.publicKey, KEY.raw);

export function sampleEntry(i: number, record: Buffer, changes: Partial<Entry> = {}): Entry {
  return {
    kind: KIND.publish,
    event: 'VariableSetPublishedV1Event',
    item: Buffer.alloc(16, i),
    version: 1,
    timeMs: 1_795_000_000_000 + i,
    feed: FEED_BYTES,
    keyEpoch: null,
    record: rawCid(record),
    sizeBytes: record.length,
    prev: null,
    expiresS: null,
    ...changes,
  };
}

export function samplePacked(i: number, changes: Partial<Entry> = {}): Packed {
  const record = Buffer.from(`record ${i}`);
  return { leaf: encodeEntry(sampleEntry(i, record, changes)), record };
}

export const samplePack = (count: number): Packed[] =>
  Array.from({ length: count }, (_, i) => samplePacked(i));

export function treeOf(packed: readonly Packed[]): Frontier {
  const tree = new Frontier();
  for (const { leaf } of packed) tree.append(leafHash(leaf));
  return tree;
}

export function checkpointOf(packed: readonly Packed[]) {
  const tree = treeOf(packed);
  return { origin: ORIGIN, size: tree.size, root: tree.root() };
}

export const noteOf = (packed: readonly Packed[]): Buffer =>
  signCheckpoint(checkpointOf(packed), LOG_KEY, KEY.privateKey);
