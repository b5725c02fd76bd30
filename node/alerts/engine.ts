// From findings to alerts: something must be wrong for a while before it is an alert, and well for a while before it is
// over; one that comes and goes has to be well for longer each time. Pure: the time comes in with the findings.

import { hash } from 'node:crypto';
import type { AlertLevel } from '../../protocols/control-alerts.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Finding } from './drafts.ts';
import { isAtLeast, type Judgement } from './rules.ts';
import type { AlertSettings } from './settings.ts';

export interface Alert extends Omit<Finding, 'verdict'> {
  readonly id: string;
  /** Since when it has been wrong without a break. */
  readonly sinceMs: number;
  /** When it became an alert. */
  readonly openedMs: number;
  readonly changedMs: number;
  /** Since when all is well, while it is not yet sure to last. */
  readonly clearSinceMs: number | null;
  readonly closedMs: number | null;
  readonly ack: { readonly by: string; readonly why: string; readonly atMs: number } | null;
  /** The level at which others were told of it; null while nobody was. */
  readonly told: AlertLevel | null;
  /** How often it came back soon after it was over. */
  readonly flaps: number;
}

export interface Change {
  readonly kind: 'opened' | 'worse' | 'closed';
  readonly alert: Alert;
}

/** What comes back within this time is the same trouble once more. */
const FLAP_MS = 3_600_000;
const MAX_FLAPS = 4;
/** A closed alert is shown for this long. */
const KEEP_CLOSED_MS = 7 * 24 * 3_600_000;

const keyOf = ({ rule, subject }: Pick<Finding, 'rule' | 'subject'>): string =>
  `${rule}\0${subject}`;

export class AlertEngine {
  /** Wrong, but not for long enough yet: since when. */
  readonly #pending = new Map<string, number>();
  readonly #open = new Map<string, Alert>();
  /** Oldest first. */
  #closed: Alert[] = [];

  /** After a restart nothing is known of the time between: being well is counted anew. */
  restore(alerts: readonly Alert[]): void {
    for (const alert of alerts) {
      if (alert.closedMs !== null) this.#closed.push(alert);
      else this.#open.set(keyOf(alert), { ...alert, clearSinceMs: null });
    }
  }

  /** Open ones, then closed ones. */
  get all(): Alert[] {
    return [...this.#open.values(), ...this.#closed];
  }

  get open(): Alert[] {
    return [...this.#open.values()];
  }

  look({ findings, unknown }: Judgement, settings: AlertSettings, nowMs: number): Change[] {
    const changes: Change[] = [];
    const raised = new Set<string>();
    const found = new Set<string>();
    for (const finding of findings) {
      const key = keyOf(finding);
      found.add(key);
      if (finding.verdict === 'hold') continue;
      raised.add(key);
      const change = this.#raise(key, finding, settings.rules[finding.rule].forMs, nowMs);
      if (change) changes.push(change);
    }
    for (const key of this.#pending.keys()) if (!raised.has(key)) this.#pending.delete(key);
    for (const [key, alert] of this.#open) {
      const rule = settings.rules[alert.rule];
      if (rule.on && (found.has(key) || unknown.has(alert.rule))) {
        // Not well, or not known to be: whatever time of being well has passed does not count.
        if (alert.clearSinceMs !== null) this.#open.set(key, { ...alert, clearSinceMs: null });
        continue;
      }
      const clearMs = rule.on ? rule.clearMs * 2 ** alert.flaps : 0;
      const change = this.#clear(key, alert, clearMs, nowMs);
      if (change) changes.push(change);
    }
    this.#forget(nowMs);
    return changes;
  }

  #raise(key: string, finding: Finding, forMs: number, nowMs: number): Change | null {
    const { verdict: _, ...seen } = finding;
    const open = this.#open.get(key);
    if (open) {
      const isWorse = !isAtLeast(open.level, seen.level);
      // A level does not sink while the trouble lasts: it would only rise again, and be told again.
      const level = isWorse ? seen.level : open.level;
      const alert = { ...open, ...seen, level, clearSinceMs: null };
      this.#open.set(key, isWorse ? { ...alert, changedMs: nowMs } : alert);
      return isWorse ? { kind: 'worse', alert: this.#open.get(key)! } : null;
    }
    const sinceMs = this.#pending.get(key) ?? nowMs;
    this.#pending.set(key, sinceMs);
    if (nowMs - sinceMs < forMs || this.#open.size >= LIMITS.alerts) return null;
    this.#pending.delete(key);
    const alert: Alert = {
      ...seen,
      id: hash('sha256', `${key}\0${nowMs}`).slice(0, 12),
      ...{ sinceMs, openedMs: nowMs, changedMs: nowMs },
      ...{ clearSinceMs: null, closedMs: null, ack: null, told: null },
      flaps: this.#flapsOf(key, nowMs),
    };
    this.#open.set(key, alert);
    return { kind: 'opened', alert };
  }

  #flapsOf(key: string, nowMs: number): number {
    const last = this.#closed.findLast((alert) => keyOf(alert) === key);
    const isSoon = last !== undefined && nowMs - last.closedMs! < FLAP_MS * 2 ** last.flaps;
    return isSoon ? Math.min(last.flaps + 1, MAX_FLAPS) : 0;
  }

  #clear(key: string, alert: Alert, clearMs: number, nowMs: number): Change | null {
    const clearSinceMs = alert.clearSinceMs ?? nowMs;
    if (nowMs - clearSinceMs < clearMs) {
      this.#open.set(key, { ...alert, clearSinceMs });
      return null;
    }
    const closed = { ...alert, clearSinceMs, closedMs: nowMs, changedMs: nowMs };
    this.#open.delete(key);
    this.#closed.push(closed);
    return { kind: 'closed', alert: closed };
  }

  #forget(nowMs: number): void {
    const room = Math.max(0, LIMITS.alerts - this.#open.size);
    const recent = this.#closed.filter((alert) => nowMs - alert.closedMs! < KEEP_CLOSED_MS);
    this.#closed = recent.length > room ? recent.slice(recent.length - room) : recent;
  }

  find(id: string): Alert | undefined {
    return this.all.find((alert) => alert.id === id);
  }

  acknowledge(alert: Alert, by: string, why: string, nowMs: number): Alert {
    const acked = { ...alert, ack: { by, why, atMs: nowMs }, changedMs: nowMs };
    this.#open.set(keyOf(alert), acked);
    return acked;
  }

  /** Others are told of it from now on, or again because it is worse. */
  markTold(alert: Alert): void {
    const open = this.#open.get(keyOf(alert));
    if (open?.id === alert.id) this.#open.set(keyOf(alert), { ...open, told: open.level });
  }
}
