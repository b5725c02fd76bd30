// Changes good inputs into slightly bad ones. Seeded: the same seed gives the same inputs, so a finding can be made again.

import type { Seeded } from '../../vectors/wire.ts';

/** Bytes at which lengths, signs and types change. */
const EDGES = [0x00, 0x01, 0x17, 0x18, 0x1b, 0x20, 0x3b, 0x5f, 0x7f, 0x80, 0x9f, 0xbf, 0xc0, 0xf7];
const MORE_EDGES = [0xd8, 0xf9, 0xfa, 0xfb, 0xfe, 0xff, 0x0a, 0x0d, 0x22, 0x2e, 0x30, 0x5c, 0x7b];
const INTERESTING = [...EDGES, ...MORE_EDGES];

type Change = (input: Buffer, dice: Seeded, other: Buffer) => Buffer;

const at = (input: Buffer, dice: Seeded): number => dice.below(Math.max(1, input.length));

function range(input: Buffer, dice: Seeded, most: number): [number, number] {
  const from = at(input, dice);
  return [from, Math.min(input.length, from + 1 + dice.below(most))];
}

const flip: Change = (input, dice) => {
  const out = Buffer.from(input);
  if (out.length > 0) out[at(out, dice)]! ^= 1 << dice.below(8);
  return out;
};

const set: Change = (input, dice) => {
  const out = Buffer.from(input);
  if (out.length > 0) out[at(out, dice)] = INTERESTING[dice.below(INTERESTING.length)]!;
  return out;
};

const nudge: Change = (input, dice) => {
  const out = Buffer.from(input);
  const where = at(out, dice);
  if (out.length > 0) out[where] = (out[where]! + (dice.below(2) === 0 ? 1 : 255)) & 0xff;
  return out;
};

const cut: Change = (input, dice) => input.subarray(0, at(input, dice));

const remove: Change = (input, dice) => {
  const [from, to] = range(input, dice, 16);
  return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
};

const insert: Change = (input, dice) => {
  const where = at(input, dice);
  const piece = dice.bytes(1 + dice.below(8));
  return Buffer.concat([input.subarray(0, where), piece, input.subarray(where)]);
};

const repeat: Change = (input, dice) => {
  const [from, to] = range(input, dice, 64);
  const times = 1 + dice.below(4);
  const piece = input.subarray(from, to);
  return Buffer.concat([
    input.subarray(0, to),
    ...Array.from({ length: times }, () => piece),
    input.subarray(to),
  ]);
};

const swap: Change = (input, dice) => {
  const [a, b] = range(input, dice, 32);
  const [c, d] = [b, Math.min(input.length, b + (b - a))];
  return Buffer.concat([
    ...[input.subarray(0, a), input.subarray(c, d), input.subarray(a, b), input.subarray(d)],
  ]);
};

const splice: Change = (input, dice, other) =>
  Buffer.concat([input.subarray(0, at(input, dice)), other.subarray(at(other, dice))]);

const extend: Change = (input, dice) => Buffer.concat([input, dice.bytes(1 + dice.below(64))]);

const zero: Change = (input, dice) => {
  const out = Buffer.from(input);
  return out.fill(dice.below(2) === 0 ? 0 : 0xff, ...range(out, dice, 32));
};

const CHANGES = [flip, flip, set, set, nudge, cut, remove, insert, repeat, swap, splice, extend];
const ALL = [...CHANGES, zero];

/** A member of the corpus with one to four changes. */
export function mutant(corpus: readonly Buffer[], dice: Seeded): Buffer {
  let out = corpus[dice.below(corpus.length)]!;
  const count = 1 + dice.below(4);
  for (let i = 0; i < count; i++) {
    const other = corpus[dice.below(corpus.length)]!;
    out = ALL[dice.below(ALL.length)]!(out, dice, other);
  }
  return out;
}
