// Copies of feeds, in words and columns: how many are wanted, how many there are, where. What is not known is said to be so.

import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { formatNumber } from '../format/number.ts';
import type { FeedRow } from './answers.ts';
import { type Line, type Span, span, type Tone } from './table.ts';

type Copies = Pick<FeedRow, 'carriersComplete' | 'carriersUnknown' | 'carriersWanted'>;

/** Fewer complete copies than are wanted, even if those of which nothing is known are complete. */
export const isBelowWanted = (row: Copies): boolean =>
  row.carriersComplete !== null && row.carriersComplete + row.carriersUnknown < row.carriersWanted;

/** Nobody but its publisher has all of it. */
export const isAlone = (row: Copies): boolean => isBelowWanted(row) && row.carriersComplete === 0;

const toneOf = (row: Copies): Tone | undefined =>
  isAlone(row) ? 'bad' : isBelowWanted(row) ? 'warn' : undefined;

/** `2`, `?` when nothing is known, `2+?` when there may be more. */
export function copiesText(
  count: number | null,
  { carriersUnknown, carriersWanted }: Copies,
): string {
  if (count === null) return '?';
  const isOpen = carriersUnknown > 0 && count < carriersWanted;
  return isOpen ? `${formatNumber(count)}+?` : formatNumber(count);
}

export function carrierColumns<R extends FeedRow>(): readonly Column<R>[] {
  return [
    { key: 'carriersWanted', title: 'wanted', kind: 'number', priority: 3, width: 6 },
    {
      key: 'carriers',
      title: 'copies',
      kind: 'number',
      priority: 2,
      width: 6,
      format: (_, row) => copiesText(row.carriers, row),
    },
    {
      key: 'carriersComplete',
      title: 'complete',
      kind: 'number',
      priority: 2,
      width: 8,
      format: (_, row) => copiesText(row.carriersComplete, row),
      tone: (_, row) => toneOf(row),
    },
    {
      key: 'carrierSpaces',
      title: 'carriers',
      wide: true,
      format: (_, { carrierSpaces }) =>
        carrierSpaces.map(({ space, state }) => `${space} ${state}`).join(', '),
    },
    {
      key: 'carrying',
      title: 'kept for others',
      wide: true,
      format: (_, { carrying }) => carrying?.state ?? '-',
    },
  ];
}

/** One line about the copies, one with whom they are. */
export function carrierLines(row: FeedRow): Line[] {
  const complete = copiesText(row.carriersComplete, row);
  const summary = `copies      ${complete} complete of ${formatNumber(row.carriersWanted)} wanted`;
  const first: Span[] = [span(summary, toneOf(row))];
  if (isAlone(row)) first.push(span('   only its publisher has all of it', 'bad'));
  if (row.carrying) first.push(span(`   kept here for others: ${row.carrying.state}`));
  const names = row.carrierSpaces.flatMap(({ space, state, heardAgoMs }, i): Span[] => {
    const age = state === 'away' && heardAgoMs !== null ? ` ${formatAge(heardAgoMs)}` : '';
    const tone = state === 'complete' ? 'good' : state === 'unknown' ? 'dim' : 'warn';
    return [span(i === 0 ? '            ' : '   '), span(`${space} ${state}${age}`, tone)];
  });
  return names.length === 0 ? [first] : [first, names];
}
