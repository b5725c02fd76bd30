// What ends it with a peer that passed it on: faults that it would have found, had it looked.

import type { Code } from '../../protocols/errors.ts';

/** Codes that an honest relay would have found before passing the message on. */
export const PROVABLE: ReadonlySet<Code> = new Set([
  'HASH_MISMATCH',
  'MALFORMED',
  'NOT_CANONICAL',
  'TOO_LARGE',
  'BAD_SIGNATURE',
  'ROOT_MISMATCH',
  // Out of the inline entries: a head of another origin is passed over before.
  'WRONG_ORIGIN',
]);
