// A range of a store with changes laid over it that are not in the store yet.

import type { RangeOptions, Row, Store, Write } from './store.ts';

/** Those of a range, in its order. */
export function within(writes: readonly Write[], o: RangeOptions): Write[] {
  const isInside = ({ key }: Write) =>
    (!o.gte || key.compare(o.gte) >= 0) &&
    (!o.gt || key.compare(o.gt) > 0) &&
    (!o.lt || key.compare(o.lt) < 0) &&
    (!o.lte || key.compare(o.lte) <= 0);
  const sign = o.reverse ? -1 : 1;
  return writes.filter(isInside).sort((a, b) => sign * a.key.compare(b.key));
}

/** @param over changes of which no two are of the same row */
export async function* rangeUnder(
  store: Store,
  over: readonly Write[],
  options: RangeOptions,
): AsyncGenerator<Row> {
  const { limit = Number.POSITIVE_INFINITY, reverse = false } = options;
  if (limit <= 0) return;
  const writes = within(over, options);
  // Rows of the store may be hidden by a change.
  const below = writes.length === 0 ? options : withLimit(options, limit + writes.length);
  let left = limit;
  for await (const row of merged(writes, store.range(below), reverse)) {
    yield row;
    if (--left === 0) return;
  }
}

function withLimit(options: RangeOptions, limit: number): RangeOptions {
  const { limit: _, ...rest } = options;
  return Number.isFinite(limit) ? { ...rest, limit } : rest;
}

/** Both in one order; of the same key the change is the newer one. */
async function* merged(
  writes: readonly Write[],
  rows: AsyncIterable<Row>,
  reverse: boolean,
): AsyncGenerator<Row> {
  const sign = reverse ? -1 : 1;
  let at = 0;
  for await (const row of rows) {
    let order = 1;
    while (at < writes.length && order > 0) {
      order = sign * row.key.compare(writes[at]!.key);
      if (order >= 0) yield* rowIn(writes[at++]!);
    }
    if (order !== 0) yield row;
  }
  while (at < writes.length) yield* rowIn(writes[at++]!);
}

function* rowIn(write: Write): Generator<Row> {
  if (write.type === 'put') yield { key: Buffer.from(write.key), value: Buffer.from(write.value) };
}
