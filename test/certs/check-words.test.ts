import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkWords } from '../../certs/check-words.ts';

describe('check words', () => {
  it.each([
    ['000000000000000000', 'baba baba baba baba baba baba'],
    ['ffffffffffffffffff', 'zuzu zuzu zuzu zuzu zuzu zuzu'],
    ['123456789abcdef012', 'damu hijo lofi poza turu baho'],
  ])('say %s as "%s"', (hex, words) => {
    const hash = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(23, 0xff)]);
    expect(checkWords(hash).join(' ')).toBe(words);
  });

  it('differ whenever the first 72 bits differ, and are always six of four letters', () => {
    const hashes = fc.uint8Array({ minLength: 9, maxLength: 9 });
    fc.assert(
      fc.property(hashes, hashes, (left, right) => {
        const [one, two] = [checkWords(left), checkWords(right)];
        expect(one.join(' ')).toMatch(
          /^(?:[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou] ?){6}$/,
        );
        expect(one.join() === two.join()).toBe(Buffer.from(left).equals(right));
      }),
    );
  });
});
