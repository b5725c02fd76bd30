// Content of sealed feeds on its way in: sealed chunk by chunk under a key of its own, so that nothing of it rests in the open
// and no file is ever in memory as a whole. The key goes into the record, which is sealed for the feed.

import { createHash } from 'node:crypto';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ContentSealer, contentKey } from '../../protocols/sealed-content.ts';
import { paddedBytes } from '../../protocols/sealed-record.ts';
import type { SealScope } from '../../protocols/signable.ts';
import type { Blocks } from './blocks.ts';
import { ChunkWriter, chunksOf } from './chunk-writer.ts';
import type { StoredContent } from './new-records.ts';

/** @param fileKey 32 random bytes, used for this content only */
export async function putSealedContent(
  blocks: Blocks,
  source: AsyncIterable<Uint8Array>,
  scope: SealScope,
  fileKey: Buffer,
): Promise<Omit<StoredContent, 'mediaType'>> {
  const whole = createHash('sha256');
  let sizeBytes = 0;
  let paddedTo = 0;
  async function* padded(): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      sizeBytes += piece.length;
      if (sizeBytes > LIMITS.objectBytes)
        throw new MeshError('TOO_LARGE', `the content is above ${LIMITS.objectBytes} bytes`);
      whole.update(piece);
      yield piece;
    }
    if (sizeBytes <= LIMITS.inlineContentBytes) return;
    paddedTo = paddedBytes(sizeBytes);
    for (let left = paddedTo - sizeBytes; left > 0; left -= LIMITS.chunkBytes)
      yield Buffer.alloc(Math.min(left, LIMITS.chunkBytes));
  }
  const sealer = new ContentSealer(scope, fileKey);
  const writer = new ChunkWriter(blocks);
  // One chunk is held back: which is the last is part of its seal.
  let held: Buffer | undefined;
  for await (const chunk of chunksOf(padded())) {
    if (held) await writer.add(sealer.seal(held, false));
    held = chunk;
  }
  const sha256 = whole.digest();
  if (paddedTo === 0) return { sizeBytes, sha256, content: { inline: held ?? Buffer.alloc(0) } };
  await writer.add(sealer.seal(held!, true));
  const tree = await writer.finish();
  const seal = { sizeBytes: paddedTo, key: contentKey(scope, fileKey) };
  return { sizeBytes, sha256, fileKey, content: { ...tree, seal } };
}
