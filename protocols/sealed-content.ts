// Sealed chunks: AES-256-GCM over pieces of 64 KiB, each with its number and whether it is the last in its nonce, so that none
// can be left out, moved or added (the STREAM construction). Used once for a record, and for each chunk of a large file.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { type ContentSeal, chunkCount } from './record.ts';
import { type SealScope, sealedContentInfo } from './signable.ts';

export const TAG_BYTES = 16;
const NONE = Buffer.alloc(0);

/** Chunks of a large file: their ciphertext by hash, as a tree like that of an open file. */
export interface Tail {
  /** Of the padded content, before it was sealed. */
  readonly sizeBytes: number;
  readonly depth: number;
  readonly hashes: readonly Buffer[];
}

export function contentKey(scope: SealScope, fileKey: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, NONE, sealedContentInfo(scope), 32));
}

function chunkNonce(counter: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

export function sealChunk(
  key: Buffer,
  counter: number,
  isLast: boolean,
  plain: Uint8Array,
  aad: Uint8Array = NONE,
): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, chunkNonce(counter, isLast)).setAAD(aad);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function openChunk(
  key: Buffer,
  counter: number,
  isLast: boolean,
  sealed: Buffer,
  aad: Uint8Array = NONE,
): Buffer {
  // A shorter tag would be a weaker one, and OpenSSL takes it.
  if (sealed.length < TAG_BYTES)
    throw new MeshError('SEAL_BROKEN', 'a sealed record is shorter than its seal');
  const end = sealed.length - TAG_BYTES;
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, chunkNonce(counter, isLast)).setAAD(aad);
    cipher.setAuthTag(sealed.subarray(end));
    const plain = cipher.update(sealed.subarray(0, end));
    cipher.final();
    return plain;
  } catch (cause) {
    throw new MeshError('SEAL_BROKEN', 'a sealed record does not open with its key', { cause });
  }
}

/** Seals the padded content of a file chunk by chunk, as it comes. */
export class ContentSealer {
  readonly #key: Buffer;
  #counter = 0;

  constructor(scope: SealScope, fileKey: Buffer) {
    this.#key = contentKey(scope, fileKey);
  }

  seal(chunk: Buffer, isLast: boolean): Buffer {
    return sealChunk(this.#key, this.#counter++, isLast, chunk);
  }
}

/** Opens the chunks of a sealed file in their order; padding is cut off. */
export class ContentOpener {
  readonly #seal: ContentSeal;
  readonly #count: number;
  #left: number;
  #counter = 0;

  /** @param sizeBytes of the content without padding */
  constructor(seal: ContentSeal, sizeBytes: number) {
    this.#seal = seal;
    this.#count = chunkCount(seal.sizeBytes);
    this.#left = sizeBytes;
  }

  /** The content of the next chunk; empty when it is padding only. @throws SEAL_BROKEN */
  open(chunk: Buffer): Buffer {
    const at = this.#counter++;
    const want = Math.min(LIMITS.chunkBytes, this.#seal.sizeBytes - at * LIMITS.chunkBytes);
    if (at >= this.#count || chunk.length !== want + TAG_BYTES)
      throw new MeshError('SEAL_BROKEN', 'a chunk of a sealed file has another size');
    const plain = openChunk(this.#seal.key, at, at === this.#count - 1, chunk);
    const part = plain.subarray(0, Math.min(this.#left, plain.length));
    this.#left -= part.length;
    return part;
  }
}
