// The wire formats once more, written from the specification and sharing no code with protocols/: what the vectors are
// made with, so that they are not only a picture of the implementation. Keys and randomness come from a seed.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { encode } from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';

export const hash = (...parts: Uint8Array[]): Buffer => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest();
};

export const cbor = (value: unknown): Buffer => Buffer.from(encode(value));
export const cid = (codec: number, digest: Uint8Array): CID =>
  CID.createV1(codec, create(0x12, digest));

/** Small and good enough for test data: mulberry32. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }

  uuid(): string {
    const hex = this.bytes(16).toString('hex');
    const at = (start: number, end: number) => hex.slice(start, end);
    return `${at(0, 8)}-${at(8, 12)}-4${at(13, 16)}-8${at(17, 20)}-${at(20, 32)}`;
  }
}

export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicRaw: Buffer;
}

export function signerOf(seed: Uint8Array): Signer {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicRaw: spki.subarray(12) };
}

export const uuidBytes = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');

const uint = (value: number | bigint, width: number): Buffer =>
  Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(2 * width, '0'),
    'hex',
  );

export interface Row {
  readonly leaf: Buffer;
  readonly record: Buffer | null;
}

export function segment(from: number, rows: readonly Row[], format = 1): Buffer {
  const parts = rows.flatMap(({ leaf, record }) => [
    uint(leaf.length, 2),
    record === null ? uint(0xffffffff, 4) : uint(record.length, 4),
    leaf,
    record ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([uint(format, 1), uint(from, 6), uint(rows.length, 2), ...parts]);
}

/** Tree hash and frontier, straight from RFC 6962 §2.1. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return hash();
  if (leaves.length === 1) return hash(Buffer.of(0), leaves[0]!);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return hash(Buffer.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

export function frontierOf(leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 0) return [];
  let k = 1;
  while (k * 2 <= leaves.length) k *= 2;
  return [rootOf(leaves.slice(0, k)), ...frontierOf(leaves.slice(k))];
}

export const noteBody = (origin: string, size: number, root: Buffer): string =>
  `${origin}\n${size}\n${root.toString('base64')}\n`;

const keyId = (origin: string, type: number, key: Signer): Buffer =>
  hash(Buffer.from(`${origin}\n`), Buffer.of(type), key.publicRaw).subarray(0, 4);

export const noteLine = (name: string, ...blob: Buffer[]): string =>
  `— ${name} ${Buffer.concat(blob).toString('base64')}\n`;

export function signatureLine(origin: string, body: string, key: Signer): string {
  const signature = sign(null, Buffer.from(body), key.privateKey);
  return noteLine(origin, keyId(origin, 1, key), signature);
}

export function cosignatureLine(origin: string, body: string, key: Signer, timeS: number): string {
  const message = Buffer.from(`cosignature/v1\ntime ${timeS}\n${body}`);
  const signature = sign(null, message, key.privateKey);
  return noteLine(origin, keyId(origin, 4, key), uint(timeS, 8), signature);
}

export interface PresenceFields {
  readonly mesh: string;
  readonly space: string;
  readonly incarnation: Buffer;
  readonly timeMs: number;
  readonly headsHash: Buffer;
  readonly directory: { readonly size: number; readonly root: Buffer };
  readonly version: string;
  readonly addresses: readonly string[];
  readonly suspicions: readonly { readonly space: string; readonly timeMs: number }[];
}

/** @param meshRaw the 16 bytes of the mesh id */
export function presenceSignature(p: PresenceFields, meshRaw: Buffer, key: Signer): Buffer {
  const counted = (text: string) => [uint(Buffer.byteLength(text), 2), Buffer.from(text)];
  const message = Buffer.concat([
    Buffer.from('odcm/presence/v3\n'),
    ...[meshRaw, uuidBytes(p.space), p.incarnation, uint(p.timeMs, 8), p.headsHash],
    ...[uint(p.directory.size, 8), p.directory.root],
    ...counted(p.version),
    uint(p.addresses.length, 2),
    ...p.addresses.flatMap(counted),
    uint(p.suspicions.length, 2),
    ...p.suspicions.flatMap(({ space, timeMs }) => [uuidBytes(space), uint(timeMs, 8)]),
  ]);
  return sign(null, message, key.privateKey);
}
