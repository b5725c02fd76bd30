import { describe, expect, it } from 'vitest';
import {
  carrierColumns,
  carrierLines,
  copiesText,
  isAlone,
  isBelowWanted,
} from '../../../tui/views/carriers.ts';
import { feedsView } from '../../../tui/views/feeds.ts';
import { feed } from './answers.ts';

const carrier = (space: string, state: 'complete' | 'behind' | 'none' | 'away' | 'unknown') => ({
  ...{ space, state, chosen: true, held: state === 'complete' ? 380 : 0 },
  heardAgoMs: state === 'unknown' ? null : 90_000,
});

const toneOf = (changes: Parameters<typeof feed>[0]) => {
  const column = carrierColumns().find(({ key }) => key === 'carriersComplete');
  return column?.tone?.(null, feed(changes));
};

describe('copies of a feed', () => {
  it('are said to be unknown when they are, and never to be none', () => {
    const row = feed({ carriers: null, carriersComplete: null, carriersUnknown: 3 });
    expect(copiesText(row.carriersComplete, row)).toBe('?');
    expect([isBelowWanted(row), isAlone(row), toneOf(row)]).toEqual([false, false, undefined]);
  });

  it('that may be more than is known are said to be so', () => {
    const row = feed({ carriersComplete: 1, carriersUnknown: 2 });
    expect(copiesText(1, row)).toBe('1+?');
    expect(isBelowWanted(row)).toBe(false);
    expect(copiesText(3, feed({ carriersUnknown: 1 }))).toBe('3');
  });

  it('are a warning below what is wanted, and an alarm when nobody but the publisher has all', () => {
    expect(toneOf({ carriersComplete: 2 })).toBe('warn');
    expect(toneOf({ carriersComplete: 1, carriersUnknown: 1 })).toBe('warn');
    expect(toneOf({ carriersComplete: 0 })).toBe('bad');
    expect(toneOf({ carriersComplete: 3 })).toBeUndefined();
    expect(toneOf({ carriersComplete: 0, carriersWanted: 0 })).toBeUndefined();
  });

  it('below what is wanted are counted for monitoring', () => {
    const rows = [feed(), feed({ carriersComplete: 2 }), feed({ carriersComplete: null })];
    expect(feedsView({ asOf: '2026-11-20T10:00:00Z', rows }).figures).toMatchObject({
      belowWanted: 1,
    });
  });

  it('are shown with whom they are', () => {
    const carrierSpaces = [
      carrier('payments', 'complete'),
      carrier('shipping', 'away'),
      carrier('ledger', 'unknown'),
    ];
    const row = feed({ carriersComplete: 0, carrierSpaces });
    const text = carrierLines(row).map((line) => line.map((span) => span.text).join(''));
    expect(text[0]).toContain('0 complete of 3 wanted   only its publisher has all of it');
    expect(text[1]?.trim()).toMatch(/^payments complete {3}shipping away \S+.* {3}ledger unknown$/);
    const carrying = { state: 'handing over' as const, bytes: 5 };
    expect(
      carrierLines(feed({ carrying }))[0]!
        .map(({ text: t }) => t)
        .join(''),
    ).toContain('kept here for others: handing over');
  });
});
