// Who is online, suspected or offline, as this node sees it: a state machine for each space. A space goes from online by its
// silence here to suspected, from there by time to offline, and from anywhere to online by a newer statement of its own.
// What others say only shortens the wait. Pure: it knows neither bytes nor network; times are those of listening.

import type { SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Suspicion } from '../../protocols/presence.ts';
import { suspicionTimeoutMs } from './suspicion.ts';

export type HeardState = 'online' | 'suspected' | 'offline';

/** What is known of a space that was heard of since the start of this node. */
export interface HeardOf {
  readonly state: HeardState;
  /** Of its newest statement, by its own clock. */
  readonly timeMs: number;
  /** Observers that suspect it, this node included. */
  readonly suspectedBy: number;
}

export interface Present {
  readonly space: SpaceId;
  readonly isOnline: boolean;
  readonly heardMs: number;
}

export interface Observer {
  readonly nowMs: number;
  readonly multiplier: number;
}

interface Row {
  state: HeardState;
  timeMs: number;
  /** When its newest statement came, or would have come on its usual way. */
  heardMs: number;
  /** Since when its present process was heard: what was said before that, it cannot have heard. */
  sinceMs: number;
  suspectedMs: number;
  readonly witnesses: Set<SpaceId>;
}

export type HealthListener = (space: SpaceId, state: HeardState) => void;

export class HealthBoard {
  readonly #self: SpaceId;
  readonly #rows = new Map<SpaceId, Row>();
  readonly #listeners = new Set<HealthListener>();
  #lastHeardMs = 0;
  #named = 0;

  constructor(self: SpaceId) {
    this.#self = self;
  }

  of(space: SpaceId): HeardOf | undefined {
    const row = this.#rows.get(space);
    if (!row) return undefined;
    const own = row.state === 'online' ? 0 : 1;
    return { state: row.state, timeMs: row.timeMs, suspectedBy: row.witnesses.size + own };
  }

  /** Called with each change of state. */
  onChange(listener: HealthListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Spaces that were heard of and are not offline. */
  *present(): Generator<Present> {
    for (const [space, { state, heardMs }] of this.#rows)
      if (state !== 'offline') yield { space, heardMs, isOnline: state === 'online' };
  }

  /**
   * A statement of the space that is newer than the last one. One that others passed on is no sign of life of this moment:
   * it is as old as the space's own clock says.
   * @returns how long ago it was said, as far as that can be told
   */
  hear(space: SpaceId, timeMs: number, nowMs: number, isPassedOn = false): number {
    if (space === this.#self) return 0;
    const row = this.#rows.get(space);
    if (row && timeMs <= row.timeMs) return 0;
    this.#lastHeardMs = nowMs;
    const said = row && isPassedOn ? Math.min(nowMs, row.heardMs + timeMs - row.timeMs) : nowMs;
    if (!row) {
      const witnesses = new Set<SpaceId>();
      const times = { timeMs, heardMs: said, sinceMs: nowMs, suspectedMs: 0 };
      this.#rows.set(space, { state: 'online', ...times, witnesses });
      this.#tell(space, 'online');
      return 0;
    }
    row.timeMs = timeMs;
    row.heardMs = said;
    row.witnesses.clear();
    const silenceMs = nowMs - said;
    // News may be so old that the silence behind it counts again.
    row.suspectedMs = said + LIMITS.suspectMs;
    if (silenceMs <= LIMITS.suspectMs) this.#turn(space, row, 'online');
    else if (silenceMs < LIMITS.suspectMs + LIMITS.suspicionMinMs)
      this.#turn(space, row, 'suspected');
    return silenceMs;
  }

  /** Its process is another one than before, and remembers nobody. */
  startedAnew(space: SpaceId, nowMs: number): void {
    const row = this.#rows.get(space);
    if (row) row.sinceMs = nowMs;
  }

  /**
   * What an observer says in a statement that was verified.
   * @returns the spaces of which it lacks a newer statement that was heard here
   */
  accuse(observer: SpaceId, suspicions: readonly Suspicion[]): SpaceId[] {
    const lacking: SpaceId[] = [];
    for (const { space, timeMs } of suspicions) {
      const row = this.#rows.get(space);
      if (!row || observer === space || observer === this.#self) continue;
      if (timeMs < row.timeMs) lacking.push(space);
      else if (row.witnesses.size < LIMITS.witnessesPerSuspect) row.witnesses.add(observer);
    }
    return lacking;
  }

  /** Lets time pass: at each look, and only then, silence becomes suspicion and suspicion becomes `offline`. */
  look({ nowMs, multiplier }: Observer): void {
    for (const [space, row] of this.#rows) {
      if (row.state === 'online' && nowMs - row.heardMs > multiplier * LIMITS.suspectMs) {
        row.suspectedMs = nowMs;
        this.#turn(space, row, 'suspected');
      } else if (row.state === 'suspected') {
        const waitMs = suspicionTimeoutMs({
          confirmations: row.witnesses.size,
          witnesses: this.#witnessesOf(row),
          multiplier,
        });
        if (nowMs - row.suspectedMs >= waitMs) this.#turn(space, row, 'offline');
      }
    }
  }

  /**
   * Others that heard it too: each was there for a turn before its last statement. Of more than are waited for, no more are
   * counted.
   */
  #witnessesOf(suspect: Row): number {
    let witnesses = 0;
    for (const { state, sinceMs } of this.#rows.values()) {
      if (state === 'online' && sinceMs + LIMITS.presenceMs <= suspect.heardMs) witnesses += 1;
      if (witnesses === LIMITS.suspicionConfirmations) break;
    }
    return witnesses;
  }

  #turn(space: SpaceId, row: Row, state: HeardState): void {
    if (row.state === state) return;
    row.state = state;
    this.#tell(space, state);
  }

  #tell(space: SpaceId, state: HeardState): void {
    for (const listener of this.#listeners) listener(space, state);
  }

  /** Drops those that are no members any more: neither suspects nor witnesses. */
  keep(isMember: (space: SpaceId) => boolean): void {
    for (const [space, row] of this.#rows) {
      for (const witness of row.witnesses) if (!isMember(witness)) row.witnesses.delete(witness);
      if (!isMember(space)) this.#rows.delete(space);
    }
  }

  /** What to say to others in the next statement: of more than fit, others each time, in order of their ids. */
  suspicions(limit: number = LIMITS.suspicions): Suspicion[] {
    const suspects = [...this.#rows].filter(([, row]) => row.state === 'suspected');
    if (suspects.length > limit) {
      const from = this.#named % suspects.length;
      this.#named += limit;
      suspects.unshift(...suspects.splice(from));
      suspects.length = limit;
    }
    return suspects
      .map(([space, { timeMs }]) => ({ space, timeMs }))
      .sort((a, b) => (a.space < b.space ? -1 : 1));
  }
}
