// Cuts a stream of bytes into lines without ever holding more than one of bounded length.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';

export interface Line {
  /** Counted from one. */
  readonly number: number;
  /** Absent when it was too long to be kept. */
  readonly bytes: Buffer | undefined;
}

const NEWLINE = 0x0a;
const BLANK = new Set([0x20, 0x09, 0x0d]);
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Lines that are not blank. @throws TOO_LARGE when the whole is */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Line> {
  const line = new OpenLine(maxBytes);
  let sizeBytes = 0;
  for await (const piece of chunks) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    sizeBytes += chunk.length;
    if (sizeBytes > LIMITS.objectBytes)
      throw new MeshError('TOO_LARGE', `the whole is above ${LIMITS.objectBytes} bytes`);
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      line.add(chunk.subarray(from, end < 0 ? chunk.length : end));
      if (end < 0) break;
      const whole = line.end();
      if (whole) yield whole;
      from = end + 1;
    }
  }
  const last = line.end();
  if (last) yield last;
}

class OpenLine {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #sizeBytes = 0;
  #number = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(part: Buffer): void {
    this.#sizeBytes += part.length;
    if (this.#sizeBytes > this.#maxBytes) this.#parts = [];
    else this.#parts.push(part);
  }

  /** Undefined for a blank line. */
  end(): Line | undefined {
    this.#number++;
    const isKept = this.#sizeBytes <= this.#maxBytes;
    const joined = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#sizeBytes = 0;
    if (!isKept) return { number: this.#number, bytes: undefined };
    // Real files have a mark at their start, and some programs end lines with a carriage return.
    const isMarked = this.#number === 1 && joined.subarray(0, 3).equals(BYTE_ORDER_MARK);
    const bytes = isMarked ? joined.subarray(3) : joined;
    return bytes.every((byte) => BLANK.has(byte)) ? undefined : { number: this.#number, bytes };
  }
}
