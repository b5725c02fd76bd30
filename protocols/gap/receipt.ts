// Receipts (wire §11): what a space says it applied or deployed, as an in-toto Statement v1 in a DSSE envelope that the space's
// Ed25519 key signs. Compact JSON in one order of fields, so that sh and openssl can take it apart.

import { type KeyObject, sign } from 'node:crypto';
import { z } from 'zod';
import { decodeCanonical } from '../canonical-json.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { MeshError } from '../errors.ts';
import { parseMeshId, parseSpaceId, parseSpaceName } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { OUTCOMES } from '../reports.ts';
import { dssePae } from '../signable.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const STATEMENT = 'https://in-toto.io/Statement/v1';
const PREDICATE = 'urn:odcm:receipt:v1';
/** Public key identifier in an envelope: tells a reader which key to try, and is not signed. */
const KEY_ID = /^[0-9a-f]{16}$/;

const text = z.string().min(1).max(LIMITS.itemNameChars);
const instant = z.string().refine((value) => isInstant(value), 'not an instant in milliseconds');
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

const Bundle = z.strictObject({
  exporter: z.string().transform(parseSpaceId),
  sequence: z.int().min(1),
  manifestSha256: hex32,
});

const common = {
  mesh: z.string().transform(parseMeshId),
  space: z.strictObject({
    id: z.string().transform(parseSpaceId),
    name: z.string().transform(parseSpaceName),
  }),
};
/** What of the directory the space knew then. */
const directory = z.strictObject({ size: count, root: hex32 });

const Deployed = z.strictObject({
  kind: z.literal('deployment'),
  ...common,
  /** Id of the deployment in the space that it ran in. */
  id: text,
  project: text,
  environment: text,
  release: z.string().min(1).max(349),
  outcome: z.enum(OUTCOMES),
  startedAt: instant,
  finishedAt: instant,
  deployedBy: text.nullable(),
  /** The bundle that was applied last before it; null at a space that has applied none. */
  bundle: Bundle.nullable(),
  directory,
});

const Applied = z.strictObject({
  kind: z.literal('import'),
  ...common,
  bundle: Bundle,
  appliedAt: instant,
  /** Who let it in, in the order in which they did. */
  approvedBy: z.array(text).max(8),
  /** Entries that it brought. */
  entries: count,
  directory,
});

const Predicate = z.discriminatedUnion('kind', [Deployed, Applied]);

export type Receipt = z.output<typeof Predicate>;

const Statement = z.strictObject({
  _type: z.literal(STATEMENT),
  subject: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(500),
        digest: z.strictObject({ sha256: hex32 }),
      }),
    )
    .length(1),
  predicateType: z.literal(PREDICATE),
  predicate: Predicate,
});

export type ReceiptStatement = z.output<typeof Statement>;

const Envelope = z.strictObject({
  payload: z.string(),
  payloadType: z.literal(PAYLOAD_TYPE),
  signatures: z
    .array(z.strictObject({ keyid: z.string().regex(KEY_ID), sig: z.string().length(88) }))
    .length(1),
});

/** What a receipt is about, and its hash: an entry's record, a package, a manifest. */
export interface Subject {
  readonly name: string;
  /** In hex. */
  readonly sha256: string;
}

/** @throws MALFORMED for what {@link decodeReceipt} would refuse */
export function signReceipt(
  receipt: Receipt,
  subject: Subject,
  key: KeyObject,
  keyId: string,
): Buffer {
  const { name, sha256 } = subject;
  const statement = parsed(Statement, {
    _type: STATEMENT,
    subject: [{ name, digest: { sha256 } }],
    predicateType: PREDICATE,
    predicate: receipt,
  });
  const payload = encodeStatement(statement);
  const signature = sign(null, dssePae(PAYLOAD_TYPE, payload), key);
  const bytes = encodeEnvelope(payload, keyId, signature);
  if (bytes.length > LIMITS.receiptBytes)
    throw new MeshError('TOO_LARGE', `a receipt is above ${LIMITS.receiptBytes} bytes`);
  return bytes;
}

export interface DecodedReceipt {
  readonly statement: ReceiptStatement;
  readonly payload: Buffer;
  readonly keyId: string;
  readonly signature: Buffer;
}

/** Takes an envelope apart without looking at its signature. @throws TOO_LARGE, MALFORMED, NOT_CANONICAL */
export function decodeReceipt(bytes: Uint8Array): DecodedReceipt {
  const { payload, keyId, signature } = decodeCanonical(bytes, {
    what: 'the envelope of a receipt',
    maxBytes: LIMITS.receiptBytes,
    read: (value) => {
      const { payload, signatures } = parsed(Envelope, value);
      const [{ keyid: keyId, sig } = { keyid: '', sig: '' }] = signatures;
      return {
        payload: Buffer.from(payload, 'base64'),
        keyId,
        signature: Buffer.from(sig, 'base64'),
      };
    },
    encode: (e) => encodeEnvelope(e.payload, e.keyId, e.signature),
  });
  const statement = decodeCanonical(payload, {
    what: 'the statement of a receipt',
    maxBytes: LIMITS.receiptBytes,
    read: (value) => parsed(Statement, value),
    encode: encodeStatement,
  });
  return { statement, payload, keyId, signature };
}

/** @throws BAD_SIGNATURE */
export function verifyReceipt({ payload, signature }: DecodedReceipt, publicKey: KeyObject): void {
  if (!verifyEd25519(publicKey, dssePae(PAYLOAD_TYPE, payload), signature))
    throw new MeshError('BAD_SIGNATURE', 'a receipt is not signed by the key of its space');
}

/** Parsed by a schema, fields stand in the order of the schema, whatever order they came in. */
const encodeStatement = (statement: ReceiptStatement): Buffer =>
  Buffer.from(JSON.stringify(statement));

function encodeEnvelope(payload: Uint8Array, keyid: string, signature: Uint8Array): Buffer {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const signatures = [{ keyid, sig: base64(signature) }];
  return Buffer.from(
    JSON.stringify({ payload: base64(payload), payloadType: PAYLOAD_TYPE, signatures }),
  );
}

function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MeshError(
    'MALFORMED',
    `a receipt: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}

function isInstant(value: string): boolean {
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === value;
}
