// Inputs built from the rules of a format instead of from examples: every rule is now and then broken on purpose.

import type { Seeded } from '../../vectors/wire.ts';

export type Grammar = (dice: Seeded) => Buffer;

const uint = (value: bigint, width: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * width, '0'), 'hex').subarray(-width);

/** Head of a CBOR item; often not in its shortest form, now and then longer than anything that follows. */
function head(major: number, value: number, dice: Seeded): Buffer {
  const type = major << 5;
  const shortest = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : 4;
  const width = dice.below(12) === 0 ? [1, 2, 4, 8][dice.below(4)]! : shortest;
  if (width === 0) return Buffer.of(type | value);
  const info = { 1: 24, 2: 25, 4: 26, 8: 27 }[width]!;
  return Buffer.concat([Buffer.of(type | info), uint(BigInt(value), width)]);
}

const NUMBERS = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1];
const TEXTS = ['', 'a', 'odcm', 'é', '\u{1f600}', '__proto__', 'x'.repeat(64), '\u0000', '﻿'];
const SIMPLES = [
  'f4',
  'f5',
  'f6',
  'f7',
  'f0',
  'f820',
  'f93c00',
  'fa3fc00000',
  'fb3ff0000000000000',
];

function scalar(dice: Seeded): Buffer {
  const kind = dice.below(10);
  if (kind < 3) return head(0, NUMBERS[dice.below(NUMBERS.length)]!, dice);
  if (kind === 3) return head(1, NUMBERS[dice.below(NUMBERS.length)]!, dice);
  if (kind < 6) {
    const bytes = dice.bytes([0, 1, 16, 32, 37, 64][dice.below(6)]!);
    return Buffer.concat([head(2, bytes.length, dice), bytes]);
  }
  if (kind < 8) {
    const good = Buffer.from(TEXTS[dice.below(TEXTS.length)]!);
    const text = dice.below(8) === 0 ? dice.bytes(4) : good;
    return Buffer.concat([head(3, text.length + (dice.below(20) === 0 ? 1 : 0), dice), text]);
  }
  if (kind === 8) {
    const cid = Buffer.concat([Buffer.from('0001551220', 'hex'), dice.bytes(32)]);
    cid[2] = dice.below(2) === 0 ? 0x55 : 0x71;
    return Buffer.concat([head(6, 42, dice), head(2, cid.length, dice), cid]);
  }
  return Buffer.from(SIMPLES[dice.below(SIMPLES.length)]!, 'hex');
}

function item(dice: Seeded, depth: number): Buffer {
  const kind = dice.below(12);
  if (depth === 0 || kind < 6) return scalar(dice);
  const count = dice.below(6);
  const parts = Array.from({ length: count }, () => item(dice, depth - 1));
  if (kind < 10) return Buffer.concat([head(4, count, dice), ...parts]);
  if (kind === 10) return Buffer.concat([head(5, count >> 1, dice), ...parts]);
  // Of unstated length, with or without an end.
  return Buffer.concat([Buffer.of(0x9f), ...parts, Buffer.from(dice.below(2) === 0 ? [0xff] : [])]);
}

/** Values with long heads, maps, floats, tags, bad text; sometimes nothing but depth, or a length without content. */
export const cbor: Grammar = (dice) => {
  const kind = dice.below(40);
  if (kind === 0) return Buffer.alloc(1 + dice.below(5_000), 0x81);
  if (kind === 1) return head(2 + dice.below(4), NUMBERS[dice.below(NUMBERS.length)]!, dice);
  return item(dice, 1 + dice.below(10));
};

const NAMES = ['id', 'type', 'version', 'payload', '__proto__', 'constructor', '', 'é'];
const LITERALS = ['1', '-0', '1e400', '1.50', '01', 'null', 'true', '""', '"\\u0000"', '"\\ud800"'];

function jsonText(dice: Seeded, depth: number): string {
  const kind = dice.below(8);
  const gap = dice.below(12) === 0 ? ' ' : '';
  if (depth === 0 || kind < 3) return LITERALS[dice.below(LITERALS.length)]!;
  const parts = Array.from({ length: dice.below(5) }, () => jsonText(dice, depth - 1));
  if (kind < 5) return `[${parts.join(`,${gap}`)}]`;
  const fields = parts.map((part) => `"${NAMES[dice.below(NAMES.length)]}":${gap}${part}`);
  return `{${fields.join(',')}}`;
}

/** JSON with double names, odd numbers, lone surrogates, spaces; sometimes nothing but depth. */
export const json: Grammar = (dice) => {
  if (dice.below(40) === 0) return Buffer.from('['.repeat(1 + dice.below(20_000)));
  return Buffer.from(jsonText(dice, 1 + dice.below(8)));
};

const TAGS = [0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x30, 0x31, 0xa0, 0xa3, 0x1f, 0x24];

function derNode(dice: Seeded, depth: number): Buffer {
  const count = dice.below(4);
  const isLeaf = depth === 0 || dice.below(3) === 0;
  const content = isLeaf
    ? dice.bytes([0, 1, 3, 32, 200][dice.below(5)]!)
    : Buffer.concat(Array.from({ length: count }, () => derNode(dice, depth - 1)));
  return Buffer.concat([
    Buffer.of(TAGS[dice.below(TAGS.length)]!),
    derLength(content, dice),
    content,
  ]);
}

function derLength({ length }: Buffer, dice: Seeded): Buffer {
  const kind = dice.below(20);
  if (kind === 0) return Buffer.of(0x80);
  if (kind === 1) return Buffer.from('84ffffffff', 'hex');
  if (kind === 2) return Buffer.concat([Buffer.of(0x82), uint(BigInt(length), 2)]);
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100
    ? Buffer.of(0x81, length)
    : Buffer.concat([Buffer.of(0x82), uint(BigInt(length), 2)]);
}

/** Nested DER with unstated, wrong and overlong lengths. */
export const der: Grammar = (dice) =>
  dice.below(40) === 0
    ? Buffer.from('3080'.repeat(1 + dice.below(4_000)), 'hex')
    : derNode(dice, 1 + dice.below(8));

/** The same between the lines of a PEM file. */
export const pem =
  (label: string): Grammar =>
  (dice) => {
    const lines =
      der(dice)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return Buffer.from(`-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`);
  };
