// Base45 (RFC 9285): bytes in the characters that a QR code packs most tightly.

import { MeshError } from '../../protocols/errors.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';

export function encodeBase45(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += 2) {
    const isPair = at + 1 < bytes.length;
    let value = isPair ? bytes[at]! * 256 + bytes[at + 1]! : bytes[at]!;
    for (let digits = isPair ? 3 : 2; digits > 0; digits--) {
      out += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return out;
}

/** @throws MALFORMED for what {@link encodeBase45} would not write */
export function decodeBase45(text: string): Buffer {
  const out: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const digits = [...text.slice(at, at + 3)].map((char) => ALPHABET.indexOf(char));
    const value = digits.reduceRight((sum, digit) => sum * 45 + digit, 0);
    const most = digits.length === 3 ? 0xffff : 0xff;
    if (digits.length === 1 || digits.includes(-1) || value > most)
      throw new MeshError('MALFORMED', 'the text is no base45');
    if (digits.length === 3) out.push(value >> 8);
    out.push(value & 0xff);
  }
  return Buffer.from(out);
}
