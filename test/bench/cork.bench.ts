// What the cork is worth: the same small sends on one stream between two processes, with it and without it.

import { BEST_PIECE_BYTES, bareStream } from './bare-stream.ts';
import { type BenchOptions, type Figure, median } from './measurement.ts';

const PLANS = [
  { pieceBytes: 512, totalBytes: 20e6 },
  { pieceBytes: 4096, totalBytes: 60e6 },
  { pieceBytes: BEST_PIECE_BYTES, totalBytes: 200e6 },
] as const;

export async function* cork({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const rounds = isQuick ? 1 : 3;
  for (const { pieceBytes, totalBytes: fullBytes } of PLANS) {
    const totalBytes = isQuick ? 50 * pieceBytes : fullBytes;
    const corked: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < rounds; round++) {
      plain.push((await bareStream({ isCorked: false, totalBytes, pieceBytes })) / 1e6);
      corked.push((await bareStream({ isCorked: true, totalBytes, pieceBytes })) / 1e6);
    }
    yield {
      name: `cork-${pieceBytes}-byte-sends`,
      unit: 'MB/s',
      ours: median(corked),
      floor: median(plain),
      better: 'higher',
      target: null,
      detail: { totalBytes, rounds: corked },
    };
  }
}
