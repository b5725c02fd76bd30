// Records about to be published: what drafts say, as the bytes that entries name and their hashes. Nothing here depends on
// what the items were before. What is the same for all drafts of a batch is computed once: batches have a thousand.

import type { Cid } from '../../protocols/codec.ts';
import { type Context, publishedEvent, withdrawnEvent } from '../../protocols/contexts.ts';
import { type Contract, contractOf } from '../../protocols/contracts.ts';
import { checkFields, checkNesting, type Json, SPEC_VERSION } from '../../protocols/envelope.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type FeedName, parseItemName, type SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { type Content, encodeAttachment, rawCid, structCid } from '../../protocols/record.ts';
import type { ChunkedInner } from '../../protocols/sealed-record.ts';
import { refuseSensitive } from '../../protocols/sensitive.ts';
import type { DrawnIds } from './drawn-ids.ts';

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
  readonly ids: DrawnIds;
  /** Who reads it holds a key: it may hold sensitive values. */
  readonly isSealed?: boolean;
}

export class NewRecords {
  readonly #ids: DrawnIds;
  readonly #published: string;
  readonly #withdrawn: string;
  readonly #source: string;
  readonly #nowMs: number;
  readonly #time: string;
  readonly #contract: Contract | undefined;
  readonly #isSealed: boolean;
  /** Of the event that was made last: those of one request have the same as a rule. */
  #last: Fields | undefined;

  constructor({ space, feed, context, nowMs, ids, isSealed = false }: RecordsOptions) {
    this.#isSealed = isSealed;
    this.#ids = ids;
    this.#published = publishedEvent(context);
    this.#withdrawn = withdrawnEvent(context);
    this.#source = `","source":"odcm://${space}/${feed}#`;
    this.#nowMs = nowMs;
    this.#time = new Date(nowMs).toISOString();
    this.#contract = contractOf(context.name);
  }

  /** The records of one request. @throws the refusal of its first bad draft */
  make(drafts: readonly Draft[]): NewRecord[] {
    const activityId = this.#ids.uuid();
    return drafts.map((draft) => this.#make(draft, draft.activityId ?? activityId));
  }

  #make(draft: Draft, activityId: string): NewRecord {
    const { body } = draft;
    const item = parseItemName(draft.item);
    if (body !== null) this.#contract?.(item, 'sha256' in body ? null : body, this.#nowMs);
    if (body !== null && 'sha256' in body) return this.#attachment(draft, activityId, body);
    const isWithdrawal = body === null;
    const payload = isWithdrawal ? '{}' : payloadText(draft, body.payload);
    if (!this.#isSealed) refuseSensitive(payload, item);
    const type = draft.type ?? (isWithdrawal ? this.#withdrawn : this.#published);
    const payloadBytes = Buffer.byteLength(payload);
    const bytes = this.#envelope(draft, type, activityId, payload, payloadBytes);
    const sizeBytes = isWithdrawal ? 0 : payloadBytes;
    const hash = isWithdrawal ? NO_HASH : sha256(payload);
    const cid = rawCid(bytes);
    return { item, isWithdrawal, isChunked: false, type, cid, bytes, sha256: hash, sizeBytes };
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

  #fields(type: string, occurredTimeUtc: string, activityId: string): Buffer {
    const last = this.#last;
    const isLast =
      last?.type === type &&
      last.activityId === activityId &&
      last.occurredTimeUtc === occurredTimeUtc;
    if (isLast) return last.bytes;
    const bytes = Buffer.from(
      `","type":${JSON.stringify(type)},"occurredTimeUtc":"${occurredTimeUtc}",` +
        `"activityId":"${activityId}","specVersion":"${SPEC_VERSION}","payload":`,
    );
    this.#last = { type, occurredTimeUtc, activityId, bytes };
    return bytes;
  }

  /** The payload was serialised once for its hash; it is the last field of the envelope. */
  #envelope(
    draft: Draft,
    type: string,
    activityId: string,
    payload: string,
    payloadBytes = Buffer.byteLength(payload),
  ): Buffer {
    const id = this.#ids.uuid();
    const occurredTimeUtc = draft.occurredTimeUtc ?? this.#time;
    if (draft.occurredTimeUtc !== undefined || draft.activityId !== undefined) {
      checkFields({ id, activityId, occurredTimeUtc });
    }
    // Every text but the type, which is checked with its entry, is made here or was just checked: none needs escaping.
    const head = `{"id":"${id}${this.#source}${encodeURIComponent(draft.item)}`;
    const fields = this.#fields(type, occurredTimeUtc, activityId);
    const payloadAt = head.length + fields.length;
    const end = payloadAt + payloadBytes;
    if (end + 1 >= LIMITS.envelopeBytes) throw tooLarge(draft.item);
    checkNesting(payload, 1);
    const bytes = Buffer.allocUnsafe(end + 1);
    bytes.write(head, 0, 'latin1');
    bytes.set(fields, head.length);
    bytes.write(payload, payloadAt);
    bytes[end] = CLOSING_BRACE;
    return bytes;
  }
}

/** What stands between the item's name and the payload of an event. */
interface Fields {
  readonly type: string;
  readonly occurredTimeUtc: string;
  readonly activityId: string;
  readonly bytes: Buffer;
}

function tooLarge(item: string): MeshError {
  return new MeshError('TOO_LARGE', `the event of ${JSON.stringify(item)} is not below 64 KB`, {
    next: 'Publish large content as a file: odcm publish FEED ITEM FILE',
  });
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
const CLOSING_BRACE = 0x7d;
