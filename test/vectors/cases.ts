// The generated vectors, one list a format. Pure: the same seed gives the same lists.

import type { Vector } from './plain.ts';
import * as w from './wire.ts';

export const SEED = 0x0dc3;

const MESH = 'aeaqcaibaeaqcaibaeaqcaibae';
const MESH_RAW = Buffer.alloc(16, 1);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const repeat = (text: string, count: number) => text.repeat(count);
const good = (name: string, bytes: Buffer, value: unknown): Vector => ({
  name,
  hex: hex(bytes),
  value,
});
const bad = (name: string, bytes: Buffer | string, code: string): Vector => ({
  name,
  hex: typeof bytes === 'string' ? bytes : hex(bytes),
  code,
});

export function generate(seed: number): Record<string, Vector[]> {
  const s = new w.Seeded(seed);
  const log = makeLog(s);
  return {
    codec: codec(s),
    entry: entry(log),
    segment: segment(log),
    note: note(log),
    announcement: announcement(log),
    presence: presence(s, log),
    request: request(s, log),
    answer: answer(s, log),
    record: record(s, log),
    index: index(s),
  };
}

function codec(s: w.Seeded): Vector[] {
  const bytes = s.bytes(5);
  const digest = s.bytes(32);
  const numbers = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
  let nested: unknown = 7;
  for (let i = 0; i < 8; i++) nested = [nested];
  const raw = hex(w.cbor(w.cid(0x55, digest)));
  return [
    ...numbers.map((n) => good(`number ${n}`, w.cbor(n), n)),
    ...['', 'é€😀', '\ufeffmark', 'x'.repeat(24)].map((t) => good(`text ${t}`, w.cbor(t), t)),
    good('no bytes', w.cbor(Buffer.alloc(0)), ''),
    good('bytes', w.cbor(bytes), hex(bytes)),
    good('false, true and null', w.cbor([false, true, null]), [false, true, null]),
    good('empty array', w.cbor([]), []),
    good('arrays 8 deep', w.cbor(nested), nested),
    good('raw CID', w.cbor(w.cid(0x55, digest)), { codec: 0x55, hash: hex(digest) }),
    good('dag-cbor CID', w.cbor(w.cid(0x71, digest)), { codec: 0x71, hash: hex(digest) }),
    bad('nothing', '', 'MALFORMED'),
    bad('23 in two bytes', '1817', 'NOT_CANONICAL'),
    bad('255 in three bytes', '1900ff', 'NOT_CANONICAL'),
    bad('65535 in five bytes', '1a0000ffff', 'NOT_CANONICAL'),
    bad('2^32-1 in nine bytes', '1b00000000ffffffff', 'NOT_CANONICAL'),
    bad('2^53', '1b0020000000000000', 'TOO_LARGE'),
    bad('a cut number', '19ff', 'MALFORMED'),
    bad('a negative number', '20', 'MALFORMED'),
    bad('a map', 'a0', 'MALFORMED'),
    bad('a map with __proto__', 'a1695f5f70726f746f5f5f00', 'MALFORMED'),
    bad('undefined', 'f7', 'MALFORMED'),
    bad('a half float', 'f93c00', 'MALFORMED'),
    bad('a float', 'fb3ff0000000000000', 'MALFORMED'),
    bad('true in two bytes', 'f815', 'MALFORMED'),
    bad('bytes of indefinite length', '5f4100ff', 'NOT_CANONICAL'),
    bad('an array of indefinite length', '9f00ff', 'NOT_CANONICAL'),
    bad('a reserved length', '5c', 'NOT_CANONICAL'),
    bad('a length of one in two bytes', '580100', 'NOT_CANONICAL'),
    bad('text that is not UTF-8', '61ff', 'MALFORMED'),
    bad('text with a surrogate', '63eda080', 'MALFORMED'),
    bad('text that is cut', '6261', 'MALFORMED'),
    bad('bytes that are cut', '4261', 'MALFORMED'),
    bad('an array that is cut', '8200', 'MALFORMED'),
    bad('an array of a billion', '9a3b9aca0000', 'TOO_LARGE'),
    bad('bytes behind the value', '0000', 'NOT_CANONICAL'),
    bad('arrays 9 deep', `${repeat('81', 9)}07`, 'TOO_LARGE'),
    bad('a tag that is no CID', 'c100', 'MALFORMED'),
    bad('a CID without its prefix', raw.replace('582500', '582501'), 'MALFORMED'),
    bad('a CID of version 2', raw.replace('58250001', '58250002'), 'MALFORMED'),
    bad('a CID of another codec', raw.replace('0001551220', '0001701220'), 'MALFORMED'),
    bad('a CID of another hash', raw.replace('551220', '551320'), 'MALFORMED'),
    bad('a CID that is cut', raw.slice(0, -2), 'MALFORMED'),
  ];
}

interface LogOf {
  readonly origin: string;
  readonly space: string;
  readonly feed: Buffer;
  readonly key: w.Signer;
  readonly other: w.Signer;
  readonly rows: (w.Row & { readonly fields: readonly unknown[] })[];
}

function makeLog(s: w.Seeded): LogOf {
  const [space, feed] = [s.uuid(), s.uuid()];
  const rows: LogOf['rows'] = [];
  for (let i = 0; i < 5; i++) {
    const record = Buffer.from(JSON.stringify({ sample: i, text: hex(s.bytes(4)) }));
    const fields = [
      ...[1, i === 4 ? 2 : 1, 'VariableSetPublishedV1Event', s.bytes(16), i === 4 ? 2 : 1],
      ...[1_795_000_000_000 + i, w.uuidBytes(feed), null, w.cid(0x55, w.hash(record))],
      ...[record.length, i === 4 ? 3 : null, null],
    ];
    rows.push({ leaf: w.cbor(fields), record, fields });
  }
  const origin = `odcm/${MESH}/${space}/feed-${feed}/1`;
  const [key, other] = [w.signerOf(s.bytes(32)), w.signerOf(s.bytes(32))];
  return { origin, space, feed: w.uuidBytes(feed), key, other, rows };
}

function entry({ rows, feed }: LogOf): Vector[] {
  const { leaf, record, fields } = rows[4]!;
  const [, kind, event, item, version, timeMs, , keyEpoch, , sizeBytes, prev, expiresS] = fields;
  const digest = w.hash(record!);
  const value = {
    ...{ kind, event, item: hex(item as Buffer), version, timeMs, feed: hex(feed), keyEpoch },
    ...{ record: { codec: 0x55, hash: hex(digest) }, sizeBytes, prev, expiresS },
  };
  const put = (at: number, v: unknown) => w.cbor(fields.map((f, i) => (i === at ? v : f)));
  const manifest = w.cid(0x71, digest);
  return [
    good('second version of an item', leaf, value),
    good('of the directory', put(6, null), { ...value, feed: null }),
    good('with a manifest', put(8, manifest), {
      ...value,
      record: { codec: 0x71, hash: hex(digest) },
    }),
    good('without a record', put(8, null), { ...value, record: null }),
    good('sealed under key epoch 3', put(7, 3), { ...value, keyEpoch: 3 }),
    good('with an expiry', put(11, 1_800_000_000), { ...value, expiresS: 1_800_000_000 }),
    good('that closes its log', put(1, 8), { ...value, kind: 8 }),
    bad('of format 2', put(0, 2), 'MALFORMED'),
    bad('of no kind', put(1, 0), 'MALFORMED'),
    bad('of kind 9', put(1, 9), 'TOO_LARGE'),
    bad('with an empty event type', put(2, ''), 'MALFORMED'),
    bad('with a space in its event type', put(2, 'Variable Set'), 'MALFORMED'),
    bad('with an event type of 65 characters', put(2, 'E'.repeat(65)), 'TOO_LARGE'),
    bad('with an item of 15 bytes', put(3, Buffer.alloc(15)), 'MALFORMED'),
    bad('with an item of 17 bytes', put(3, Buffer.alloc(17)), 'TOO_LARGE'),
    bad('with version 0', put(4, 0), 'MALFORMED'),
    bad('with a negative time', put(5, -1), 'MALFORMED'),
    bad('with a fractional time', put(5, 1.5), 'MALFORMED'),
    bad('with a feed of 15 bytes', put(6, Buffer.alloc(15)), 'MALFORMED'),
    bad('with a record that is no CID', put(8, digest), 'MALFORMED'),
    bad('above the largest object', put(9, 512 * 2 ** 20 + 1), 'TOO_LARGE'),
    bad('with a text as previous index', put(10, '3'), 'MALFORMED'),
    bad('of 11 fields', w.cbor(fields.slice(0, 11)), 'MALFORMED'),
    bad('of 13 fields', w.cbor([...fields, null]), 'MALFORMED'),
    bad('that is cut', leaf.subarray(0, -1), 'MALFORMED'),
    bad('with a byte behind it', Buffer.concat([leaf, Buffer.of(0)]), 'NOT_CANONICAL'),
    bad('of 1,025 bytes', Buffer.alloc(1025), 'TOO_LARGE'),
  ];
}

const rowOf = ({ leaf, record }: w.Row) => ({
  leaf: hex(leaf),
  record: record === null ? null : hex(record),
});

function segment({ rows }: LogOf): Vector[] {
  const two = w.segment(3, rows.slice(3, 5));
  const mixed = [
    { leaf: rows[0]!.leaf, record: null },
    { leaf: rows[1]!.leaf, record: Buffer.alloc(0) },
  ];
  const patched = (at: number, ...bytes: number[]) => {
    const out = Buffer.from(two);
    out.set(bytes, at);
    return out;
  };
  const tiny = (count: number) =>
    Array.from({ length: count }, () => ({ leaf: Buffer.of(0x80), record: Buffer.alloc(0) }));
  return [
    good('two entries', two, { from: 3, entries: rows.slice(3, 5).map(rowOf) }),
    good('a record apart and no record', w.segment(2 ** 40, mixed), {
      from: 2 ** 40,
      entries: mixed.map(rowOf),
    }),
    good('last entry of a tile', w.segment(255, rows.slice(0, 1)), {
      from: 255,
      entries: rows.slice(0, 1).map(rowOf),
    }),
    good('a whole tile', w.segment(256, tiny(256)), {
      from: 256,
      entries: tiny(256).map(rowOf),
    }),
    bad('across a tile boundary', w.segment(255, rows.slice(0, 2)), 'NOT_CANONICAL'),
    bad('more than a tile', w.segment(0, tiny(257)), 'NOT_CANONICAL'),
    bad('no entries', w.segment(3, []), 'NOT_CANONICAL'),
    bad('format 2', w.segment(3, rows.slice(3, 5), 2), 'MALFORMED'),
    bad('nothing', '', 'MALFORMED'),
    bad('half a header', two.subarray(0, 8), 'MALFORMED'),
    bad('a cut entry header', two.subarray(0, 14), 'MALFORMED'),
    bad('a cut leaf', two.subarray(0, 20), 'MALFORMED'),
    bad('a cut record', two.subarray(0, -1), 'MALFORMED'),
    bad('a byte too many', Buffer.concat([two, Buffer.of(0)]), 'NOT_CANONICAL'),
    bad('one entry more than there is', patched(7, 0, 3), 'MALFORMED'),
    bad('one entry less than there is', patched(7, 0, 1), 'NOT_CANONICAL'),
    bad('a leaf of 65,535 bytes', patched(9, 0xff, 0xff), 'TOO_LARGE'),
    bad('a record of 4 GiB', patched(11, 0xff, 0xff, 0xff, 0xfe), 'TOO_LARGE'),
    bad('a record of 16,385 bytes', patched(11, 0, 0, 0x40, 1), 'TOO_LARGE'),
  ];
}

const leavesOf = (log: LogOf, size: number) => log.rows.slice(0, size).map((row) => row.leaf);

function signedNote(log: LogOf, size: number) {
  const root = w.rootOf(leavesOf(log, size));
  const body = w.noteBody(log.origin, size, root);
  const line = w.signatureLine(log.origin, body, log.key);
  return { root, body, line, text: `${body}\n${line}` };
}

const lineValue = (line: string) => {
  const [, name, blob] = line.trimEnd().split(' ');
  const raw = hex(Buffer.from(blob!, 'base64'));
  return { name, keyId: raw.slice(0, 8), blob: raw.slice(8) };
};

function noteValue(log: LogOf, size: number, text: string, lines: string[]) {
  const root = hex(w.rootOf(leavesOf(log, size)));
  return {
    checkpoint: { origin: log.origin, size, root },
    lines: lines.map(lineValue),
    bytes: hex(Buffer.from(text)),
  };
}

function note(log: LogOf): Vector[] {
  const { body, line, text, root } = signedNote(log, 5);
  const cosigned = w.cosignatureLine(log.origin, body, log.key, 1_795_000_030);
  const witness = w.cosignatureLine('witness.example', body, log.other, 1_795_000_031);
  const of = (t: string) => Buffer.from(t);
  const fine = (name: string, size: number, lines: string[]) => {
    const t = `${signedNote(log, size).body}\n${lines.join('')}`;
    return good(name, of(t), noteValue(log, size, t, lines));
  };
  const withBody = (b: string) => of(`${b}\n${line}`);
  const base64 = root.toString('base64');
  const loose = `${base64.slice(0, -2)}${base64.at(-2) === 'g' ? 'h' : 'j'}=`;
  return [
    fine('signed', 5, [line]),
    fine('signed and cosigned', 5, [line, cosigned]),
    fine('cosigned by a witness too', 5, [line, cosigned, witness]),
    fine('of an empty log', 0, [signedNote(log, 0).line]),
    fine('with 16 lines', 5, Array<string>(16).fill(w.noteLine('x', Buffer.alloc(5)))),
    bad(
      'with 17 lines',
      of(`${body}\n${w.noteLine('x', Buffer.alloc(5)).repeat(17)}`),
      'TOO_LARGE',
    ),
    bad('of 4,097 bytes', Buffer.alloc(4097, 97), 'TOO_LARGE'),
    bad('without signatures', of(body), 'MALFORMED'),
    bad('without a line', of(`${body}\n`), 'MALFORMED'),
    bad('without its last newline', of(text.slice(0, -1)), 'MALFORMED'),
    bad('with a newline too many', of(`${text}\n`), 'MALFORMED'),
    bad('with a fourth body line', withBody(`${body}extension\n`), 'MALFORMED'),
    bad('with two body lines', withBody(`${log.origin}\n5\n`), 'MALFORMED'),
    bad('with size 05', withBody(body.replace('\n5\n', '\n05\n')), 'NOT_CANONICAL'),
    bad('with size +5', withBody(body.replace('\n5\n', '\n+5\n')), 'NOT_CANONICAL'),
    bad('with size -5', withBody(body.replace('\n5\n', '\n-5\n')), 'NOT_CANONICAL'),
    bad('with size 5e0', withBody(body.replace('\n5\n', '\n5e0\n')), 'NOT_CANONICAL'),
    bad('with size 2^53', withBody(body.replace('\n5\n', `\n${2 ** 53}\n`)), 'NOT_CANONICAL'),
    bad(
      'with a root of 31 bytes',
      withBody(`${log.origin}\n5\n${root.subarray(1).toString('base64')}\n`),
      'MALFORMED',
    ),
    bad('with spare bits in its root', withBody(body.replace(base64, loose)), 'NOT_CANONICAL'),
    bad('with an unpadded root', withBody(body.replace('=\n', '\n')), 'NOT_CANONICAL'),
    bad('with carriage returns', of(text.replaceAll('\n', '\r\n')), 'MALFORMED'),
    bad(
      'with a byte that is not UTF-8',
      Buffer.concat([Buffer.of(0xff), of(text)]),
      'NOT_CANONICAL',
    ),
    bad('with a hyphen for a dash', of(text.replace('— ', '- ')), 'MALFORMED'),
    bad('with two spaces in a line', of(text.replace('— ', '—  ')), 'MALFORMED'),
    bad(
      'with a signature of 4 bytes',
      of(`${body}\n${w.noteLine('x', Buffer.alloc(4))}`),
      'MALFORMED',
    ),
  ];
}

function announcement(log: LogOf): Vector[] {
  const { text } = signedNote(log, 5);
  const signed = Buffer.from(text);
  const frontier = w.frontierOf(leavesOf(log, 3));
  const flat = Buffer.concat(frontier);
  const part = w.segment(3, log.rows.slice(3, 5));
  const whole = Buffer.concat(w.frontierOf(leavesOf(log, 5)));
  const value = {
    note: noteValue(log, 5, text, [signedNote(log, 5).line]),
    frontier: { size: 3, hashes: frontier.map(hex) },
    segments: [{ from: 3, entries: log.rows.slice(3, 5).map(rowOf) }],
  };
  const of = (...fields: unknown[]) => w.cbor(fields);
  const halves = [w.segment(3, log.rows.slice(3, 4)), w.segment(4, log.rows.slice(4, 5))];
  return [
    good('two entries after three', of(1, signed, 3, flat, [part]), value),
    good('the same in two segments', of(1, signed, 3, flat, halves), {
      ...value,
      segments: [3, 4].map((from) => ({ from, entries: [rowOf(log.rows[from]!)] })),
    }),
    good('a head alone', of(1, signed, 5, whole, []), {
      ...value,
      frontier: { size: 5, hashes: w.frontierOf(leavesOf(log, 5)).map(hex) },
      segments: [],
    }),
    bad('of format 2', of(2, signed, 3, flat, [part]), 'MALFORMED'),
    bad('with a cut frontier', of(1, signed, 3, flat.subarray(1), [part]), 'MALFORMED'),
    bad(
      'with a frontier of another size',
      of(1, signed, 3, flat.subarray(32), [part]),
      'MALFORMED',
    ),
    bad('with 41 hashes', of(1, signed, 3, Buffer.alloc(41 * 32), [part]), 'TOO_LARGE'),
    bad('with a gap', of(1, signed, 3, flat, [halves[1]]), 'MALFORMED'),
    bad(
      'with segments in the wrong order',
      of(1, signed, 3, flat, [...halves].reverse()),
      'MALFORMED',
    ),
    bad('with a broken note', of(1, signed.subarray(1), 3, flat, 'x'), 'MALFORMED'),
    bad('with four fields', of(1, signed, 3, flat), 'MALFORMED'),
    bad(
      'with a byte behind it',
      Buffer.concat([of(1, signed, 3, flat, [part]), Buffer.of(0)]),
      'NOT_CANONICAL',
    ),
  ];
}

function presence(s: w.Seeded, log: LogOf): Vector[] {
  const fields = {
    ...{ mesh: MESH, space: log.space, incarnation: s.bytes(16), timeMs: 1_795_000_000_000 },
    ...{ headsHash: s.bytes(32), directory: { size: 42, root: Buffer.alloc(32, 0x5d) } },
    ...{ version: '1.2.3', addresses: ['/ip4/127.0.0.1/tcp/4001'] },
    suspicions: [] as { space: string; timeMs: number }[],
  };
  const suspect = (n: number) => ({
    space: `0199b7c2-1f00-4000-8000-${String(n).padStart(12, '0')}`,
    timeMs: 1_795_000_000_000 - n,
  });
  const statement = (p: typeof fields, at = -1, v: unknown = null) => {
    const list = [
      ...[w.uuidBytes(p.space), p.incarnation, p.timeMs, p.headsHash],
      ...[[p.directory.size, p.directory.root], p.version, p.addresses],
      p.suspicions.map(({ space, timeMs }) => [w.uuidBytes(space), timeMs]),
      w.presenceSignature(p, MESH_RAW, log.key),
    ];
    return list.map((f, i) => (i === at ? v : f));
  };
  const of = (p: typeof fields, at = -1, v: unknown = null) => w.cbor([3, [statement(p, at, v)]]);
  const value = ({ mesh: _, ...p }: typeof fields) => ({
    ...{ ...p, incarnation: hex(p.incarnation), headsHash: hex(p.headsHash) },
    directory: { size: p.directory.size, root: hex(p.directory.root) },
    signature: hex(w.presenceSignature({ mesh: MESH, ...p }, MESH_RAW, log.key)),
  });
  const nowhere = { ...fields, addresses: [] };
  const wary = { ...fields, suspicions: [suspect(1), suspect(2)] };
  const other = { ...nowhere, space: suspect(7).space };
  const suspicions = (list: readonly { space: string; timeMs: number }[]) =>
    of(
      fields,
      7,
      list.map(({ space, timeMs }) => [w.uuidBytes(space), timeMs]),
    );
  const many = Array.from({ length: 65 }, (_, i) => suspect(i));
  return [
    good('with an address', of(fields), [value(fields)]),
    good('without addresses', of(nowhere), [value(nowhere)]),
    good('that suspects two spaces', of(wary), [value(wary)]),
    good('with a statement passed on', w.cbor([3, [statement(fields), statement(other)]]), [
      value(fields),
      value(other),
    ]),
    bad('of format 2', w.cbor([2, [statement(fields)]]), 'MALFORMED'),
    bad('without a statement', w.cbor([3, []]), 'MALFORMED'),
    bad('with a space twice', w.cbor([3, [statement(fields), statement(nowhere)]]), 'MALFORMED'),
    bad('with nine statements', w.cbor([3, Array(9).fill(statement(fields))]), 'TOO_LARGE'),
    bad('with an incarnation of 15 bytes', of(fields, 1, Buffer.alloc(15)), 'MALFORMED'),
    bad('with a negative time', of(fields, 2, -1), 'MALFORMED'),
    bad('with a directory of no root', of(fields, 4, [42]), 'MALFORMED'),
    bad('with a directory root of 31 bytes', of(fields, 4, [42, Buffer.alloc(31)]), 'MALFORMED'),
    bad('with a directory of a negative size', of(fields, 4, [-1, Buffer.alloc(32)]), 'MALFORMED'),
    bad('without a version', of(fields, 5, ''), 'MALFORMED'),
    bad('with a line feed in its version', of(fields, 5, '1.2\n'), 'MALFORMED'),
    bad('with a version of 65 bytes', of(fields, 5, '1'.repeat(65)), 'TOO_LARGE'),
    bad('with nine addresses', of(fields, 6, Array(9).fill('a')), 'TOO_LARGE'),
    bad('with an address of 257 bytes', of(fields, 6, ['a'.repeat(257)]), 'TOO_LARGE'),
    bad('with a suspect twice', suspicions([suspect(1), suspect(1)]), 'NOT_CANONICAL'),
    bad('with suspects out of order', suspicions([suspect(2), suspect(1)]), 'NOT_CANONICAL'),
    bad('that suspects itself', suspicions([{ ...suspect(1), space: log.space }]), 'MALFORMED'),
    bad('with 65 suspects', suspicions(many), 'TOO_LARGE'),
    bad('with a signature of 63 bytes', of(fields, 8, Buffer.alloc(63)), 'MALFORMED'),
    bad('with a byte behind it', Buffer.concat([of(fields), Buffer.of(0)]), 'NOT_CANONICAL'),
    bad('of 32,769 bytes', Buffer.alloc(32_769), 'TOO_LARGE'),
  ];
}

function request(s: w.Seeded, log: LogOf): Vector[] {
  const { feed } = log;
  const digest = s.bytes(32);
  const id = hex(feed);
  const of = (...fields: unknown[]) => w.cbor(fields);
  const cids = (count: number) => Array.from({ length: count }, () => w.cid(0x55, digest));
  return [
    good('heads', of(1, [feed, Buffer.alloc(16)]), { type: 'heads', logs: [id, '00'.repeat(16)] }),
    good('hashes', of(2, feed, 1, 0, 4), { type: 'hashes', log: id, level: 1, from: 0, to: 4 }),
    good('entries', of(3, feed, 3, 5), { type: 'entries', log: id, from: 3, to: 5 }),
    good('blocks', of(4, feed, [w.cid(0x55, digest), w.cid(0x71, digest)]), {
      ...{ type: 'blocks', log: id },
      cids: [0x55, 0x71].map((codec) => ({ codec, hash: hex(digest) })),
    }),
    good('petition', of(5, digest), { type: 'petition', bytes: hex(digest) }),
    good('consistency', of(6, feed, 3, 5), { type: 'consistency', log: id, first: 3, second: 5 }),
    good('roots', of(7, 2), { type: 'roots', version: 2 }),
    bad('roots of a text', of(7, '2'), 'MALFORMED'),
    bad('roots of 3 fields', of(7, 2, 16), 'MALFORMED'),
    good('presence', of(8, digest), { type: 'presence', bytes: hex(digest) }),
    bad('presence that promises 32,769 bytes', '8208598001', 'TOO_LARGE'),
    good('forks', of(9), { type: 'forks' }),
    bad('forks of 2 fields', of(9, 0), 'MALFORMED'),
    bad('unknown', of(10, feed), 'MALFORMED'),
    bad('number 0', of(0, feed), 'MALFORMED'),
    bad('no array', '01', 'MALFORMED'),
    bad('an empty array', '80', 'MALFORMED'),
    bad('of 6 fields', of(2, feed, 1, 0, 4, 5), 'TOO_LARGE'),
    bad('heads of 3 fields', of(1, [feed], 0), 'MALFORMED'),
    bad('heads of 101 promised logs', '82019865', 'TOO_LARGE'),
    bad('hashes of level 5', of(2, feed, 5, 0, 4), 'TOO_LARGE'),
    bad('hashes of an empty range', of(2, feed, 1, 4, 4), 'MALFORMED'),
    bad('2,049 hashes', of(2, feed, 0, 0, 2049), 'TOO_LARGE'),
    bad('entries of a range backwards', of(3, feed, 5, 3), 'MALFORMED'),
    bad('entries of a log of 15 bytes', of(3, feed.subarray(1), 3, 5), 'MALFORMED'),
    bad('17 blocks', of(4, feed, cids(17)), 'TOO_LARGE'),
    bad('a petition that promises 65,537 bytes', '82055a00010001', 'TOO_LARGE'),
    bad('with a byte behind it', Buffer.concat([of(3, feed, 3, 5), Buffer.of(0)]), 'NOT_CANONICAL'),
  ];
}

function answer(s: w.Seeded, log: LogOf): Vector[] {
  const { text } = signedNote(log, 5);
  const signed = Buffer.from(text);
  const two = w.segment(3, log.rows.slice(3, 5));
  const hashes = s.bytes(64);
  const block = s.bytes(9);
  const of = (...fields: unknown[]) => w.cbor(fields);
  return [
    good('heads', of(1, [[log.feed, signed, 3, 2]]), {
      type: 'heads',
      heads: [{ log: hex(log.feed), note: hex(signed), held: 3, whole: 2 }],
    }),
    good('no heads', of(1, []), { type: 'heads', heads: [] }),
    good('hashes', of(2, hashes), { type: 'hashes', hashes: hex(hashes) }),
    good('no hashes', of(2, Buffer.alloc(0)), { type: 'hashes', hashes: '' }),
    good('segment', of(3, two), { type: 'segment', bytes: hex(two) }),
    good('block', of(4, block), { type: 'block', bytes: hex(block) }),
    good('no block', of(4, null), { type: 'block', bytes: null }),
    good('done', of(5), { type: 'done' }),
    good('refused', of(6, 'NO_GRANT', 'no'), { type: 'refused', code: 'NO_GRANT', message: 'no' }),
    good('carried', of(7, 'ok'), { type: 'carried', result: 'ok' }),
    good('root', of(8, block), { type: 'root', bytes: hex(block) }),
    bad('root that promises 65,537 bytes', '82085a00010001', 'TOO_LARGE'),
    good('presence', of(9, block), { type: 'presence', bytes: hex(block) }),
    good('fork', of(10, block), { type: 'fork', bytes: hex(block) }),
    bad('fork that promises 2,561 bytes', '820a590a01', 'TOO_LARGE'),
    bad('unknown', of(11, 'x'), 'MALFORMED'),
    bad('done of 2 fields', of(5, 0), 'MALFORMED'),
    bad('refused without a message', of(6, 'NO_GRANT'), 'MALFORMED'),
    bad('of 4 fields', of(6, 'NO_GRANT', 'no', 0), 'TOO_LARGE'),
    bad('hashes that are cut', of(2, hashes.subarray(1)), 'MALFORMED'),
    bad('hashes that promise 65,537 bytes', '82025a00010001', 'TOO_LARGE'),
    bad('a segment that promises 131,073 bytes', '82035a00020001', 'TOO_LARGE'),
    bad('a block that promises 66,561 bytes', '82045a00010401', 'TOO_LARGE'),
    bad('whole beyond what is held', of(1, [[log.feed, signed, 3, 4]]), 'MALFORMED'),
    bad('a head of 2 fields', of(1, [[log.feed, signed]]), 'MALFORMED'),
    bad('101 promised heads', '82019865', 'TOO_LARGE'),
    bad('with a byte behind it', Buffer.concat([of(5), Buffer.of(0)]), 'NOT_CANONICAL'),
  ];
}

const KiB64 = 65_536;
const FANOUT = 1536;

function record(s: w.Seeded, log: LogOf): Vector[] {
  const envelope = Buffer.from(
    JSON.stringify({
      id: s.uuid(),
      source: 'odcm://library/variables#base',
      type: 'VariableSetPublishedV1Event',
      occurredTimeUtc: '2026-11-21T10:00:00.000Z',
      activityId: log.space,
      specVersion: '1.0',
      payload: { mediaType: 'application/json' },
    }),
  );
  const content = Buffer.from('{"Region":"eu-west"}');
  const [h1, h2, sum] = [s.bytes(32), s.bytes(32), s.bytes(32)];
  const hashes = (count: number) => Buffer.concat(Array.from({ length: count }, () => h1));
  const of = (...fields: unknown[]) => w.cbor(fields);
  const inline = of(1, envelope, content.length, w.hash(content), content);
  const apart = (sizeBytes: number, depth: number, list: Buffer) =>
    of(1, envelope, sizeBytes, sum, [depth, list]);
  const value = (sizeBytes: number, digest: Buffer, where: object) => ({
    ...{ envelope: hex(envelope), sizeBytes, sha256: hex(digest), content: where },
  });
  const deep = (FANOUT + 1) * KiB64;
  return [
    good('content inside', inline, value(20, w.hash(content), { inline: hex(content) })),
    good(
      'two chunks',
      apart(KiB64 + 1, 0, Buffer.concat([h1, h2])),
      value(KiB64 + 1, sum, {
        ...{ depth: 0, hashes: [hex(h1), hex(h2)] },
      }),
    ),
    good('one chunk', apart(60_001, 0, h1), value(60_001, sum, { depth: 0, hashes: [hex(h1)] })),
    good(
      'one level of index',
      apart(deep, 1, hashes(2)),
      value(deep, sum, {
        ...{ depth: 1, hashes: [hex(h1), hex(h1)] },
      }),
    ),
    bad('of format 2', of(2, envelope, 20, w.hash(content), content), 'MALFORMED'),
    bad('with a wrong size', of(1, envelope, 21, w.hash(content), content), 'MALFORMED'),
    bad('with a wrong hash', of(1, envelope, 20, sum, content), 'HASH_MISMATCH'),
    bad('with 60,000 bytes in a chunk', apart(60_000, 0, h1), 'NOT_CANONICAL'),
    bad('with one chunk for two', apart(KiB64 + 1, 0, h1), 'NOT_CANONICAL'),
    bad('with two chunks for one', apart(KiB64, 0, hashes(2)), 'NOT_CANONICAL'),
    bad('with an index that is not needed', apart(KiB64, 1, h1), 'NOT_CANONICAL'),
    bad('without the index that it needs', apart(deep, 0, h1), 'NOT_CANONICAL'),
    bad('with an index too many', apart(deep, 2, h1), 'NOT_CANONICAL'),
    bad('with three levels of index', apart(deep, 3, h1), 'TOO_LARGE'),
    bad('above the largest object', apart(512 * 2 ** 20 + 1, 1, hashes(6)), 'TOO_LARGE'),
    bad('with a cut hash', apart(KiB64, 0, h1.subarray(1)), 'MALFORMED'),
    bad('of four fields', of(1, envelope, 20, w.hash(content)), 'MALFORMED'),
    bad('with a text as content', of(1, envelope, 20, w.hash(content), 'x'), 'MALFORMED'),
    bad('with a byte behind it', Buffer.concat([inline, Buffer.of(0)]), 'NOT_CANONICAL'),
  ];
}

function index(s: w.Seeded): Vector[] {
  const [h1, h2] = [s.bytes(32), s.bytes(32)];
  const both = Buffer.concat([h1, h2]);
  return [
    good('two hashes', w.cbor([1, both]), [hex(h1), hex(h2)]),
    bad('no hashes', w.cbor([1, Buffer.alloc(0)]), 'MALFORMED'),
    bad('a cut hash', w.cbor([1, both.subarray(1)]), 'MALFORMED'),
    bad('1,537 promised hashes', '820159c020', 'TOO_LARGE'),
    bad('format 2', w.cbor([2, both]), 'MALFORMED'),
    bad('a byte behind it', Buffer.concat([w.cbor([1, both]), Buffer.of(0)]), 'NOT_CANONICAL'),
  ];
}
