// What the control API says and takes about carriers of feeds: how many copies are wanted, which there are, and what this node
// keeps for others. What is not known is null or `unknown`, never nought.

import { z } from 'zod';
import type { Route } from './control-route.ts';
import { LIMITS } from './limits.ts';

const count = z.int().min(0);

/** `none`: it holds nothing. `away`: not connected; what it had it may still have. */
export const CARRIER_STATES = ['complete', 'behind', 'none', 'away', 'unknown'] as const;

export const CarrierRow = z.object({
  space: z.string(),
  state: z.enum(CARRIER_STATES),
  /** The directory chooses it; others hold the feed because they take it, or are handing it over. */
  chosen: z.boolean(),
  /** Entries that it last said to hold; null when it said nothing. */
  held: count.nullable(),
  /** Since it said so. */
  heardAgoMs: count.nullable(),
});

/** Part of the row of a feed. Carriers are spaces other than its publisher and ODCM. */
export const carrierFields = {
  /** Carriers that hold something of the feed; null when nothing is known of any. */
  carriers: count.nullable(),
  /** Of these, with all of it but what is very new. */
  carriersComplete: count.nullable().default(null),
  /** Chosen ones of which nothing is known. */
  carriersUnknown: count.default(0),
  carriersWanted: count.default(0),
  /** Members that could be chosen. */
  carriersPossible: count.default(0),
  /** The chosen ones, and whoever else is known to hold some of it. */
  carrierSpaces: z.array(CarrierRow).default([]),
  /** What this node keeps of it for others; null when nothing is to be kept. */
  carrying: z
    .object({
      state: z.enum(['complete', 'fetching', 'handing over', 'no room']),
      bytes: count,
    })
    .nullable()
    .default(null),
};

/** How many carriers a feed wants. */
export const carrierCount = z.int().min(0).max(LIMITS.carriersMax);

export const CARRIER_ROUTES = {
  feedPolicy: {
    method: 'POST',
    path: '/v1/feeds/policy',
    summary: 'How many carriers a feed of this space wants from now on; ODCM writes it down',
    query: z.object({
      feed: z
        .string()
        .min(1)
        .max(LIMITS.itemNameChars)
        .describe('SPACE/FEED, or the bare name of a feed of this space'),
    }),
    body: z.object({ carriers: carrierCount }),
    result: z.object({ feed: z.string(), carriers: count }),
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
