import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../protocols/envelope.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import {
  type Attachment,
  decodeAttachment,
  decodeRecord,
  encodeAttachment,
  rawCid,
  structCid,
  verifyBlock,
} from '../../protocols/record.ts';
import { codeOf } from '../certs/fixtures.ts';

const envelope = encodeEnvelope({
  id: '0199b7c2-1f00-4000-8000-000000000009',
  source: 'odcm://library/variables#base',
  type: 'VariableSetPublishedV1Event',
  occurredTimeUtc: '2026-11-21T10:00:00Z',
  activityId: '0199b7c2-1f00-4000-8000-000000000008',
  specVersion: '1.0',
  payload: { mediaType: 'application/json' },
});
const KiB64 = 65_536;
const hashes = (count: number) =>
  Array.from({ length: count }, (_, i) => sha256(Buffer.of(i & 255)));

function inline(sizeBytes: number): Attachment {
  const content = Buffer.alloc(sizeBytes, 7);
  return { envelope, sizeBytes, sha256: sha256(content), content: { inline: content } };
}

const apart = (sizeBytes: number, count: number, depth = 0): Attachment => ({
  envelope,
  sizeBytes,
  sha256: Buffer.alloc(32, 1),
  content: { depth, hashes: hashes(count) },
});

describe('attachment', () => {
  it.each([
    ['1 byte inside', inline(1)],
    ['60,000 bytes inside', inline(60_000)],
    ['60,001 bytes in one chunk', apart(60_001, 1)],
    ['65,536 bytes in one chunk', apart(KiB64, 1)],
    ['65,537 bytes in two chunks', apart(KiB64 + 1, 2)],
    ['1,536 chunks without an index', apart(1536 * KiB64, 1536)],
    ['1,537 chunks under two indexes', apart(1536 * KiB64 + 1, 2, 1)],
    ['the largest object under six indexes', apart(512 * 2 ** 20, 6, 1)],
  ])('is read back with %s, and fits into a block', (_, attachment) => {
    const bytes = encodeAttachment(attachment);
    expect(decodeAttachment(bytes)).toEqual(attachment);
    expect(bytes.length).toBeLessThanOrEqual(LIMITS.blockBytes);
  });

  it.each([
    ['60,001 bytes inside', inline(60_001), 'NOT_CANONICAL'],
    ['60,000 bytes in a chunk', apart(60_000, 1), 'NOT_CANONICAL'],
    ['nothing in no chunk', apart(0, 0), 'NOT_CANONICAL'],
    ['65,537 bytes in one chunk', apart(KiB64 + 1, 1), 'NOT_CANONICAL'],
    ['65,536 bytes in two chunks', apart(KiB64, 2), 'NOT_CANONICAL'],
    ['1,536 chunks under an index', apart(1536 * KiB64, 1, 1), 'NOT_CANONICAL'],
    ['the largest object under two levels', apart(512 * 2 ** 20, 1, 2), 'NOT_CANONICAL'],
    ['1,537 chunks without an index', apart(1537 * KiB64, 1537), 'TOO_LARGE'],
    ['more than the largest object', apart(512 * 2 ** 20 + 1, 6, 1), 'TOO_LARGE'],
    ['another size than its content', { ...inline(5), sizeBytes: 6 }, 'MALFORMED'],
    ['another hash than its content', { ...inline(5), sha256: Buffer.alloc(32) }, 'HASH_MISMATCH'],
  ] as const)('is refused with %s', (_, attachment, code) => {
    expect(codeOf(() => decodeAttachment(encodeAttachment(attachment)))).toBe(code);
  });

  it('has no place for sealed content, which has records of its own', () => {
    const { content } = apart(60_001, 1);
    const seal = { epoch: 1, key: Buffer.alloc(32) } as never;
    const sealed = { ...apart(60_001, 1), content: { ...content, seal } };
    expect(codeOf(() => encodeAttachment(sealed))).toBe('MALFORMED');
  });

  it('is refused above the size of a block before it is read', () => {
    expect(codeOf(() => decodeAttachment(Buffer.alloc(LIMITS.blockBytes + 1)))).toBe('TOO_LARGE');
  });
});

describe('record', () => {
  it('is an envelope under a raw CID and an attachment under a dag-cbor CID', () => {
    const attachment = encodeAttachment(inline(5));
    expect(decodeRecord(rawCid(envelope), envelope)).toMatchObject({ kind: 'event' });
    const body = decodeRecord(structCid(attachment), attachment);
    expect(body).toMatchObject({ kind: 'attachment', attachment: inline(5) });
    expect(body.envelope.source).toBe('odcm://library/variables#base');
  });

  it('is refused when it is of the other kind or its envelope breaks the contract', () => {
    const attachment = encodeAttachment(inline(5));
    expect(codeOf(() => decodeRecord(rawCid(attachment), attachment))).toBe('EVENT_INVALID');
    expect(codeOf(() => decodeRecord(structCid(envelope), envelope))).toBe('MALFORMED');
    const bad = encodeAttachment({ ...inline(5), envelope: Buffer.from('{}') });
    expect(codeOf(() => decodeRecord(structCid(bad), bad))).toBe('EVENT_INVALID');
  });

  it('is a block only under its own hash and limit', () => {
    verifyBlock(rawCid(envelope), envelope);
    expect(codeOf(() => verifyBlock(rawCid(envelope), envelope.subarray(1)))).toBe('HASH_MISMATCH');
    const large = Buffer.alloc(LIMITS.blockBytes + 1);
    expect(codeOf(() => verifyBlock(rawCid(large), large))).toBe('TOO_LARGE');
  });
});
