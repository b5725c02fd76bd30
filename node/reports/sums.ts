// Rows of sums: for one hour, day or week the deployments of each group by outcome, and how often each length of time.
// Fixed-width numbers in order of group: a report reads hundreds of thousands of them.

import { MeshError } from '../../protocols/errors.ts';
import type { Outcome } from '../../protocols/reports.ts';

/** APPEND ONLY. Places in the rows and numbers in the store. */
export const OUTCOME_NUMBERS: Readonly<Record<Outcome, number>> = {
  ok: 0,
  failed: 1,
  cancelled: 2,
};
export const OUTCOME_NAMES: readonly Outcome[] = ['ok', 'failed', 'cancelled'];

/** What one deployment adds. */
export interface Share {
  readonly group: number;
  /** A number of {@link OUTCOME_NUMBERS}. */
  readonly outcome: number;
  readonly durationMs: number;
}

const SHARE_BYTES = 11;

export function encodeShare({ group, outcome, durationMs }: Share): Buffer {
  const out = Buffer.allocUnsafe(SHARE_BYTES);
  out.writeUInt32BE(group, 0);
  out.writeUInt8(outcome, 4);
  out.writeUIntBE(durationMs, 5, 6);
  return out;
}

export function decodeShare(bytes: Buffer): Share {
  if (bytes.length !== SHARE_BYTES) throw damaged('a counted entry');
  return {
    group: bytes.readUInt32BE(0),
    outcome: bytes.readUInt8(4),
    durationMs: bytes.readUIntBE(5, 6),
  };
}

/** Cells by number, each with `width` sums; those that are all zero are left out when written. */
export class Cells {
  readonly #width: number;
  readonly #cells = new Map<number, number[]>();

  constructor(width: number) {
    this.#width = width;
  }

  add(cell: number, place: number, by: number): void {
    let sums = this.#cells.get(cell);
    if (!sums) {
      sums = new Array<number>(this.#width).fill(0);
      this.#cells.set(cell, sums);
    }
    sums[place]! += by;
  }

  addRow(row: Buffer): void {
    eachCell(row, this.#width, (cell, at) => {
      for (let place = 0; place < this.#width; place++)
        this.add(cell, place, row.readUInt32LE(at + 4 * place));
    });
  }

  /** Undefined when nothing is left. */
  encode(): Buffer | undefined {
    const full = [...this.#cells].filter(([, sums]) => sums.some((sum) => sum !== 0));
    if (full.length === 0) return undefined;
    full.sort(([a], [b]) => a - b);
    const size = 4 + 4 * this.#width;
    const out = Buffer.allocUnsafe(full.length * size);
    full.forEach(([cell, sums], i) => {
      out.writeUInt32LE(cell, i * size);
      sums.forEach((sum, place) => {
        out.writeUInt32LE(sum, i * size + 4 + 4 * place);
      });
    });
    return out;
  }
}

/** Told the number of each cell of a row and where its sums begin. */
export function eachCell(
  row: Buffer,
  width: number,
  visit: (cell: number, at: number) => void,
): void {
  checkRow(row, width);
  const size = 4 + 4 * width;
  for (let at = 0; at < row.length; at += size) visit(row.readUInt32LE(at), at + 4);
}

export function checkRow(row: Buffer, width: number): void {
  if (row.length % (4 + 4 * width) !== 0) throw damaged('a row of sums');
}

/** Sums of outcomes by group; how often each length by group and bin in one number. */
export const SUMS_WIDTH = OUTCOME_NAMES.length;
export const DURATIONS_WIDTH = 1;

/** Bins of one group stand together. */
const BIN_ROOM = 2048;
export const durationCell = (group: number, bin: number): number => group * BIN_ROOM + bin;
export const groupOfCell = (cell: number): number => Math.floor(cell / BIN_ROOM);
export const binOfCell = (cell: number): number => cell % BIN_ROOM;

function damaged(what: string): MeshError {
  return new MeshError('STORE_DAMAGED', `${what} has an impossible length`);
}
