import { describe, expect, it } from 'vitest';
import { NameFilter } from '../../../node/feed/name-filter.ts';

const names = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

describe('name filter', () => {
  it('knows no name when it was told of none', () => {
    expect(new NameFilter().mayHave('web')).toBe(false);
  });

  it('never takes a name for new that it was told of, however many there are', () => {
    const filter = new NameFilter();
    const told = names(50_000, 'item');
    for (const name of told) filter.add(name);
    expect(told.filter((name) => !filter.mayHave(name))).toEqual([]);
  });

  it('takes few new names for known ones, also when it has grown', () => {
    const filter = new NameFilter();
    for (const name of names(50_000, 'item')) filter.add(name);
    const mistaken = names(10_000, 'other').filter((name) => filter.mayHave(name));
    expect(mistaken.length).toBeLessThan(30);
  });

  it('tells names apart that differ in one character of any script', () => {
    const filter = new NameFilter();
    filter.add('決済');
    expect(filter.mayHave('決済')).toBe(true);
    expect(filter.mayHave('決算')).toBe(false);
    expect(filter.mayHave('')).toBe(false);
  });
});
