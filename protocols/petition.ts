// A petition: what a space asks ODCM to write into the directory, signed by the space (wire §8). ODCM alone decides.

import type { KeyObject } from 'node:crypto';
import { sign } from 'node:crypto';
import { z } from 'zod';
import { ADDRESS } from './address.ts';
import { decodeUtf8, Reader, Writer } from './codec.ts';
import { verifyEd25519 } from './ed25519.ts';
import { MeshError } from './errors.ts';
import {
  formatUuid,
  type MeshId,
  parseContextName,
  parseFeedId,
  parseFeedName,
  parseSpaceId,
  type SpaceId,
  uuidBytes,
} from './ids.ts';
import { LIMITS } from './limits.ts';
import { petitionBytes } from './signable.ts';

/** In the one spelling of these bytes. */
const base64Of = (length: number) =>
  z.string().refine((text) => {
    const raw = Buffer.from(text, 'base64');
    return raw.length === length && raw.toString('base64') === text;
  }, `not ${length} bytes of base64`);

const carrierCount = z.int().min(0).max(LIMITS.carriersMax);

const Wish = z.discriminatedUnion('wish', [
  z.strictObject({
    wish: z.literal('feed'),
    name: z.string().transform(parseFeedName),
    context: z.string().transform(parseContextName),
    sync: z.enum(['forced', 'chosen']),
    /** Who is to have the feed: every present and future space, or spaces by name; feed and grants are one batch. */
    to: z.union([z.literal('all'), z.array(z.string().max(63)).max(LIMITS.batchEntries - 1)]),
    /** Sealed for its readers; when absent, every feed but those for all is. */
    sealed: z.boolean().optional(),
    /** Copies beside its publisher; as many as usual when it is absent. */
    carriers: carrierCount.optional(),
  }),
  /** How many carriers a feed of the space wants from now on. */
  z.strictObject({
    wish: z.literal('policy'),
    feed: z.string().transform(parseFeedId),
    carriers: carrierCount,
  }),
  z.strictObject({
    wish: z.literal('addresses'),
    addresses: z.array(z.string().regex(ADDRESS, 'not an address')).max(LIMITS.addresses),
  }),
  /** The next certificate; the request binds the node key that is in force. */
  z.strictObject({ wish: z.literal('certificate'), csr: z.string().max(LIMITS.certificateBytes) }),
  /** New keys of the space, which prove themselves (certs/rotation.ts); per feed, the size from which they sign. */
  z.strictObject({
    wish: z.literal('rotate-keys'),
    nodeKey: base64Of(32),
    exchangeKey: base64Of(32),
    from: z.record(z.uuid(), z.int().min(0)),
    proofs: z.strictObject({ nodeKey: base64Of(64), exchangeKey: base64Of(32) }),
  }),
]);

export type Wish = z.output<typeof Wish>;

export interface Petition {
  readonly space: SpaceId;
  readonly nonce: Buffer;
  readonly body: Buffer;
  readonly signature: Buffer;
}

const FORMAT = 1;

export function signPetition(
  mesh: MeshId,
  space: SpaceId,
  wish: Wish,
  nonce: Uint8Array,
  privateKey: KeyObject,
): Buffer {
  const body = Buffer.from(JSON.stringify(wish));
  const signature = sign(null, petitionBytes({ mesh, space, nonce, body }), privateKey);
  const w = new Writer().array(5).uint(FORMAT).bytes(uuidBytes(space)).bytes(nonce).bytes(body);
  return w.bytes(signature).take();
}

export function decodePetition(bytes: Uint8Array): Petition {
  const r = new Reader(bytes);
  r.tuple(5);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a petition');
  const space = parseSpaceId(formatUuid(r.bytesOf(16)));
  const petition = {
    space,
    nonce: r.bytesOf(16),
    body: r.bytes(LIMITS.enrolFrameBytes),
    signature: r.bytesOf(64),
  };
  r.end();
  return petition;
}

/** The wish, if the space's key signed it for this mesh. */
export function verifyPetition(mesh: MeshId, petition: Petition, publicKey: KeyObject): Wish {
  if (!verifyEd25519(publicKey, petitionBytes({ mesh, ...petition }), petition.signature)) {
    throw new MeshError('BAD_SIGNATURE', 'a petition is not signed by the space that it names');
  }
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(petition.body));
  } catch (cause) {
    throw new MeshError('MALFORMED', 'a petition is not JSON', { cause });
  }
  const result = Wish.safeParse(value);
  if (!result.success)
    throw new MeshError('MALFORMED', `a petition: ${result.error.issues[0]?.message ?? ''}`);
  return result.data;
}
