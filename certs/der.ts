// Strict reader for the little DER that node:crypto does not show: requests, and one extension of certificates.
// Definite minimal lengths, one-byte tags, nothing beyond the end. Knows no meaning of what it reads.

import { MeshError } from '../protocols/errors.ts';
import { LIMITS } from '../protocols/limits.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const;

export interface DerNode {
  readonly tag: number;
  /** Tag, length and content: what signatures cover. */
  readonly der: Buffer;
  readonly content: Buffer;
}

/** The one value that fills the bytes. */
export function readDer(bytes: Uint8Array, tag: number, what: string): DerNode {
  const node = readNode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), what);
  if (node.der.length !== bytes.length) throw bad(what, 'has bytes after its end');
  if (node.tag !== tag) throw bad(what, 'has another type than promised');
  return node;
}

/** The values inside a constructed value, in order. */
export function readChildren(node: DerNode, what: string): DerNode[] {
  const children: DerNode[] = [];
  for (let rest = node.content; rest.length > 0; ) {
    const child = readNode(rest, what);
    children.push(child);
    rest = rest.subarray(child.der.length);
  }
  return children;
}

/** The bytes of exactly one PEM block with this label; size first, nothing before or after it. */
export function derFromPem(pem: string, label: string): Buffer {
  if (pem.length > LIMITS.certificateBytes) {
    throw new MeshError('TOO_LARGE', `PEM is larger than ${LIMITS.certificateBytes} bytes`);
  }
  const lines = pem.replaceAll('\r\n', '\n').trimEnd().split('\n');
  const [first, last] = [lines.shift(), lines.pop()];
  const text = lines.join('');
  const der = Buffer.from(text, 'base64');
  const framed = first === `-----BEGIN ${label}-----` && last === `-----END ${label}-----`;
  if (!framed || der.length === 0 || der.toString('base64') !== text) {
    throw new MeshError('MALFORMED', `not one PEM block of a ${label}`);
  }
  return der;
}

export function pemFromDer(der: Uint8Array, label: string): string {
  const text = Buffer.from(der).toString('base64');
  const lines = text.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function readNode(bytes: Buffer, what: string): DerNode {
  const tag = bytes[0];
  const first = bytes[1];
  if (tag === undefined || first === undefined) throw bad(what, 'ends too early');
  if ((tag & 0x1f) === 0x1f) throw bad(what, 'has a tag of several bytes');
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  // 16 KiB is the largest input, so two length bytes are enough; none given means indefinite length.
  if (first === 0x80 || lengthBytes > 2) throw bad(what, 'has a length that is not DER');
  const start = 2 + lengthBytes;
  if (bytes.length < start) throw bad(what, 'ends too early');
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  if (lengthBytes > 0 && length < (lengthBytes === 1 ? 0x80 : 0x100)) {
    throw bad(what, 'has a length that is not minimal');
  }
  if (bytes.length < start + length) throw bad(what, 'ends too early');
  const end = start + length;
  return { tag, der: bytes.subarray(0, end), content: bytes.subarray(start, end) };
}

function bad(what: string, why: string): MeshError {
  return new MeshError('MALFORMED', `${what} ${why}`);
}
