// What is kept quiet: alerts whose rule and subject match, until a time, with who asked for it and why.

import { hash } from 'node:crypto';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { matchesGlob } from './glob.ts';

export interface Silence {
  readonly id: string;
  readonly rule: string;
  readonly subject: string;
  readonly untilMs: number;
  readonly by: string;
  readonly why: string;
  readonly sinceMs: number;
}

/** Longer is no silence, it is a rule that should be off. */
const MAX_MS = 90 * 24 * 3_600_000;

export class Silences {
  #all: Silence[] = [];

  restore(all: readonly Silence[]): void {
    this.#all = [...all];
  }

  /** Those in force; what has passed is forgotten. */
  list(nowMs: number): readonly Silence[] {
    this.#all = this.#all.filter(({ untilMs }) => untilMs > nowMs);
    return this.#all;
  }

  add(wanted: Omit<Silence, 'id' | 'sinceMs'>, nowMs: number): Silence {
    const { rule, subject, untilMs } = wanted;
    if (untilMs <= nowMs) {
      throw new MeshError('USAGE', 'the silence would have ended already', {
        next: 'Name a time to come.',
      });
    }
    if (untilMs - nowMs > MAX_MS) {
      throw new MeshError('USAGE', 'the silence is longer than 90 days', {
        next: 'Switch the rule off in alerts.json instead.',
      });
    }
    if (this.list(nowMs).length >= LIMITS.silences) {
      throw new MeshError('BUSY', `there are ${LIMITS.silences} silences already`, {
        next: 'End one with: odcm alerts unsilence ID',
      });
    }
    const text = `${rule}\0${subject}\0${untilMs}\0${nowMs}\0${this.#all.length}`;
    const silence = { ...wanted, id: hash('sha256', text).slice(0, 12), sinceMs: nowMs };
    this.#all.push(silence);
    return silence;
  }

  remove(id: string, nowMs: number): Silence {
    const found = this.list(nowMs).find((silence) => silence.id === id);
    if (!found) throw new MeshError('SILENCE_UNKNOWN', `there is no silence ${JSON.stringify(id)}`);
    this.#all = this.#all.filter((silence) => silence !== found);
    return found;
  }

  isSilent(alert: { readonly rule: string; readonly subject: string }, nowMs: number): boolean {
    return this.#all.some(
      ({ rule, subject, untilMs }) =>
        untilMs > nowMs && matchesGlob(rule, alert.rule) && matchesGlob(subject, alert.subject),
    );
  }
}
