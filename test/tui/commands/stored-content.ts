// The content that a canned node was given, for tests of publishing.

import { MeshError } from '../../../protocols/errors.ts';
import type { Received } from './canned-node.ts';

export type StoredContent = Map<string, { content: Buffer; mediaType: unknown }>;

/** Refuses what is not JSON under a JSON media type, as a node does in a context that promises JSON. */
export async function storeContent(stored: StoredContent, { query, content }: Received) {
  const item = String(query['item']);
  const bytes = await content();
  if (query['mediaType'] === 'application/json') {
    try {
      JSON.parse(String(bytes));
    } catch {
      throw new MeshError('NOT_JSON', `item "${item}" is not UTF-8 JSON`);
    }
  }
  const status = stored.get(item)?.content.equals(bytes) ? 'unchanged' : 'published';
  stored.set(item, { content: bytes, mediaType: query['mediaType'] });
  return { item, status, version: 1, index: stored.size - 1 };
}
