// What the control API says of forks: proofs that a key signed two histories, and how a feed goes on after one.

import { z } from 'zod';
import type { Route } from './control-route.ts';
import { LIMITS } from './limits.ts';

const count = z.int().min(0);
const name = z.string().min(1).max(LIMITS.itemNameChars);
const feedPath = name.describe('SPACE/FEED, or the bare name of a feed of this space');

export const ForkRow = z.object({
  /** SPACE/FEED, or `directory`. */
  log: z.string(),
  origin: z.string(),
  /** Entries of the two heads, the smaller first. */
  size: count,
  otherSize: count,
  /** Entries held here that are proven to be in both histories: these are still served. */
  common: count,
  held: count,
  foundAt: z.iso.datetime(),
  /** A later epoch has begun: the feed goes on. */
  settled: z.boolean(),
});

/** The proof as text, so that it can be checked by hand, and as the bytes that nodes pass on. */
export const ForkEvidence = z.object({
  log: z.string(),
  foundAt: z.iso.datetime(),
  /** Ed25519 keys of the signer, base64, as the directory or the root has them. */
  publicKeys: z.array(z.string()),
  /** How many of these keys must have signed each head. */
  threshold: count,
  notes: z.array(z.string()).length(2),
  altRoot: z.string().nullable(),
  path: z.array(z.string()),
  /** The whole proof, base64 of its encoding. */
  proof: z.string(),
});

/** Access that one of the histories took away, and that the point of continuation gives again. */
const Lapse = z.object({
  kind: z.enum(['space', 'grant']),
  /** Of the space, or the id of the grant. */
  name: z.string(),
  about: z.string(),
  at: z.string(),
  /** Of a space: entries of its feeds, by their paths, that stay good. */
  lastGood: z.record(z.string(), count).nullable(),
});

/** Keys that a space was given behind the point: until it has asked for new ones again, its former ones count. */
const NewKeys = z.object({
  space: z.string(),
  at: z.string(),
  /** SHA-256 of the node key, in hexadecimal. */
  nodeKey: z.string(),
  /** Names of the spaces that show it. */
  from: z.array(z.string()),
});

export const DirectoryHistories = z.object({
  /** The epoch that continues from here; the root has opened it already, or may. */
  epoch: count,
  size: count,
  root: z.string(),
  opened: z.boolean(),
  revocations: z.array(Lapse),
  newKeys: z.array(NewKeys),
  histories: z.array(
    z.object({
      from: z.array(z.string()),
      size: count,
      entries: z.array(
        z.object({
          index: count,
          event: z.string(),
          about: z.string(),
          at: z.string(),
          lastGood: z.record(z.string(), count).nullable(),
        }),
      ),
    }),
  ),
  /** Members that do not show what they have. */
  unseen: z.array(z.string()),
  /** Sizes of the heads that were proven to contradict each other, of which nobody shows the entries. */
  missing: z.array(count),
});

export const DirectoryContinued = z.object({
  epoch: count,
  size: count,
  /** Revocations that were written again, and those that were left out. */
  reissued: z.array(Lapse),
  leftOut: z.array(Lapse),
  /** Keys that were written again, and those that were not. */
  rekeyed: z.array(NewKeys),
  newKeys: z.array(NewKeys),
});

export const FORK_ROUTES = {
  forks: {
    method: 'GET',
    path: '/v1/forks',
    summary: 'Logs of which two histories were signed, with what is still served of them',
    result: ForkRow,
    answer: 'rows',
  },
  fork: {
    method: 'GET',
    path: '/v1/fork',
    summary: 'The proof of one fork, to be checked by anybody',
    query: z.object({ log: name.describe("SPACE/FEED, or 'directory'") }),
    result: ForkEvidence,
    answer: 'object',
  },
  continueFeed: {
    method: 'POST',
    path: '/v1/feeds/continuations',
    summary: 'Lets a feed whose log cannot go on, go on in a new epoch (at ODCM)',
    body: z.object({
      feed: feedPath,
      size: count.optional().describe('after so many entries; the most that can be when absent'),
    }),
    result: z.object({
      feed: z.string(),
      epoch: count,
      size: count,
      root: z.string(),
      entry: count,
    }),
    answer: 'object',
  },
  directoryHistories: {
    method: 'GET',
    path: '/v1/directory/histories',
    summary:
      'Where a directory with two histories can go on, and what stands behind that (at ODCM)',
    query: z.object({
      size: z.coerce
        .number()
        .int()
        .min(1)
        .optional()
        .describe('after so many entries; the most that can be when absent'),
    }),
    result: DirectoryHistories,
    answer: 'object',
  },
  continueDirectory: {
    method: 'POST',
    path: '/v1/directory/continuations',
    summary: 'Lets the epoch of the directory begin that the root has opened (at ODCM)',
    body: z.object({
      without: z
        .array(z.string().max(LIMITS.itemNameChars))
        .max(LIMITS.pageRows)
        .optional()
        .describe('revocations that are not written again: names of spaces, ids of grants'),
      keys: z
        .array(z.string().max(LIMITS.itemNameChars))
        .max(LIMITS.pageRows)
        .optional()
        .describe('spaces whose new keys are written again'),
      unseen: z
        .boolean()
        .optional()
        .describe('also when nobody that is connected shows all histories'),
    }),
    result: DirectoryContinued,
    answer: 'object',
  },
  releaseFeed: {
    method: 'POST',
    path: '/v1/feeds/releases',
    summary: 'Lets out what is held of an own feed, without having asked others for what they have',
    body: z.object({ feed: feedPath }),
    result: z.object({ feed: z.string(), released: count }),
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
