import { describe, expect, it } from 'vitest';
import { parseItemName, parseNewSpaceName, parseSpaceName } from '../../protocols/ids.ts';
import { codeOf } from '../certs/fixtures.ts';

describe('item names', () => {
  it.each(['Region', 'Größe', '日本語', 'שלום', 'a\u200db', 'x'.repeat(200)])(
    'may be %j',
    (name) => {
      expect(parseItemName(name)).toBe(name);
    },
  );

  it.each(
    ['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069']
      .concat(['\u200e', '\u200f', '\u061c', '\u2028', '\ufeff', '\n', '\x9b'])
      .map((char) => [char.codePointAt(0)!.toString(16), char]),
  )('may not hold U+%s', (_, char) => {
    expect(codeOf(() => parseItemName(`a${char}b`))).toBe('NAME_INVALID');
  });
});

describe('names of new spaces', () => {
  it.each(['library', 'all-hands', 'a1', '0199b7c2-1f00'])('may be %s', (name) => {
    expect(parseNewSpaceName(name)).toBe(name);
  });

  it.each(['all', '0199b7c2-1f00-4000-8000-000000000002'])(
    'may not be %s, though a space that has it can be named',
    (name) => {
      expect(codeOf(() => parseNewSpaceName(name))).toBe('NAME_INVALID');
      expect(parseSpaceName(name)).toBe(name);
    },
  );

  it('are refused as any other', () => {
    expect(codeOf(() => parseNewSpaceName('No Name'))).toBe('NAME_INVALID');
  });
});
