// How long a suspicion lasts before the suspect counts as offline: one formula. The manner is that of memberlist and of
// Lifeguard (arXiv 1707.00788): independent confirmations shorten it, an observer that is not well lengthens it.

import { LIMITS } from '../../protocols/limits.ts';

export interface SuspicionFacts {
  /** Other observers that suspect the same space. */
  readonly confirmations: number;
  /** Other observers that could: each is heard of, and was there when the suspect was. */
  readonly witnesses: number;
  /** 1 for an observer that is well, more for one that is not. */
  readonly multiplier: number;
}

/**
 * From the longest timeout with no confirmation down to the shortest with all that are expected; the first ones count most:
 * `max − (max − min) · log(confirmations + 1) / log(expected + 1)`. Where nobody else can see, nobody is waited for.
 */
export function suspicionTimeoutMs({
  confirmations,
  witnesses,
  multiplier,
}: SuspicionFacts): number {
  const { suspicionMinMs: least, suspicionMaxMs: most, suspicionConfirmations } = LIMITS;
  const expected = Math.min(suspicionConfirmations, witnesses);
  const share =
    expected === 0 ? 1 : Math.min(1, Math.log(confirmations + 1) / Math.log(expected + 1));
  return multiplier * (most - (most - least) * share);
}
