// Counts, shares and changes as people read them: `1,234`, `97.6%`, `▼ 0.8`.

/** Made when it is first needed: it takes longer than most commands. */
let numbers: Intl.NumberFormat | undefined;

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  numbers ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
  return numbers.format(value);
}

/** A share from 0 to 1. What is not all of it never reads as 100%, what is something never as 0%. */
export function formatShare(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return '-';
  const tenths = Math.round(share * 1000);
  if (tenths >= 1000 && share < 1) return '99.9%';
  if (tenths <= 0 && share > 0) return '0.1%';
  return `${(tenths / 10).toFixed(1)}%`;
}

/** A change of a share in percentage points, with an arrow. */
export function formatChange(change: number | null, ascii = false): string {
  if (change === null || !Number.isFinite(change)) return '-';
  const points = Math.abs(change * 100).toFixed(1);
  if (points === '0.0') return '= 0.0';
  const [up, down] = ascii ? ['+', '-'] : ['▲', '▼'];
  return `${change > 0 ? up : down} ${points}`;
}

/** `1 entry`, `12 entries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}
