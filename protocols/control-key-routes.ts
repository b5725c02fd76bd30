// Routes of the control API about keys and root metadata.

import { z } from 'zod';
import { count } from './control-answers.ts';
import type { Route } from './control-route.ts';
import { LIMITS } from './limits.ts';

export const KEY_ROUTES = {
  rotateKeys: {
    method: 'POST',
    path: '/v1/keys/rotate',
    summary: 'New node and exchange keys for this space; ODCM writes them into the directory',
    result: z.object({
      space: z.string(),
      /** SHA-256 of the new node key, in hex. */
      nodeKey: z.string(),
      /** Index of the directory entry; null while it has not come back yet. */
      entry: count.nullable(),
    }),
    answer: 'object',
  },
  installRoot: {
    method: 'POST',
    path: '/v1/root',
    summary: 'Takes the next version of the root metadata, signed by its keepers, and spreads it',
    body: z.object({ envelope: z.base64().max(LIMITS.rootBytes * 2) }),
    result: z.object({ version: count, expires: z.string() }),
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
