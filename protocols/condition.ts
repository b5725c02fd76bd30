// In which condition a space is, in one word, from what is known of its health: what screens show, reports count and
// alerts speak of is this one word. Pure; knows no clock.

/** Something missing for longer than this is worth a look; gossip brings it within a second, a repair within a few. */
export const LAGGING_MS = 30_000;

/** `isolated`: no network reaches it from here; what it signs comes in files. */
export type Condition =
  | 'online'
  | 'lagging'
  | 'suspected'
  | 'offline'
  | 'isolated'
  | 'unknown'
  | 'revoked';

export interface ConditionInput {
  readonly state: 'self' | 'online' | 'suspected' | 'offline' | 'unknown' | 'revoked';
  /** Entries that are missing here. */
  readonly behind: number;
  /** Age of the oldest of them; null when it is not known. */
  readonly lagMs: number | null;
  /** Something that it signed came in a file. */
  readonly byFile?: object | undefined;
}

/** This node counts as online. */
export function conditionOf({ state, behind, lagMs, byFile }: ConditionInput): Condition {
  if (state === 'unknown' && byFile !== undefined) return 'isolated';
  if (state !== 'online' && state !== 'self') return state;
  return behind > 0 && lagMs !== null && lagMs >= LAGGING_MS ? 'lagging' : 'online';
}
