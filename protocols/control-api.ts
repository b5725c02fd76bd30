// The control API of a node, as one table: what can be asked, with which words, and what comes back
// (control-answers.ts has the shapes; alerts and reports have files of their own). The server, the OpenAPI description and the commands are built on it.

import { z } from 'zod';
import { ALERT_ROUTES } from './control-alert-routes.ts';
import {
  count,
  EnrolmentRow,
  FeedRow,
  GrantRow,
  HistoryRow,
  InviteResult,
  ItemRow,
  instant,
  PeerRow,
  PublishedRow,
  PullRow,
  SpaceRow,
  StatusResult,
  SubscriptionRow,
  TailRow,
} from './control-answers.ts';
import { CARRIER_ROUTES, carrierCount } from './control-carriers.ts';
import { COURIER_ROUTES } from './control-courier-routes.ts';
import { FORK_ROUTES } from './control-forks.ts';
import { GAP_ROUTES } from './control-gap.ts';
import { HealthRow, TrustRow } from './control-health.ts';
import { KEY_ROUTES } from './control-key-routes.ts';
import { MeshRow, OverviewResult } from './control-mesh.ts';
import { REPORT_ROUTES } from './control-report-routes.ts';
import { REVOCATION_ROUTES } from './control-revocations.ts';
import type { Route } from './control-route.ts';
import { STORE_ROUTES } from './control-store.ts';
import { LIMITS } from './limits.ts';

const name = z.string().min(1).max(LIMITS.itemNameChars);
const feedPath = name.describe('SPACE/FEED, or the bare name of a feed of this space');

const feedQuery = z.object({ feed: feedPath });
const draft = z.object({
  item: name,
  payload: z.json(),
  type: z.string().max(LIMITS.eventTypeChars).optional(),
  occurredTimeUtc: instant.optional(),
  activityId: z.uuid().optional(),
});

/** Names of the routes are the operation ids of the OpenAPI description. */
export const ROUTES = {
  status: {
    method: 'GET',
    path: '/v1/status',
    summary: 'What this node is and knows',
    result: StatusResult,
    answer: 'object',
  },
  spaces: {
    method: 'GET',
    path: '/v1/spaces',
    summary: 'Members of the mesh',
    result: SpaceRow,
    answer: 'rows',
  },
  health: {
    method: 'GET',
    path: '/v1/health',
    summary: 'How each space is, as this node sees it, and how old that knowledge is',
    result: HealthRow,
    answer: 'rows',
  },
  trust: {
    method: 'GET',
    path: '/v1/trust',
    summary: 'Root keys, CA certificates and certificates of spaces, and how long they last',
    result: TrustRow,
    answer: 'rows',
  },
  peers: {
    method: 'GET',
    path: '/v1/peers',
    summary: 'Connections to members',
    result: PeerRow,
    answer: 'rows',
  },
  mesh: {
    method: 'GET',
    path: '/v1/mesh',
    summary: 'Connections to members with what is measured of them',
    result: MeshRow,
    answer: 'rows',
  },
  overview: {
    method: 'GET',
    path: '/v1/overview',
    summary: 'What matters most of everything that this node knows, in one answer',
    result: OverviewResult,
    answer: 'object',
  },
  feeds: {
    method: 'GET',
    path: '/v1/feeds',
    summary: 'Feeds of the directory and what is held of them',
    result: FeedRow,
    answer: 'rows',
  },
  createFeed: {
    method: 'POST',
    path: '/v1/feeds',
    summary: 'A new feed of this space; ODCM writes it into the directory',
    body: z.object({
      name,
      context: name,
      sync: z.enum(['forced', 'chosen']).default('chosen'),
      /** Who is to have it: every present and future space, or these. */
      to: z.union([z.literal('all'), z.array(name).max(LIMITS.batchEntries - 1)]).default([]),
      /** Sealed for its readers; when absent, every feed but those for all is. */
      sealed: z.boolean().optional(),
      /** Copies beside its publisher; as many as usual when it is absent. */
      carriers: carrierCount.optional(),
    }),
    result: z.object({ feed: z.string(), id: z.string(), grants: count, sealed: z.boolean() }),
    answer: 'object',
  },
  publishEvents: {
    method: 'POST',
    path: '/v1/events',
    summary: 'Publishes JSON payloads as new versions of items, all or none, durable when answered',
    query: feedQuery,
    body: z.object({ drafts: z.array(draft).min(1).max(LIMITS.batchEntries) }),
    result: PublishedRow,
    answer: 'rows',
  },
  publishContent: {
    method: 'POST',
    path: '/v1/content',
    summary: 'Publishes the body, of any size, as the new version of an item, byte for byte',
    query: feedQuery.extend({
      item: name,
      mediaType: z.string().max(LIMITS.mediaTypeChars).optional(),
    }),
    result: PublishedRow,
    answer: 'object',
  },
  withdraw: {
    method: 'POST',
    path: '/v1/withdraw',
    summary: 'Takes items back',
    query: feedQuery,
    body: z.object({ items: z.array(name).min(1).max(LIMITS.batchEntries) }),
    result: PublishedRow,
    answer: 'rows',
  },
  items: {
    method: 'GET',
    path: '/v1/items',
    summary: 'Newest versions of the items of a feed, in order of name',
    query: feedQuery.extend({
      after: name.optional(),
      limit: z.coerce.number().int().min(1).max(LIMITS.pageRows).default(LIMITS.pageRows),
      withdrawn: z.stringbool().default(false),
    }),
    result: ItemRow,
    answer: 'rows',
  },
  item: {
    method: 'GET',
    path: '/v1/item',
    summary: 'One version of an item with its evidence',
    query: feedQuery.extend({ item: name, version: z.coerce.number().int().min(1).optional() }),
    result: ItemRow.extend({
      event: z.string(),
      mediaType: z.string(),
      envelope: z.json(),
      leaf: z.string(),
      leafHash: z.string(),
      checkpoint: z.string().nullable(),
    }),
    answer: 'object',
  },
  content: {
    method: 'GET',
    path: '/v1/content',
    summary: 'The content of an item, byte for byte as it was published',
    query: feedQuery.extend({ item: name, version: z.coerce.number().int().min(1).optional() }),
    answer: 'bytes',
  },
  history: {
    method: 'GET',
    path: '/v1/history',
    summary: 'Entries of a feed or of one item, newest first',
    query: feedQuery.extend({
      item: name.optional(),
      before: z.coerce.number().int().min(0).optional(),
      limit: z.coerce.number().int().min(1).max(LIMITS.pageRows).default(100),
    }),
    result: HistoryRow,
    answer: 'rows',
  },
  deadLetters: {
    method: 'GET',
    path: '/v1/dead-letters',
    summary: 'Entries whose record breaks its contract',
    query: feedQuery,
    result: z.object({ index: count, code: z.string(), message: z.string() }),
    answer: 'rows',
  },
  tail: {
    method: 'GET',
    path: '/v1/tail',
    summary: 'Events as they are applied here',
    query: z.object({ feed: feedPath.optional() }),
    result: TailRow,
    answer: 'lines',
  },
  grants: {
    method: 'GET',
    path: '/v1/grants',
    summary: 'Who may have what',
    result: GrantRow,
    answer: 'rows',
  },
  grant: {
    method: 'POST',
    path: '/v1/grants',
    summary: 'Lets a space have a feed (at ODCM)',
    body: z.object({
      subscriber: name.describe("a space, or 'all' for every present and future one"),
      publisher: name,
      feed: name.optional().describe('one feed; all feeds of the publisher when absent'),
      until: instant.optional(),
      history: z.boolean().optional().describe('of sealed feeds also what was published before'),
    }),
    result: z.object({ grant: z.string() }),
    answer: 'object',
  },
  ungrant: {
    method: 'DELETE',
    path: '/v1/grants',
    summary: 'Takes grants back (at ODCM)',
    query: z.object({ subscriber: name, publisher: name, feed: name.optional() }),
    result: z.object({
      revoked: count,
      /** Index of the last directory entry that says so. */
      entry: count,
    }),
    answer: 'object',
  },
  revoke: {
    method: 'POST',
    path: '/v1/revocations',
    summary: 'Shuts a space out of the mesh (at ODCM)',
    body: z.object({
      space: name,
      reason: z.string().max(500).default(''),
      /** By name of its feeds, how many entries are still good; the others end where each node has them. */
      lastGood: z.record(name, count).default({}),
    }),
    result: z.object({ space: z.string(), entry: count }),
    answer: 'object',
  },
  invite: {
    method: 'POST',
    path: '/v1/invites',
    summary: 'A one-time token for a new space (at ODCM)',
    body: z.object({ space: name, ttlMs: count.optional() }),
    result: InviteResult,
    answer: 'object',
  },
  enrolments: {
    method: 'GET',
    path: '/v1/invites',
    summary: 'Tokens given out and who came (at ODCM)',
    result: EnrolmentRow,
    answer: 'rows',
  },
  subscriptions: {
    method: 'GET',
    path: '/v1/subscriptions',
    summary: 'What this space takes',
    result: SubscriptionRow,
    answer: 'rows',
  },
  subscribe: {
    method: 'POST',
    path: '/v1/subscriptions',
    summary: 'Takes a feed',
    body: z.object({
      feed: feedPath,
      mode: z.enum(['auto', 'on-demand']).default('auto'),
      via: z.enum(['gossip', 'poll', 'manual']).default('gossip'),
      everyMs: count.min(1000).optional(),
    }),
    result: SubscriptionRow,
    answer: 'object',
  },
  unsubscribe: {
    method: 'DELETE',
    path: '/v1/subscriptions',
    summary: 'Takes a feed no longer; what is held stays readable',
    query: feedQuery,
    result: z.object({ feed: z.string() }),
    answer: 'object',
  },
  pull: {
    method: 'POST',
    path: '/v1/pull',
    summary: 'Fetches what is new now, from any carrier; one feed or all subscriptions',
    body: z.object({ feed: feedPath.optional() }),
    result: PullRow,
    answer: 'rows',
  },
  ...ALERT_ROUTES,
  ...STORE_ROUTES,
  ...REPORT_ROUTES,
  ...KEY_ROUTES,
  ...REVOCATION_ROUTES,
  ...CARRIER_ROUTES,
  ...FORK_ROUTES,
  ...GAP_ROUTES,
  ...COURIER_ROUTES,
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;
type Declared<R extends RouteName, K extends string> =
  (typeof ROUTES)[R] extends Record<K, infer S> ? (S extends z.ZodType ? S : never) : never;

/** What a caller may send, before defaults. */
export type RouteBody<R extends RouteName> = z.input<Declared<R, 'body'>>;
export type RouteQuery<R extends RouteName> = z.input<Declared<R, 'query'>>;
/** One object, or one row or line of the answer. */
export type RouteResult<R extends RouteName> = z.output<Declared<R, 'result'>>;

/** Answer of every route of kind `rows`. */
export interface Rows<R extends RouteName> {
  /** As of when the rows are true. */
  readonly asOf: string;
  readonly rows: readonly RouteResult<R>[];
}

/** Metadata of a `bytes` answer, as HTTP headers. */
export const CONTENT_HEADERS = { sha256: 'odcm-sha256', version: 'odcm-version' } as const;
