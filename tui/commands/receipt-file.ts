// Receipts outside of nodes: two files each, the receipt and its proof, or one line of text as a QR code carries it.

import { open, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeBase45, encodeBase45 } from '../format/base45.ts';

export interface ReceiptText {
  readonly receipt: string;
  readonly proof: string;
}

export const RECEIPT_ENDING = '.receipt.json';
export const PROOF_ENDING = '.tlog-proof';
const QR_HEAD = 'ODCMR1:';
const MOST_BYTES = LIMITS.receiptBytes + LIMITS.tlogProofBytes;

/** Receipt and proof with a line between them, which neither of them can hold: as a code for a camera. */
export function toCode({ receipt, proof }: ReceiptText): string {
  return (
    QR_HEAD + encodeBase45(deflateRawSync(Buffer.from(`${receipt}\n\0\n${proof}`), { level: 9 }))
  );
}

/** @throws MALFORMED, TOO_LARGE */
export function fromCode(text: string): ReceiptText {
  if (text.length > MOST_BYTES * 2)
    throw new MeshError('TOO_LARGE', 'the code of a receipt is too long');
  if (!text.startsWith(QR_HEAD))
    throw new MeshError('MALFORMED', `a receipt as text begins with ${QR_HEAD}`);
  let bytes: Buffer;
  try {
    bytes = inflateRawSync(decodeBase45(text.slice(QR_HEAD.length)), {
      maxOutputLength: MOST_BYTES,
    });
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError('MALFORMED', 'the code of a receipt is damaged', { cause });
  }
  const [receipt, proof, ...rest] = bytes.toString('utf8').split('\n\0\n');
  if (receipt === undefined || proof === undefined || rest.length > 0)
    throw new MeshError('MALFORMED', 'the code of a receipt is damaged');
  return { receipt, proof };
}

/** Either of the two files, or their common beginning. */
export async function readReceiptFile(path: string): Promise<ReceiptText> {
  const stem = stemOf(resolve(path));
  const [receipt, proof] = await Promise.all([
    readSmall(`${stem}${RECEIPT_ENDING}`, LIMITS.receiptBytes),
    readSmall(`${stem}${PROOF_ENDING}`, LIMITS.tlogProofBytes),
  ]);
  return { receipt, proof };
}

function stemOf(path: string): string {
  for (const ending of [RECEIPT_ENDING, PROOF_ENDING])
    if (path.endsWith(ending)) return path.slice(0, -ending.length);
  return path;
}

/** All receipts in a folder, by name. */
export async function receiptsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith(RECEIPT_ENDING))
    .sort()
    .map((name) => join(folder, name));
}

async function readSmall(path: string, maxBytes: number): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxBytes) throw new MeshError('TOO_LARGE', `${path} has ${size} bytes`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError('FILE_UNREADABLE', `cannot read ${path}`, { cause });
  }
}

/** @throws USAGE */
export function receiptNumber(what: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new MeshError('USAGE', `${what} ${JSON.stringify(text)} is no number`, {
    next: 'See: odcm receipts list',
  });
}
