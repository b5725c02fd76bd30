// Records about to be published: what drafts say, as the bytes that entries name and their hashes. Nothing here depends on
// what the items were before. What is the same for all drafts of a batch is computed once: batches have a thousand.

import type { Cid } from '../../protocols/codec.ts';
import { type Context, publishedEvent, withdrawnEvent } from '../../protocols/contexts.ts';
import { type Contract, contractOf } from '../../protocols/contracts.ts';
import { checkFields, checkNesting, type Json, SPEC_VERSION } from '../../protocols/envelope.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  type FeedName,
  parseItemName,
  type SpaceName,
  uuidFromBytes,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { type Content, encodeAttachment, rawCid, structCid } from '../../protocols/record.ts';
import type { ChunkedInner } from '../../protocols/sealed-record.ts';
import { refuseSensitive } from '../../protocols/sensitive.ts';
import type { Random } from '../clock.ts';

/** Content that lies in the block store already, or fits into the record. */
export interface StoredContent {
  readonly sizeBytes: number;
  readonly sha256: Buffer;
  readonly content: Content;
  readonly mediaType: string;
  /** Of chunks that are sealed: their key, and nothing else of the content, goes into the record. */
  readonly fileKey?: Buffer;
}

export interface Draft {
  readonly item: string;
  /** An event's payload, stored content, or null to withdraw the item. */
  readonly body: { readonly payload: Json } | StoredContent | null;
  /** Event type, when it is not the context's ordinary one. */
  readonly type?: string;
  readonly occurredTimeUtc?: string;
  readonly activityId?: string;
}

/** A record that no entry names yet. */
export interface NewRecord {
  readonly item: string;
  readonly isWithdrawal: boolean;
  /** It names further blocks, which lie in the block store already. */
  readonly isChunked: boolean;
  readonly type: string;
  readonly cid: Cid;
  readonly bytes: Buffer;
  /** Of the content; zeros when there is none. */
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  /** What is sealed in place of `bytes`, which is then the event alone. */
  readonly chunked?: ChunkedInner;
}

export interface RecordsOptions {
  readonly space: SpaceName;
  readonly feed: FeedName;
  readonly context: Context;
  readonly nowMs: number;
  readonly random16: Random16;
  /** Who reads it holds a key: it may hold sensitive values. */
  readonly isSealed?: boolean;
}

/** Gives the next 16 random bytes. */
export type Random16 = () => Buffer;

/** Draws at once what a batch needs: an event id and perhaps an item id for each draft, an activity id for each request. */
export function drawIds(random: Random, drafts: number, requests: number): Random16 {
  const drawn = random.bytes(16 * (2 * drafts + requests));
  const bytes = Buffer.from(drawn.buffer, drawn.byteOffset, drawn.byteLength);
  let used = 0;
  return () => {
    used += 16;
    return bytes.subarray(used - 16, used);
  };
}

export class NewRecords {
  readonly #random16: Random16;
  readonly #published: string;
  readonly #publishedJson: string;
  readonly #withdrawn: string;
  readonly #source: string;
  readonly #nowMs: number;
  readonly #time: string;
  readonly #contract: Contract | undefined;
  readonly #isSealed: boolean;

  constructor({ space, feed, context, nowMs, random16, isSealed = false }: RecordsOptions) {
    this.#isSealed = isSealed;
    this.#random16 = random16;
    this.#published = publishedEvent(context);
    this.#publishedJson = JSON.stringify(this.#published);
    this.#withdrawn = withdrawnEvent(context);
    this.#source = `odcm://${space}/${feed}#`;
    this.#nowMs = nowMs;
    this.#time = new Date(nowMs).toISOString();
    this.#contract = contractOf(context.name);
  }

  /** The records of one request. @throws the refusal of its first bad draft */
  make(drafts: readonly Draft[]): NewRecord[] {
    const activityId = uuidFromBytes(this.#random16());
    return drafts.map((draft) => this.#make(draft, draft.activityId ?? activityId));
  }

  #make(draft: Draft, activityId: string): NewRecord {
    const { body } = draft;
    const item = parseItemName(draft.item);
    if (body !== null) this.#contract?.(item, 'sha256' in body ? null : body, this.#nowMs);
    if (body !== null && 'sha256' in body) return this.#attachment(draft, activityId, body);
    const isWithdrawal = body === null;
    const payload = isWithdrawal ? '{}' : payloadText(draft, body.payload);
    if (!this.#isSealed) refuseSensitive(payload, JSON.stringify(item));
    const type = draft.type ?? (isWithdrawal ? this.#withdrawn : this.#published);
    const bytes = this.#envelope(draft, type, activityId, payload);
    const common = { item, isWithdrawal, isChunked: false, type, cid: rawCid(bytes), bytes };
    if (isWithdrawal) return { ...common, sha256: NO_HASH, sizeBytes: 0 };
    return { ...common, sha256: sha256(payload), sizeBytes: Buffer.byteLength(payload) };
  }

  #attachment(draft: Draft, activityId: string, stored: StoredContent): NewRecord {
    const { item } = draft;
    const { sizeBytes, mediaType, content } = stored;
    if (sizeBytes === 0) throw new MeshError('FILE_EMPTY', `${JSON.stringify(item)} is empty`);
    if (mediaType.length > LIMITS.mediaTypeChars) {
      throw new MeshError('EVENT_INVALID', 'a media type is too long');
    }
    const type = draft.type ?? this.#published;
    const envelope = this.#envelope(draft, type, activityId, JSON.stringify({ mediaType }));
    if (stored.fileKey) return this.#sealedFile(item, type, envelope, stored, stored.fileKey);
    const bytes = encodeAttachment({ ...stored, envelope });
    const isChunked = !('inline' in content);
    const { sha256: hash } = stored;
    const cid = structCid(bytes);
    return { item, isWithdrawal: false, isChunked, type, cid, bytes, sha256: hash, sizeBytes };
  }

  #sealedFile(
    item: string,
    type: string,
    envelope: Buffer,
    { sizeBytes, sha256: hash, content }: StoredContent,
    fileKey: Buffer,
  ): NewRecord {
    if ('inline' in content || !content.seal)
      throw new MeshError('EVENT_INVALID', `the content of ${JSON.stringify(item)} is not sealed`);
    const { depth, hashes, seal } = content;
    const tail = { sizeBytes: seal.sizeBytes, depth, hashes };
    const chunked = { form: 'chunked', envelope, sizeBytes, sha256: hash, fileKey, tail } as const;
    const common = { item, isWithdrawal: false, isChunked: true, type, sizeBytes, sha256: hash };
    return { ...common, cid: rawCid(envelope), bytes: envelope, chunked };
  }

  #quoted(type: string): string {
    return type === this.#published ? this.#publishedJson : JSON.stringify(type);
  }

  /** The payload was serialised once for its hash; it is the last field of the envelope. */
  #envelope(draft: Draft, type: string, activityId: string, payload: string): Buffer {
    const id = uuidFromBytes(this.#random16());
    const occurredTimeUtc = draft.occurredTimeUtc ?? this.#time;
    if (draft.occurredTimeUtc !== undefined || draft.activityId !== undefined) {
      checkFields({ id, activityId, occurredTimeUtc });
    }
    // Every text but the type, which is checked with its entry, is made here or was just checked: none needs escaping.
    const text =
      `{"id":"${id}","source":"${this.#source}${encodeURIComponent(draft.item)}","type":${this.#quoted(type)},` +
      `"occurredTimeUtc":"${occurredTimeUtc}","activityId":"${activityId}","specVersion":"${SPEC_VERSION}",` +
      `"payload":${payload}}`;
    checkNesting(text);
    const bytes = Buffer.from(text);
    if (bytes.length < LIMITS.envelopeBytes) return bytes;
    throw new MeshError(
      'TOO_LARGE',
      `the event of ${JSON.stringify(draft.item)} is not below 64 KB`,
      {
        next: 'Publish large content as a file: odcm publish FEED ITEM FILE',
      },
    );
  }
}

function payloadText(draft: Draft, payload: Json): string {
  try {
    const text: string | undefined = JSON.stringify(payload);
    if (text !== undefined) return text;
  } catch {
    // Nested so deeply that the stack was used up.
  }
  throw new MeshError('EVENT_INVALID', `the payload of ${JSON.stringify(draft.item)} is not JSON`);
}

const NO_HASH = Buffer.alloc(32);
