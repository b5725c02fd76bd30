// Bytes that came in pieces, joined in memory that is used again and again.

/** Copies them one behind the other into `memory`, which has room for all; what it gives back is a part of that. */
export function joinedIn(memory: Buffer, pieces: Iterable<Uint8Array>): Buffer {
  let end = 0;
  for (const piece of pieces) {
    memory.set(piece, end);
    end += piece.byteLength;
  }
  return memory.subarray(0, end);
}
