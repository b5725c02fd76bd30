// Six pronounceable words that two people compare to know that their screens show the same enrolment. Our own scheme:
// each word is 12 bits, consonant-vowel-consonant-vowel of 4 + 2 + 4 + 2 bits, so six words carry 72 bits of a hash.

/** Sixteen consonants that are hard to mishear for one another, and four vowels; their order is part of the scheme. */
const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';
const WORDS = 6;

/** Bits are taken from the front, most significant first; `hash` has at least nine bytes. */
export function checkWords(hash: Uint8Array): string[] {
  const bits = BigInt(`0x${Buffer.from(hash).subarray(0, 9).toString('hex')}`);
  return Array.from({ length: WORDS }, (_, i) => {
    const word = Number((bits >> BigInt(12 * (WORDS - 1 - i))) & 0xfffn);
    const first = CONSONANTS[word >> 8]! + VOWELS[(word >> 6) & 3]!;
    return first + CONSONANTS[(word >> 2) & 15]! + VOWELS[word & 3]!;
  });
}
