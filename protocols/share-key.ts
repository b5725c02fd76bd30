// Share keys: the key of one epoch of a sealed feed, wrapped for each recipient, as pages in entries of the feed's own log
// (wire §5). The commitment in every page holds the publisher to one key for all.

import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { Reader, Writer } from './codec.ts';
import { isMeshError, MeshError } from './errors.ts';
import { HPKE_ENC_BYTES, HPKE_TAG_BYTES, openHpke, rawPublicKey, sealHpke } from './hpke.ts';
import { LIMITS } from './limits.ts';
import { sha256 } from './merkle.ts';
import {
  exchangeKeyIdBytes,
  type SealScope,
  shareKeyCommitBytes,
  shareKeyInfo,
} from './signable.ts';

export const SHARE_KEY_EVENT = 'ShareKeyEpochV1Event';
export const SHARE_KEY_BYTES = 32;
const FORMAT = 1;
/** DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, for wraps; AES-256-GCM for records. */
export const SUITE = 1;
export const KEY_ID_BYTES = 8;
const WRAP_BYTES = SHARE_KEY_BYTES + HPKE_TAG_BYTES;
const MAX_EPOCH = 0xffffffff;

export interface Wrap {
  /** Names the recipient's exchange key. */
  readonly keyId: Buffer;
  readonly enc: Buffer;
  readonly ciphertext: Buffer;
}

export interface ShareKeyPage {
  readonly feed: Buffer;
  readonly epoch: number;
  readonly commit: Buffer;
  /** In order of their key ids. */
  readonly wraps: readonly Wrap[];
}

/** Eight bytes that stand for an X25519 public key. */
export const exchangeKeyId = (raw: Uint8Array): Buffer =>
  sha256(exchangeKeyIdBytes(raw)).subarray(0, KEY_ID_BYTES);

export const commitOf = (feed: Uint8Array, epoch: number, key: Uint8Array): Buffer =>
  sha256(shareKeyCommitBytes(feed, epoch, key));

export function encodeShareKeyPage({ feed, epoch, commit, wraps }: ShareKeyPage): Buffer {
  const w = new Writer(128 + wraps.length * 96).array(6).uint(FORMAT).bytes(feed).uint(epoch);
  w.uint(SUITE).bytes(commit).array(wraps.length);
  for (const { keyId, enc, ciphertext } of wraps) {
    w.array(3).bytes(keyId).bytes(enc).bytes(ciphertext);
  }
  return w.take();
}

export function decodeShareKeyPage(bytes: Uint8Array): ShareKeyPage {
  if (bytes.length > LIMITS.blockBytes)
    throw new MeshError('TOO_LARGE', 'a page of a share key is above the block limit');
  const r = new Reader(bytes);
  r.tuple(6);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a share key');
  const feed = r.bytesOf(16);
  const epoch = r.uint(MAX_EPOCH);
  if (epoch === 0) throw new MeshError('MALFORMED', 'epochs of share keys start at 1');
  if (r.uint() !== SUITE) throw new MeshError('MALFORMED', 'unknown suite of a share key');
  const commit = r.bytesOf(32);
  const count = r.array(LIMITS.shareKeyRecipients);
  if (count === 0) throw new MeshError('MALFORMED', 'a share key without recipients');
  const wraps: Wrap[] = [];
  for (let i = 0; i < count; i++) {
    r.tuple(3);
    const keyId = r.bytesOf(KEY_ID_BYTES);
    const before = wraps.at(-1);
    if (before && Buffer.compare(before.keyId, keyId) >= 0)
      throw new MeshError('NOT_CANONICAL', 'recipients of a share key are out of order');
    wraps.push({ keyId, enc: r.bytesOf(HPKE_ENC_BYTES), ciphertext: r.bytesOf(WRAP_BYTES) });
  }
  r.end();
  return { feed, epoch, commit, wraps };
}

export interface WrapOptions {
  readonly scope: SealScope;
  readonly epoch: number;
  readonly key: Uint8Array;
  /** X25519 public keys; each once. */
  readonly recipients: readonly Uint8Array[];
  readonly random: (count: number) => Uint8Array;
}

/** The pages for these recipients. A key that agrees on zero gets no wrap: its owner could not be told from anybody. */
export function wrapShareKey({ scope, epoch, key, recipients, random }: WrapOptions): Buffer[] {
  const commit = commitOf(scope.feed, epoch, key);
  const wraps: Wrap[] = [];
  for (const raw of recipients) {
    const keyId = exchangeKeyId(raw);
    const context = { info: shareKeyInfo(scope, epoch, keyId), aad: commit };
    try {
      wraps.push({ keyId, ...sealHpke(raw, context, key, random(32)) });
    } catch (error) {
      if (!isMeshError(error, 'WEAK_KEY')) throw error;
    }
  }
  wraps.sort((a, b) => Buffer.compare(a.keyId, b.keyId));
  const feed = Buffer.from(scope.feed);
  const pages: Buffer[] = [];
  for (let at = 0; at < wraps.length; at += LIMITS.shareKeyRecipients) {
    const some = wraps.slice(at, at + LIMITS.shareKeyRecipients);
    pages.push(encodeShareKeyPage({ feed, epoch, commit, wraps: some }));
  }
  return pages;
}

/**
 * The key out of a page; undefined when no wrap is for any of these private keys.
 * @throws KEY_MISMATCH when the wrap does not open, or to another key than the page commits to
 */
export function openShareKey(
  scope: SealScope,
  page: ShareKeyPage,
  privateKeys: readonly KeyObject[],
): Buffer | undefined {
  for (const privateKey of privateKeys) {
    const keyId = exchangeKeyId(rawPublicKey(privateKey));
    const wrap = page.wraps.find((w) => w.keyId.equals(keyId));
    if (!wrap) continue;
    const context = { info: shareKeyInfo(scope, page.epoch, keyId), aad: page.commit };
    const key = tryOpen(privateKey, context, wrap);
    const isRight =
      key?.length === SHARE_KEY_BYTES &&
      timingSafeEqual(commitOf(scope.feed, page.epoch, key), page.commit);
    if (key && isRight) return key;
    throw new MeshError('KEY_MISMATCH', `the key of epoch ${page.epoch} is not the promised one`);
  }
  return undefined;
}

function tryOpen(
  privateKey: KeyObject,
  context: { readonly info: Buffer; readonly aad: Buffer },
  wrap: Wrap,
): Buffer | undefined {
  try {
    return openHpke(privateKey, context, wrap);
  } catch (error) {
    if (isMeshError(error, 'WEAK_KEY')) return undefined;
    throw error;
  }
}
