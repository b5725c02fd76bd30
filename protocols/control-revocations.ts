// What the control API asks and answers about access that was taken away: who has applied it, the signed statement that shows
// it, and what could be read before. Times are ISO 8601 in UTC, lengths of time milliseconds, null what is not known.

import { z } from 'zod';
import { count, HEALTH_STATES, instant } from './control-answers.ts';
import type { Route } from './control-route.ts';
import { LIMITS } from './limits.ts';

const name = z.string().min(1).max(LIMITS.itemNameChars);

export const RevocationRow = z.object({
  /** Index of the directory entry that says so. */
  entry: count,
  at: instant,
  kind: z.enum(['space', 'grant']),
  /** Who lost it; 'all' for a grant that was for every space. */
  space: z.string(),
  /** 'the mesh', or PUBLISHER/FEED, or PUBLISHER for all its feeds. */
  what: z.string(),
  reason: z.string().nullable(),
  /** Members whose signed statement says that it is in force with them, this node included … */
  applied: count,
  /** … of so many members. */
  of: count,
  /** Those of which no such statement is here. */
  missing: z.array(
    z.object({
      space: z.string(),
      state: z.enum(HEALTH_STATES),
      /** Since its newest statement was said; null when none was heard since this node started. */
      heardAgoMs: count.nullable(),
      /** Entries of the directory that it had then. */
      size: count.nullable(),
    }),
  ),
  /** Items of this node's own feeds that it could read and that are not changed yet, and of these the sensitive ones. */
  readable: count.optional(),
  sensitive: count.optional(),
});

/** The newest signed statement of a space, with all that anybody needs to check it. */
export const StatementResult = z.object({
  space: z.string(),
  id: z.string(),
  /** By the space's own clock. */
  saidAt: instant,
  directory: z.object({ size: count, root: z.string() }),
  version: z.string(),
  /** Hex: drawn at each start of the space's node. */
  incarnation: z.string(),
  /** Base64: the bytes that are signed, the Ed25519 key of the directory, the signature. */
  signed: z.string(),
  key: z.string(),
  signature: z.string(),
  isGenuine: z.boolean(),
});

export const ExposureRow = z.object({
  feed: z.string(),
  /** Who has to change it. */
  owner: z.string(),
  item: z.string(),
  version: count,
  publishedAt: instant,
  ageMs: count,
  isSensitive: z.boolean(),
  /** `readable`: what the space could read is what is in use. `changed`: a newer version came after its access ended. */
  state: z.enum(['readable', 'changed']),
});

export const ExposureResult = z.object({
  asOf: instant,
  space: z.string(),
  /** Since when it is shut out of the mesh. */
  revokedAt: instant.nullable(),
  /** Feeds of all publishers that it could read, by the grants of the directory. */
  feeds: z.array(
    z.object({
      feed: z.string(),
      owner: z.string(),
      /** The items are listed here, because this node publishes the feed. */
      isOwn: z.boolean(),
      isSealed: z.boolean(),
      from: instant,
      /** Null while it still may. */
      until: instant.nullable(),
    }),
  ),
  /** Items of this node's own feeds, what must be changed first at the top; of very many, the first of them. */
  rows: z.array(ExposureRow),
  total: count,
  /** Of all of them, those that are not changed yet, and those of these that are sensitive. */
  readable: count,
  sensitive: count,
});

export const REVOCATION_ROUTES = {
  revocations: {
    method: 'GET',
    path: '/v1/revocations',
    summary: 'Newest revocations and ended grants, and which members have applied them',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(LIMITS.revocationsShown).default(10),
      /** From this entry of the directory on. */
      from: z.coerce.number().int().min(0).default(0),
    }),
    result: RevocationRow,
    answer: 'rows',
  },
  statement: {
    method: 'GET',
    path: '/v1/statement',
    summary: 'The newest signed statement of a space, to be checked by anybody',
    query: z.object({ space: name }),
    result: StatementResult,
    answer: 'object',
  },
  exposure: {
    method: 'GET',
    path: '/v1/exposure',
    summary: 'What a space could read, and what of it must be changed at its source',
    query: z.object({ space: name }),
    result: ExposureResult,
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
