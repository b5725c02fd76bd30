// What ODCM may write into the directory: the payload of each event, checked before it is signed and again by whoever folds
// it (directory.ts). Pure.

import { z } from 'zod';
import { nounOf } from './contexts.ts';
import type { Json } from './envelope.ts';
import { MeshError } from './errors.ts';
import {
  parseContextName,
  parseFeedId,
  parseFeedName,
  parseGrantId,
  parseSpaceId,
  parseSpaceName,
} from './ids.ts';
import { LIMITS } from './limits.ts';

/** Canonical base64: two spellings of one key would be two spaces with one key. */
const base64Key = z.string().refine((text) => {
  const raw = Buffer.from(text, 'base64');
  return raw.length === 32 && raw.toString('base64') === text;
}, 'not 32 bytes of base64');
const LONGEST_VERB = 'PublishedV1Event';
const space = z.string().transform(parseSpaceId);
/** Sixteen zero bytes stand for the directory itself. */
const feed = z
  .string()
  .refine((text) => text !== '00000000-0000-0000-0000-000000000000', 'the id of the directory')
  .transform(parseFeedId);
/** Its events must have names that fit an entry. */
const newContext = z
  .string()
  .transform(parseContextName)
  .refine((name) => `${nounOf(name)}${LONGEST_VERB}`.length <= LIMITS.eventTypeChars, 'too long');
const addresses = z.array(z.string().min(1).max(LIMITS.addressChars)).max(LIMITS.addresses);
const instant = z.iso.datetime();
/** Wanted holders of a feed beside its publisher. */
const carriers = z.int().min(0).max(LIMITS.carriersMax);

/** APPEND ONLY. Payloads of directory events; an event that is not named here is kept and passed over. */
export const DIRECTORY_EVENTS = {
  SpaceEnrolledV1Event: z.strictObject({
    space,
    name: z.string().transform(parseSpaceName),
    /** Ed25519 public key: signs the space's feeds and is its libp2p identity. */
    nodeKey: base64Key,
    /** X25519 public key: feed keys are sealed for it. */
    exchangeKey: base64Key,
    certificateSha256: z.string().regex(/^[0-9a-f]{64}$/),
    addresses,
  }),
  SpaceAddressesV1Event: z.strictObject({ space, addresses }),
  /** The certificate that a space has now: the one it was enrolled with, or a later one. */
  SpaceCertificateV1Event: z.strictObject({
    space,
    /** Of the DER, in hex. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    serial: z.string().regex(/^[0-9A-F]{1,40}$/),
    notBefore: instant,
    notAfter: instant,
  }),
  /** A space goes on with new keys. Its feeds, from these sizes on, are signed by the new one; feeds not named from 0 on. */
  SpaceKeyRotatedV1Event: z.strictObject({
    space,
    nodeKey: base64Key,
    exchangeKey: base64Key,
    from: z.record(z.string(), z.int().min(0)),
  }),
  SpaceRevokedV1Event: z.strictObject({
    space,
    reason: z.string().max(500),
    /** Per feed, how many of its entries are still good; feeds not named keep what each node has. */
    lastGood: z.record(z.string(), z.int().min(0)),
  }),
  ContextAddedV1Event: z.strictObject({
    context: newContext,
    content: z.enum(['json', 'any']),
  }),
  FeedCreatedV1Event: z.strictObject({
    feed,
    space,
    name: z.string().transform(parseFeedName),
    context: z.string().transform(parseContextName),
    sync: z.enum(['forced', 'chosen']),
    /** Only who has a key of the feed can read its records; a feed for everybody is not sealed. */
    sealed: z.literal(true).optional(),
    carriers: carriers.optional(),
  }),
  /** How many carriers a feed wants from now on. */
  FeedPolicyV1Event: z.strictObject({ feed, carriers }),
  /** The log of a feed goes on under a new origin, exactly from this point of its last one. */
  FeedEpochStartedV1Event: z.strictObject({
    feed,
    epoch: z.int().min(2),
    continues: z.strictObject({ size: z.int().min(0), root: base64Key }),
  }),
  GrantIssuedV1Event: z.strictObject({
    grant: z.string().transform(parseGrantId),
    /** Who receives; '*' stands for all present and future spaces. */
    subscriber: z.union([z.literal('*'), space]),
    publisher: space,
    /** Which feed of the publisher; '*' for all of them. */
    feed: z.union([z.literal('*'), feed]),
    until: instant.nullable(),
    /** Of a sealed feed: also what was published before the grant. */
    history: z.literal(true).optional(),
  }),
  GrantRevokedV1Event: z.strictObject({ grant: z.string().transform(parseGrantId) }),
  /** First entry of a new epoch of the directory, which the root opened, and how many entries come into force with it. */
  DirectoryEpochStartedV1Event: z.strictObject({
    epoch: z.int().min(2),
    entries: z.int().min(1).max(LIMITS.batchEntries),
  }),
} as const;

export type DirectoryEvent = keyof typeof DIRECTORY_EVENTS;
export type DirectoryPayload<E extends DirectoryEvent> = z.output<(typeof DIRECTORY_EVENTS)[E]>;

/** Checks a payload before ODCM writes it: what would be passed over is never signed. */
export function checkDirectoryEvent<E extends DirectoryEvent>(
  event: E,
  payload: DirectoryPayload<E>,
): Json {
  const result = DIRECTORY_EVENTS[event].safeParse(payload);
  if (!result.success) {
    throw new MeshError(
      'EVENT_INVALID',
      `${event}: ${result.error.issues[0]?.message ?? 'invalid'}`,
    );
  }
  return payload as unknown as Json;
}
