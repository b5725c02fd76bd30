// Bytes that arrive in any pieces, cut into frames: four bytes of length (big-endian), then that many bytes, at least
// one. A length is judged before its bytes are waited for. Pure: knows no stream.

import { MeshError } from '../../protocols/errors.ts';

const HEADER_BYTES = 4;

/** The header of a frame of this length. */
export function frameHeader(length: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, length);
  return header;
}

export class FrameBuffer {
  readonly #maxFrameBytes: number;
  #chunks: Uint8Array[] = [];
  #held = 0;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes that have arrived and are not yet taken. */
  get heldBytes(): number {
    return this.#held;
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    this.#chunks.push(chunk);
    this.#held += chunk.byteLength;
  }

  /** True if {@link take} would return a frame or throw, hence nothing has to arrive first. */
  get ready(): boolean {
    if (this.#held < HEADER_BYTES) return false;
    const length = this.#peekLength();
    return length === 0 || length > this.#maxFrameBytes || this.#held >= HEADER_BYTES + length;
  }

  /** One whole frame from the front, if it is there; a view when it lies in one piece, else joined. */
  take(): Uint8Array | undefined {
    if (!this.ready) return undefined;
    const length = this.#peekLength();
    if (length > this.#maxFrameBytes) {
      throw new MeshError('TOO_LARGE', `a frame of ${length} bytes was announced`);
    }
    if (length === 0) throw new MeshError('MALFORMED', 'a frame without bytes was announced');
    this.#consume(HEADER_BYTES);
    return this.#consume(length);
  }

  clear(): void {
    this.#chunks = [];
    this.#held = 0;
  }

  #peekLength(): number {
    let value = 0;
    let seen = 0;
    for (const chunk of this.#chunks) {
      for (let at = 0; at < chunk.byteLength && seen < HEADER_BYTES; at += 1, seen += 1) {
        value = value * 256 + chunk[at]!;
      }
      if (seen === HEADER_BYTES) break;
    }
    return value;
  }

  #consume(count: number): Uint8Array {
    const first = this.#chunks[0]!;
    this.#held -= count;
    if (first.byteLength >= count) {
      this.#chunks[0] = first.subarray(count);
      if (first.byteLength === count) this.#chunks.shift();
      return first.subarray(0, count);
    }
    const joined = Buffer.allocUnsafe(count);
    let filled = 0;
    let used = 0;
    while (filled < count) {
      const chunk = this.#chunks[used]!;
      const part = chunk.subarray(0, count - filled);
      joined.set(part, filled);
      filled += part.byteLength;
      if (part.byteLength === chunk.byteLength) used += 1;
      else this.#chunks[used] = chunk.subarray(part.byteLength);
    }
    this.#chunks.splice(0, used);
    return joined;
  }
}
