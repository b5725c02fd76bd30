// A chart of several rows: bars over time with a scale on the left. Values in, lines out; what no value is known for
// stays empty, and a single thing is still seen beside a thousand.

import { displayWidth, pad } from '../format/width.ts';
import type { Line } from '../views/table.ts';

export interface Bar {
  readonly label: string;
  readonly value: number | null;
}

const BAR_MAX_COLUMNS = 6;
const NUMBERS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1, notation: 'compact' });

/** Bars from left to right, the newest ones where not all fit. */
export function barChart(bars: readonly Bar[], columns: number, rows: number): Line[] {
  const max = niceCeiling(Math.max(0, ...bars.map(({ value }) => value ?? 0)), rows);
  const scale = Array.from({ length: rows }, (_, row) =>
    NUMBERS.format((max * (rows - row)) / rows),
  );
  const left = Math.max(...scale.map(displayWidth)) + 2;
  const room = Math.max(0, columns - left);
  const labelWidth = Math.max(1, ...bars.map(({ label }) => displayWidth(label)));
  const slot = Math.max(1, Math.min(BAR_MAX_COLUMNS, Math.floor(room / Math.max(1, bars.length))));
  const shown = bars.slice(-Math.max(1, Math.floor(room / slot)));
  const thick = slot === 1 ? 1 : slot - 1;
  const chart = scale.map((label, row): Line => {
    const floor = (max * (rows - row - 1)) / rows;
    const cells = shown.map(({ value }) => {
      const isFilled = value !== null && value > 0 && (value > floor || row === rows - 1);
      return (isFilled ? '▇' : ' ').repeat(thick) + ' '.repeat(slot - thick);
    });
    return [
      { text: `${pad(label, left - 2, 'right')} ┤`, tone: 'dim' },
      { text: cells.join('').slice(0, room), tone: 'good' },
    ];
  });
  return [...chart, axis(shown, slot, labelWidth, left, room)];
}

/** Labels under every so many bars, never run together. */
function axis(
  bars: readonly Bar[],
  slot: number,
  labelWidth: number,
  left: number,
  room: number,
): Line {
  let text = '';
  for (const [index, { label }] of bars.entries()) {
    const at = index * slot;
    if (displayWidth(text) > at || at + labelWidth > room) continue;
    text = `${pad(text, at)}${label}─`;
  }
  const line = text.replaceAll(' ', '─');
  return [
    {
      text: `${' '.repeat(left - 1)}└${line}${'─'.repeat(Math.max(0, room - displayWidth(line) - 1))}`,
      tone: 'dim',
    },
  ];
}

/** A scale whose every line is a round number. */
function niceCeiling(value: number, rows: number): number {
  if (value <= 0) return rows;
  const step = value / rows;
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= step - 1e-9) ?? 10;
  return Math.max(1, factor * power) * rows;
}
