// What comes back from the control API about the node's own store: what was found damaged, the scrub, and the room on the disk.

import { z } from 'zod';
import type { Route } from './control-route.ts';

const count = z.int().min(0);
const instant = z.iso.datetime();

export const DISK_STATES = ['ok', 'low', 'scarce', 'full'] as const;

export const DamageRow = z.object({
  kind: z.enum(['log', 'directory', 'block', 'view', 'row']),
  /** Which one: a feed, the hash of a block, the key of a row. */
  subject: z.string(),
  what: z.string(),
  foundAt: instant,
  /** Null while it is damaged. */
  repairedAt: instant.nullable(),
  /** Where the right data came from: a space, or what here it was made from. */
  source: z.string().nullable(),
  tries: count,
  lastError: z.string().nullable(),
});

export const ScrubResult = z.object({
  state: z.enum(['waiting', 'running']),
  /** Of the round that is under way, also before a restart. */
  startedAt: instant.nullable(),
  part: z.enum(['logs', 'log', 'blocks', 'views', 'orphans']).nullable(),
  bytes: count,
  /** Since the last round began or, before the first one, since the start. */
  found: count,
  lastFinishedAt: instant.nullable(),
  lastBytes: count.nullable(),
  lastFound: count.nullable(),
  /** Blocks that nothing named and that the last round took away. */
  lastOrphans: count.nullable(),
  nextAt: instant.nullable(),
  bytesPerSecond: count,
});

/** In the status of a node. */
export const StoreStatus = z.object({
  /** Found since the start and not repaired yet. */
  damaged: count,
  repaired: count,
  /** Own feeds are not back yet after their database was set aside: nothing is published meanwhile. */
  refetching: z.boolean(),
  disk: z.enum(DISK_STATES),
  freeBytes: count.nullable(),
  scrubbedAt: instant.nullable(),
});

export const STORE_ROUTES = {
  damage: {
    method: 'GET',
    path: '/v1/damage',
    summary:
      'What was found damaged in the store of this node since its start, and what became of it',
    result: DamageRow,
    answer: 'rows',
  },
  scrub: {
    method: 'GET',
    path: '/v1/scrub',
    summary: 'How far the slow check of the whole store is',
    result: ScrubResult,
    answer: 'object',
  },
  startScrub: {
    method: 'POST',
    path: '/v1/scrub',
    summary: 'Starts the check of the whole store now, or goes on with the one that is under way',
    result: ScrubResult,
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
