// A checkpoint: the signed size and root of a log, as a C2SP signed note of exactly three body lines
// (C2SP tlog-checkpoint, signed-note; wire §2).

import { hash as digest, type KeyObject, sign, verify } from 'node:crypto';
import { MeshError } from './errors.ts';
import type { Origin } from './ids.ts';
import { LIMITS } from './limits.ts';
import { checkpointBody, cosignatureBytes } from './signable.ts';

export interface Checkpoint {
  readonly origin: Origin;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
}

/** C2SP signature types: a plain signature of the body, and one that also says when it was made. */
const SIGNATURE = 0x01;
const COSIGNATURE = 0x04;

export interface NoteLine {
  readonly name: string;
  readonly keyId: Buffer;
  /** What follows the key id. */
  readonly blob: Buffer;
}

export interface Note {
  readonly checkpoint: Checkpoint;
  readonly lines: readonly NoteLine[];
  /** The bytes as received. */
  readonly bytes: Buffer;
}

/** A key that signs a log, with what never changes about it computed once. */
export interface LogKey {
  readonly publicKey: KeyObject;
  readonly signatureId: Buffer;
  readonly cosignatureId: Buffer;
}

function keyId(origin: string, type: number, publicRaw: Uint8Array): Buffer {
  const text = Buffer.concat([Buffer.from(`${origin}\n`), Buffer.of(type), publicRaw]);
  return digest('sha256', text, 'buffer').subarray(0, 4);
}

/** @param publicRaw 32 bytes of the Ed25519 public key, for the key id. */
export function logKey(origin: Origin, publicKey: KeyObject, publicRaw: Uint8Array): LogKey {
  return {
    publicKey,
    signatureId: keyId(origin, SIGNATURE, publicRaw),
    cosignatureId: keyId(origin, COSIGNATURE, publicRaw),
  };
}

const signatureLine = (origin: string, blob: Buffer): string =>
  `— ${origin} ${blob.toString('base64')}\n`;

/** Who signs, and under which name of the key. */
export interface Signer {
  readonly key: LogKey;
  readonly privateKey: KeyObject;
}

/** Signs a checkpoint. One signature covers every entry below it. */
export function signCheckpoint(c: Checkpoint, key: LogKey, privateKey: KeyObject): Buffer {
  return signCheckpointBy(c, [{ key, privateKey }]);
}

/** The same with a line of each: while keys are changed, two sign. */
export function signCheckpointBy(c: Checkpoint, signers: readonly Signer[]): Buffer {
  if (signers.length === 0) throw new MeshError('UNKNOWN_KEY', `nobody signs ${c.origin}`);
  const body = checkpointBody(c);
  const bytes = Buffer.from(body);
  let note = `${body}\n`;
  for (const { key, privateKey } of signers) {
    const blob = Buffer.concat([key.signatureId, sign(null, bytes, privateKey)]);
    note += signatureLine(c.origin, blob);
  }
  return Buffer.from(note);
}

/** Appends the line that says: as of this second, this is my largest tree. */
export function cosign(note: Note, key: LogKey, privateKey: KeyObject, timeS: number): Buffer {
  const signature = sign(
    null,
    cosignatureBytes(timeS, checkpointBody(note.checkpoint)),
    privateKey,
  );
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(timeS));
  const line = signatureLine(
    note.checkpoint.origin,
    Buffer.concat([key.cosignatureId, time, signature]),
  );
  return Buffer.concat([note.bytes, Buffer.from(line)]);
}

/** The note with the plain signatures of its log only: what proofs and announcements carry. */
export function withoutCosignatures(note: Note): Buffer {
  // By form, not by place: a carrier may have put the lines into another order.
  const isPlain = (l: NoteLine) => l.name === note.checkpoint.origin && l.blob.length === 64;
  return encodeNote({ ...note, lines: note.lines.filter(isPlain) });
}

/**
 * The note with the lines of these keys and at most one other of its log's: while a publisher changes its key, both sign,
 * and who does not know the next one yet passes its line on. Whatever else a carrier added is not passed on.
 */
export function signedOnly(note: Note, keys: readonly LogKey[]): Buffer {
  const isKnown = (l: NoteLine) => keys.some((key) => l.keyId.equals(key.signatureId));
  const plain = note.lines.filter((l) => l.name === note.checkpoint.origin && l.blob.length === 64);
  const lines = [...plain.filter(isKnown), ...plain.filter((l) => !isKnown(l)).slice(0, 1)];
  return encodeNote({ ...note, lines: lines.slice(0, 2) });
}

/** The note with one plain signature of each of these keys that signed it, and nothing that anybody else added. */
export function linesOf(note: Note, ids: readonly Buffer[]): Buffer {
  const { origin } = note.checkpoint;
  const lines = ids.flatMap(
    (id) =>
      note.lines.find((l) => l.name === origin && l.blob.length === 64 && l.keyId.equals(id)) ?? [],
  );
  return encodeNote({ ...note, lines });
}

function canonicalBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text)
    throw new MeshError('NOT_CANONICAL', 'base64 of a checkpoint');
  return bytes;
}

/** Takes a note apart. Nothing is verified yet; only the one canonical text is accepted. */
export function decodeNote(bytes: Uint8Array): Note {
  if (bytes.length > LIMITS.noteBytes)
    throw new MeshError('TOO_LARGE', 'a checkpoint is above its limit');
  const buffer = Buffer.from(bytes);
  const text = buffer.toString('utf8');
  const parts = text.split('\n\n');
  const [body, signatures] = parts;
  if (parts.length !== 2 || body === undefined || !signatures?.endsWith('\n')) {
    throw new MeshError('MALFORMED', 'not a signed note');
  }
  const [origin, sizeText, rootText, ...rest] = body.split('\n');
  if (origin === undefined || sizeText === undefined || rootText === undefined || rest.length > 0) {
    throw new MeshError('MALFORMED', 'a checkpoint has three lines');
  }
  const size = Number(sizeText);
  if (!Number.isSafeInteger(size) || size < 0 || String(size) !== sizeText) {
    throw new MeshError('NOT_CANONICAL', 'size of a checkpoint is not a plain number');
  }
  const root = canonicalBase64(rootText);
  if (root.length !== 32) throw new MeshError('MALFORMED', 'root of a checkpoint is not 32 bytes');
  const lines = signatures.slice(0, -1).split('\n').map(decodeLine);
  if (lines.length > LIMITS.noteSignatures)
    throw new MeshError('TOO_LARGE', 'a checkpoint has too many signatures');
  const note: Note = { checkpoint: { origin: origin as Origin, size, root }, lines, bytes: buffer };
  if (encodeNote(note).compare(buffer) !== 0) {
    throw new MeshError('NOT_CANONICAL', 'a checkpoint is not in its one form');
  }
  return note;
}

/** Size in a note that was made or taken apart here before: nothing else of it is looked at. */
export function sizeOfNote(bytes: Buffer): number {
  const from = bytes.indexOf(NEWLINE) + 1;
  return Number(bytes.toString('latin1', from, bytes.indexOf(NEWLINE, from)));
}

const NEWLINE = 0x0a;

function encodeNote(note: Note): Buffer {
  const lines = note.lines.map((l) => signatureLine(l.name, Buffer.concat([l.keyId, l.blob])));
  return Buffer.from(`${checkpointBody(note.checkpoint)}\n${lines.join('')}`);
}

function decodeLine(line: string): NoteLine {
  const [dash, name, blobText, ...rest] = line.split(' ');
  if (dash !== '—' || !name || blobText === undefined || rest.length > 0) {
    throw new MeshError('MALFORMED', 'a signature line of a checkpoint');
  }
  const blob = canonicalBase64(blobText);
  if (blob.length < 5) throw new MeshError('MALFORMED', 'a signature of a checkpoint is too short');
  return { name, keyId: blob.subarray(0, 4), blob: blob.subarray(4) };
}

/** Verifies that the log's key signed this checkpoint of this log. */
export function verifyNote(note: Note, origin: Origin, key: LogKey): Checkpoint {
  if (note.checkpoint.origin !== origin) {
    throw new MeshError(
      'WRONG_ORIGIN',
      `a checkpoint of ${note.checkpoint.origin} was given for ${origin}`,
    );
  }
  const line = note.lines.find((l) => l.name === origin && l.keyId.equals(key.signatureId));
  if (!line)
    throw new MeshError('UNKNOWN_KEY', `the checkpoint of ${origin} is not signed by its key`);
  const body = Buffer.from(checkpointBody(note.checkpoint));
  if (line.blob.length !== 64 || !verify(null, body, key.publicKey, line.blob)) {
    throw new MeshError('BAD_SIGNATURE', `the signature of the checkpoint of ${origin} is wrong`);
  }
  return note.checkpoint;
}

/** Newest time, in seconds, at which the key vouched for this checkpoint; undefined when it never did. */
export function cosignedAt(note: Note, key: LogKey): number | undefined {
  let newest: number | undefined;
  for (const line of note.lines) {
    if (line.blob.length !== 72 || !line.keyId.equals(key.cosignatureId)) continue;
    const timeS = Number(line.blob.readBigUInt64BE());
    if (!Number.isSafeInteger(timeS)) continue;
    const message = cosignatureBytes(timeS, checkpointBody(note.checkpoint));
    if (!verify(null, message, key.publicKey, line.blob.subarray(8))) continue;
    if (newest === undefined || timeS > newest) newest = timeS;
  }
  return newest;
}
