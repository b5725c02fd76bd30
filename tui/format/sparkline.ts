// Charts of one row: a sparkline for a series, a bar for a share. Both have an ASCII form for terminals without blocks.

const LEVELS = '▁▂▃▄▅▆▇█';
const ASCII_LEVELS = '_.-=+*%#';
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export interface ChartOptions {
  readonly ascii?: boolean;
}

/** One glyph per value, highest of its bucket when there are more values than columns; a gap where nothing is known. */
export function sparkline(
  values: readonly (number | null)[],
  columns: number,
  options: ChartOptions = {},
): string {
  const levels = options.ascii ? ASCII_LEVELS : LEVELS;
  const points = resample(values, columns);
  const max = Math.max(0, ...points.filter((point) => point !== null));
  return points
    .map((point) => {
      if (point === null) return ' ';
      if (max === 0 || point <= 0) return levels[0];
      return levels[Math.min(7, Math.round((point / max) * 7))];
    })
    .join('');
}

function resample(values: readonly (number | null)[], columns: number): (number | null)[] {
  const known = values.map((value) => (value !== null && Number.isFinite(value) ? value : null));
  if (known.length <= columns) return known;
  return Array.from({ length: columns }, (_, column) => {
    const first = Math.floor((column * known.length) / columns);
    const end = Math.floor(((column + 1) * known.length) / columns);
    const bucket = known.slice(first, end).filter((value) => value !== null);
    return bucket.length === 0 ? null : Math.max(...bucket);
  });
}

/** A bar of exactly so many columns, filled for the share (0 to 1) that is done. */
export function bar(share: number, columns: number, options: ChartOptions = {}): string {
  const bounded = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  if (options.ascii) {
    const full = Math.floor(bounded * columns);
    return '#'.repeat(full) + '-'.repeat(columns - full);
  }
  const eighths = Math.floor(bounded * columns * 8);
  const filled = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
  return filled + '░'.repeat(columns - Math.ceil(eighths / 8));
}
