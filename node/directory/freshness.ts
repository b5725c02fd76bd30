// How old the knowledge of the directory is, in words: what follows from each is where it is asked for. Pure.

import { LIMITS } from '../../protocols/limits.ts';

/**
 * `fresh`: everything goes. `stale`: grants that are there go on. `expired`: nothing new is taken from others.
 * `unknown`: ODCM's date is missing, so it could be of any age; counts as expired.
 */
export type DirectoryAge = 'fresh' | 'stale' | 'expired' | 'unknown';

export interface Freshness {
  /** Since ODCM vouched for it; null when no word of ODCM is known. */
  readonly ageMs: number | null;
  /** From where on it has expired. */
  readonly limitMs: number;
  /** This machine's clock was set back, or others contradict it: nothing is as fresh as it looks. */
  readonly isClockDoubtful: boolean;
}

export function freshnessOf({ ageMs, limitMs, isClockDoubtful }: Freshness): DirectoryAge {
  if (ageMs === null) return 'unknown';
  if (ageMs > limitMs) return 'expired';
  return ageMs > LIMITS.directoryFreshMs || isClockDoubtful ? 'stale' : 'fresh';
}
