import { describe, expect, it } from 'vitest';
import { decodeNote } from '../../protocols/checkpoint.ts';
import { decode, encode, type Value } from '../../protocols/codec.ts';
import { decodeEntry, encodeEntry } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import { decodeAnnouncement, encodeAnnouncement } from '../../protocols/gossip.ts';
import { decodePresences, encodePresences } from '../../protocols/presence.ts';
import {
  decodeAttachment,
  decodeIndex,
  encodeAttachment,
  encodeIndex,
} from '../../protocols/record.ts';
import { decodeSegment, packSegments } from '../../protocols/segment.ts';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from '../../protocols/sync.ts';
import announcement from '../vectors/announcement.json' with { type: 'json' };
import answer from '../vectors/answer.json' with { type: 'json' };
import { generate, SEED } from '../vectors/cases.ts';
import codec from '../vectors/codec.json' with { type: 'json' };
import entry from '../vectors/entry.json' with { type: 'json' };
import index from '../vectors/index.json' with { type: 'json' };
import note from '../vectors/note.json' with { type: 'json' };
import { plain, type Vector } from '../vectors/plain.ts';
import presence from '../vectors/presence.json' with { type: 'json' };
import record from '../vectors/record.json' with { type: 'json' };
import request from '../vectors/request.json' with { type: 'json' };
import segment from '../vectors/segment.json' with { type: 'json' };

interface Format {
  readonly vectors: readonly Vector[];
  /** The value and the bytes that we would write for it. */
  readonly read: (bytes: Buffer) => { value: unknown; again: Uint8Array };
}

function format<T>(
  vectors: readonly Vector[],
  decodeIt: (bytes: Buffer) => T,
  encodeIt: (value: T) => Uint8Array,
): Format {
  const read = (bytes: Buffer) => {
    const value = decodeIt(bytes);
    return { value, again: encodeIt(value) };
  };
  return { vectors, read };
}

const pack = (s: ReturnType<typeof decodeSegment>) => packSegments(s.from, s.entries)[0]!;

const FORMATS: Record<string, Format> = {
  codec: format(
    codec,
    (bytes) => decode(bytes, 10_000),
    (v: Value) => encode(v),
  ),
  entry: format(entry, decodeEntry, encodeEntry),
  segment: format(segment, decodeSegment, pack),
  note: format(note, decodeNote, (n) => n.bytes),
  announcement: format(announcement, decodeAnnouncement, (a) =>
    encodeAnnouncement(a.note.bytes, a.frontier, a.segments.map(pack)),
  ),
  presence: format(presence, decodePresences, encodePresences),
  request: format(request, decodeRequest, encodeRequest),
  answer: format(answer, decodeAnswer, (a) => Buffer.concat(encodeAnswer(a))),
  record: format(record, decodeAttachment, encodeAttachment),
  index: format(index, decodeIndex, encodeIndex),
};

describe.each(Object.entries(FORMATS))('vectors of format %s', (_, { vectors, read }) => {
  it.each(vectors.filter((v) => v.code === undefined))('hold for: $name', ({ hex, value }) => {
    const bytes = Buffer.from(hex, 'hex');
    const result = read(bytes);
    expect(plain(result.value)).toEqual(value);
    expect(Buffer.from(result.again).toString('hex')).toBe(hex);
  });

  it.each(vectors.filter((v) => v.code !== undefined))('refuse: $name', ({ hex, code }) => {
    expect(() => read(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ name: MeshError.name, code }),
    );
  });
});

describe('generated vectors', () => {
  it('come out of their seed as they are stored', () => {
    const stored = Object.entries(FORMATS).map(([name, { vectors }]) => [name, vectors]);
    expect(JSON.parse(JSON.stringify(generate(SEED)))).toEqual(Object.fromEntries(stored));
  });

  it('hold for any other seed', () => {
    for (const [name, vectors] of Object.entries(generate(SEED + 1))) {
      const { read } = FORMATS[name]!;
      for (const v of vectors.filter((one) => one.code === undefined)) {
        expect(plain(read(Buffer.from(v.hex, 'hex')).value), v.name).toEqual(v.value);
      }
    }
  });
});
