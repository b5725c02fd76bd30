// The file formats of LevelDB, as far as their checksums go: LevelDB itself does not look at them when it reads.
// Pure: bytes in, findings out. Knows nothing of what the databases hold.

const CRC32C = new Uint32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC32C[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** LevelDB turns its checksums, because a checksum over data that holds checksums is a weak one. */
function isIntact(bytes: Buffer, stored: number): boolean {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0 === stored;
}

const LOG_BLOCK = 32_768;
const LOG_HEADER = 7;
const [FULL, FIRST, MIDDLE, LAST] = [1, 2, 3, 4];

export interface LogScan {
  readonly records: readonly Buffer[];
  /** Where a record fails its checksum; undefined when none does. A record cut by the end of the file is none. */
  readonly damagedAt: number | undefined;
}

/** Records of a write-ahead log or a manifest. */
export function scanLog(bytes: Buffer): LogScan {
  const records: Buffer[] = [];
  let parts: Buffer[] = [];
  let at = 0;
  while (at + LOG_HEADER <= bytes.length) {
    const left = LOG_BLOCK - (at % LOG_BLOCK);
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes[at + 6]!;
    // Too little room for a header is filled with zeros; so is what a writer reserved and never used.
    if (left < LOG_HEADER || (type === 0 && length === 0)) {
      at += left;
      continue;
    }
    const end = at + LOG_HEADER + length;
    if (end > bytes.length && LOG_HEADER + length <= left) break;
    const isSound = type <= LAST && LOG_HEADER + length <= left;
    if (!isSound || !isIntact(bytes.subarray(at + 6, end), bytes.readUInt32LE(at))) {
      return { records, damagedAt: at };
    }
    const payload = bytes.subarray(at + LOG_HEADER, end);
    if (type === FULL || type === FIRST) parts = [];
    parts.push(payload);
    if (type === FULL || type === LAST) records.push(Buffer.concat(parts));
    if (type !== FIRST && type !== MIDDLE) parts = [];
    at = end;
  }
  return { records, damagedAt: undefined };
}

class Cursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** Seven bits a byte, low ones first. @throws RangeError at the end of the bytes */
  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.#bytes.length) throw new RangeError('beyond the end');
  }

  skipText(): void {
    this.skip(this.varint());
  }
}

/** The table files a manifest leaves, with their sizes. @throws RangeError when it cannot be read */
export function liveTables(edits: readonly Buffer[]): Map<number, number> {
  const live = new Map<number, number>();
  for (const edit of edits) {
    const c = new Cursor(edit);
    while (!c.isAtEnd) readEdit(c, live);
  }
  return live;
}

function readEdit(c: Cursor, live: Map<number, number>): void {
  const tag = c.varint();
  switch (tag) {
    // Name of the order of keys.
    case 1:
      c.skipText();
      break;
    // Numbers: of the log, of the next file, of the last write, of the log before.
    case 2:
    case 3:
    case 4:
    case 9:
      c.varint();
      break;
    // Where the last compaction of a level ended.
    case 5:
      c.varint();
      c.skipText();
      break;
    // A table that is gone: level, number.
    case 6:
      c.varint();
      live.delete(c.varint());
      break;
    // A new table: level, number, size, first and last key.
    case 7: {
      c.varint();
      const number = c.varint();
      live.set(number, c.varint());
      c.skipText();
      c.skipText();
      break;
    }
    default:
      throw new RangeError(`unknown tag ${tag}`);
  }
}

const FOOTER = 48;
const TRAILER = 5;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Where a table file fails: 'its end' or the offset of a block; undefined when all of it is sound. */
export function damageOfTable(bytes: Buffer): string | undefined {
  const footer = bytes.subarray(-FOOTER);
  if (bytes.length < FOOTER || !footer.subarray(-MAGIC.length).equals(MAGIC)) return 'its end';
  try {
    const c = new Cursor(footer);
    const meta = handle(c);
    const index = handle(c);
    for (const block of [meta, index]) {
      if (!isBlockIntact(bytes, block)) return `byte ${block.offset}`;
    }
    const blocks = [...handlesIn(bytes, meta), ...handlesIn(bytes, index)];
    const bad = blocks.find((block) => !isBlockIntact(bytes, block));
    return bad && `byte ${bad.offset}`;
  } catch (error) {
    if (error instanceof RangeError) return 'its index';
    throw error;
  }
}

function handle(c: Cursor): Handle {
  const offset = c.varint();
  return { offset, size: c.varint() };
}

function isBlockIntact(bytes: Buffer, { offset, size }: Handle): boolean {
  const end = offset + size + TRAILER;
  if (end > bytes.length) return false;
  return isIntact(bytes.subarray(offset, end - 4), bytes.readUInt32LE(end - 4));
}

/** An index block: keys without what they share with the one before, each with the place of a block. */
function handlesIn(bytes: Buffer, { offset, size }: Handle): Handle[] {
  const block = bytes.subarray(offset, offset + size);
  const end = size - 4 * (block.readUInt32LE(size - 4) + 1);
  const c = new Cursor(block);
  const out: Handle[] = [];
  while (c.at < end) {
    c.varint();
    const keyLength = c.varint();
    const valueLength = c.varint();
    c.skip(keyLength);
    const valueAt = c.at;
    out.push(handle(c));
    c.at = valueAt + valueLength;
  }
  return out;
}
