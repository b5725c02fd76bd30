// How well the observer itself is: its own late timers, and its lines. One that is not well waits longer before it
// believes that others are gone, and accuses nobody.

import { LIMITS } from '../../protocols/limits.ts';

/** What an observer knows of its own lines. */
export interface Lines {
  /** Others that were heard of and are not offline. */
  readonly others: number;
  /** Peers connected now. */
  readonly connected: number;
  /** Spaces that speak and that this node once was connected to … */
  readonly formerly: number;
  /** … of which the line is broken now: others still hear them. */
  readonly broken: number;
  /** Since anybody was heard. */
  readonly silenceMs: number;
}

/** With fewer others than this, nothing tells their death from an ailment of one's own. */
const ENOUGH_OTHERS = 2;
const DEAF_MS = 1.5 * LIMITS.presenceMs;
/** A stall adds one for each such part of it, so that ten seconds weigh four. */
const STALL_PART_MS = 2_500;
const LOOKS_TO_RECOVER = Math.ceil(LIMITS.presenceMs / LIMITS.healthMs);

/** 2 for a node that is cut off or hears nobody, 1 for one that lost half of its lines, 0 for one that is well. */
export function lineScore({ others, connected, formerly, broken, silenceMs }: Lines): number {
  if (others < ENOUGH_OTHERS) return 0;
  if (connected === 0 || silenceMs > DEAF_MS) return 2;
  return broken >= ENOUGH_OTHERS && 2 * broken >= formerly ? 1 : 0;
}

export class LocalHealth {
  #stalls = 0;
  #lines = 0;
  #punctual = 0;

  /** 0 when well. */
  get score(): number {
    return Math.min(LIMITS.healthScore, this.#stalls + this.#lines);
  }

  get isWell(): boolean {
    return this.score === 0;
  }

  get multiplier(): number {
    return 1 + this.score;
  }

  /** After each look, {@link LIMITS.healthMs} apart unless it was late. */
  look(lateMs: number, lines: Lines): void {
    this.#lines = lineScore(lines);
    if (lateMs > LIMITS.healthLateMs) {
      const parts = Math.ceil(lateMs / STALL_PART_MS);
      this.#stalls = Math.min(LIMITS.healthScore, this.#stalls + parts);
      this.#punctual = 0;
      return;
    }
    // What built up in seconds goes as slowly: a node that stalls again and again stays careful.
    this.#punctual += 1;
    if (this.#punctual < LOOKS_TO_RECOVER) return;
    this.#punctual = 0;
    this.#stalls = Math.max(0, this.#stalls - 1);
  }
}
