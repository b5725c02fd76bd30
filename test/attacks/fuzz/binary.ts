// Parsers of the binary formats, with the vectors as their corpus.

import { decodeLocalKey } from '../../../certs/local-key.ts';
import { decode, encode } from '../../../protocols/codec.ts';
import { decodeEntry, encodeEntry } from '../../../protocols/entry.ts';
import { decodeForkProof, encodeForkProof } from '../../../protocols/fork-proof.ts';
import {
  type Announcement,
  decodeAnnouncement,
  decodeDirectoryMessage,
  encodeAnnouncement,
  encodeForkMessage,
} from '../../../protocols/gossip.ts';
import { uuidBytes } from '../../../protocols/ids.ts';
import { decodePetition } from '../../../protocols/petition.ts';
import { decodePresences, encodePresences } from '../../../protocols/presence.ts';
import {
  decodeAttachment,
  decodeIndex,
  encodeAttachment,
  encodeIndex,
} from '../../../protocols/record.ts';
import { treeOf } from '../../../protocols/sealed-record.ts';
import { decodeSegment, packSegments, type Segment } from '../../../protocols/segment.ts';
import { decodeShareKeyPage, encodeShareKeyPage } from '../../../protocols/share-key.ts';
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
} from '../../../protocols/sync.ts';
import announcement from '../../vectors/announcement.json' with { type: 'json' };
import answer from '../../vectors/answer.json' with { type: 'json' };
import codec from '../../vectors/codec.json' with { type: 'json' };
import entry from '../../vectors/entry.json' with { type: 'json' };
import index from '../../vectors/index.json' with { type: 'json' };
import note from '../../vectors/note.json' with { type: 'json' };
import type { Vector } from '../../vectors/plain.ts';
import presence from '../../vectors/presence.json' with { type: 'json' };
import record from '../../vectors/record.json' with { type: 'json' };
import request from '../../vectors/request.json' with { type: 'json' };
import segment from '../../vectors/segment.json' with { type: 'json' };
import shareKey from '../../vectors/sharekey.json' with { type: 'json' };
import type { Target } from './fuzz.ts';
import { cbor } from './grammar.ts';

export const corpusOf = (vectors: readonly Vector[]): Buffer[] =>
  vectors.map(({ hex }) => Buffer.from(hex, 'hex'));

const pack = ({ from, entries }: Segment): Buffer => packSegments(from, entries)[0]!;

const MAX_BYTES = 64 * 1024;

/** Two notes of one log, which is what a proof of a fork begins with. */
function forkCorpus(): Buffer[] {
  const notes = corpusOf(note.filter(({ code }) => code === undefined));
  const [a, b] = [notes[0]!, notes[1] ?? notes[0]!];
  const hash = Buffer.alloc(32, 7);
  return [
    encode([1, a, b, null, Buffer.alloc(0)]),
    encode([1, a, b, hash, Buffer.concat([hash, hash])]),
    encode([1, a, a, null, hash]),
  ];
}

const directoryCorpus = (): Buffer[] => [
  ...corpusOf(announcement),
  ...forkCorpus().map((proof) => encode([2, proof])),
];

const announced = (message: { announcement: Announcement }): Buffer => {
  const { note: head, frontier, segments } = message.announcement;
  return encodeAnnouncement(head.bytes, frontier, segments.map(pack));
};

const PETITION = encode([
  ...[1, Buffer.from('0199b7c21f0040008000000000000001', 'hex'), Buffer.alloc(16, 4)],
  ...[Buffer.from('{"wish":"addresses","addresses":[]}'), Buffer.alloc(64, 5)],
]);

const LOCAL_KEYS = [
  encode([1, Buffer.alloc(32, 1)]),
  encode([2, 17, 8, 1, Buffer.alloc(16, 2), Buffer.alloc(12, 3), Buffer.alloc(48, 4)]),
];

/** For what is only ever read. */
const reads =
  (read: (input: Buffer) => unknown) =>
  (input: Buffer): undefined => {
    read(input);
  };

const target = (
  name: string,
  vectors: readonly Vector[] | Buffer[],
  again: Target['again'],
): Target => ({
  ...{ name, again, grammar: cbor },
  corpus: vectors.map((one) => (Buffer.isBuffer(one) ? one : Buffer.from(one.hex, 'hex'))),
});

export const BINARY: readonly Target[] = [
  target('value', codec, (b) => encode(decode(b, MAX_BYTES))),
  target('entry', entry, (b) => encodeEntry(decodeEntry(b))),
  target('segment', segment, (b) => pack(decodeSegment(b))),
  target('announcement', announcement, (b) => announced({ announcement: decodeAnnouncement(b) })),
  target('presence', presence, (b) => encodePresences(decodePresences(b))),
  target('request', request, (b) => encodeRequest(decodeRequest(b))),
  target('answer', answer, (b) => {
    const read = decodeAnswer(b);
    // A code that only a newer peer knows is read as another, and nobody passes it on.
    return read.type === 'refused' ? undefined : Buffer.concat(encodeAnswer(read));
  }),
  target('attachment', record, (b) => encodeAttachment(decodeAttachment(b))),
  target('index', index, (b) => encodeIndex(decodeIndex(b))),
  target('fork proof', forkCorpus(), (b) => encodeForkProof(decodeForkProof(b))),
  target('message about the directory', directoryCorpus(), (b) => {
    const message = decodeDirectoryMessage(b);
    return message.type === 'fork' ? encodeForkMessage(message.proof) : announced(message);
  }),
  target('share key', shareKey as Vector[], (b) => encodeShareKeyPage(decodeShareKeyPage(b))),
  target('tree of a sealed record', [...corpusOf(record)], reads(treeOf)),
  target('petition', [PETITION], (b) => {
    const { space, nonce, body, signature } = decodePetition(b);
    return encode([1, uuidBytes(space), nonce, body, signature]);
  }),
  target('local key', LOCAL_KEYS, reads(decodeLocalKey)),
];
