// What was found damaged in this node's store since its start, and what became of it. Remembers; finds and repairs nothing.

import type { Clock } from '../clock.ts';

export type DamageKind = 'log' | 'directory' | 'block' | 'view' | 'row';

export interface Damage {
  readonly kind: DamageKind;
  /** Which one: a feed, a hash, a key. */
  readonly subject: string;
  readonly what: string;
  readonly foundMs: number;
  repairedMs: number | null;
  /** Where the right data came from. */
  source: string | null;
  tries: number;
  lastError: string | null;
}

/** Repaired ones that are remembered; the others are counted. */
const KEPT = 200;

export class DamageBoard {
  readonly #clock: Clock;
  readonly #open = new Map<string, Damage>();
  readonly #done: Damage[] = [];
  found = 0;
  repaired = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The open row of this damage; undefined when it is known already. */
  add(kind: DamageKind, subject: string, what: string): Damage | undefined {
    const key = `${kind} ${subject}`;
    if (this.#open.has(key)) return undefined;
    const foundMs = this.#clock.nowMs();
    const rest = { repairedMs: null, source: null, tries: 0, lastError: null };
    const damage: Damage = { kind, subject, what, foundMs, ...rest };
    this.#open.set(key, damage);
    this.found++;
    return damage;
  }

  repair(damage: Damage, source: string): void {
    this.#open.delete(`${damage.kind} ${damage.subject}`);
    damage.repairedMs = this.#clock.nowMs();
    damage.source = source;
    this.repaired++;
    this.#done.push(damage);
    if (this.#done.length > KEPT) this.#done.shift();
  }

  get open(): readonly Damage[] {
    return [...this.#open.values()];
  }

  /** What is open, then what was repaired, newest first. */
  get all(): readonly Damage[] {
    return [...this.open, ...this.#done.toReversed()];
  }
}
