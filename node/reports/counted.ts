// What an entry of a feed adds to the counts, worked out from its payload and its item's earlier version alone, so that the
// same log always gives the same counts. Writes nothing: it collects what a fold changes.

import { asMeshError, type Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { parseDeploymentOf, parseInventory, type ReportContext } from '../../protocols/reports.ts';
import { binOf, LEVELS } from './spans.ts';
import {
  Cells,
  DURATIONS_WIDTH,
  durationCell,
  encodeShare,
  OUTCOME_NUMBERS,
  type Share,
  SUMS_WIDTH,
} from './sums.ts';

/** An applied entry, as it is to be counted. */
export interface Change {
  readonly index: number;
  readonly item: string;
  readonly version: number;
  /** When its publisher says that it published it. */
  readonly timeMs: number;
  /** Null withdraws the item; content that was published as a file is not read. */
  readonly body: { readonly payload: unknown } | 'file' | null;
}

/** What the newest version of an item adds: a counted entry, or one that cannot be counted. */
export interface Held {
  readonly index: number;
  readonly counted: {
    readonly timeMs: number;
    /** Absent in an inventory. */
    readonly share: Share | undefined;
  } | null;
}

/** A deployment is a share of the sums; an inventory is kept as it is. */
type Found = { readonly timeMs: number; readonly share: Share | undefined; readonly value: Buffer };

export interface Group {
  readonly project: string;
  readonly environment: string;
}

/** The groups of one feed, numbered in the order of their first deployment. */
export class Groups {
  readonly names: Group[] = [];
  readonly #numbers = new Map<string, number>();

  add(group: Group): number {
    const number = this.names.push(group) - 1;
    this.#numbers.set(keyOf(group), number);
    return number;
  }

  numberOf(group: Group): number | undefined {
    return this.#numbers.get(keyOf(group));
  }
}

const keyOf = ({ project, environment }: Group): string => `${project}\n${environment}`;

export interface Happened {
  readonly timeMs: number;
  readonly index: number;
}

/** The changes of one fold. */
export class Collected {
  /** Items that changed, with what they add now; null is nothing. */
  readonly held = new Map<string, Held | null>();
  /** In the order in which they must be written. */
  readonly entries: (Happened & { readonly value: Buffer | null })[] = [];
  readonly uncounted: { readonly index: number; readonly refusal: MeshError | null }[] = [];
  /** By level and number of the hour, day or week. */
  readonly sums = new Map<string, { level: number; n: number; cells: Cells; lengths: Cells }>();
  readonly newGroups: number[] = [];
  countedMore = 0;
  uncountedMore = 0;
  readonly #context: ReportContext;
  readonly #groups: Groups;

  constructor(context: ReportContext, groups: Groups) {
    this.#context = context;
    this.#groups = groups;
  }

  /** @param stored what the item's version before this fold added */
  take(change: Change, stored: Held | null): void {
    const before = this.held.get(change.item);
    this.#drop(before === undefined ? stored : before);
    this.held.set(change.item, change.body === null ? null : this.#count(change, change.body));
  }

  #count(change: Change, body: Exclude<Change['body'], null>): Held {
    const { index } = change;
    try {
      const { timeMs, share, value } = this.#find(change, body);
      this.entries.push({ timeMs, index, value });
      this.countedMore++;
      if (share) this.#sum(timeMs, share, 1);
      return { index, counted: { timeMs, share } };
    } catch (error) {
      const refusal = asMeshError(error);
      if (refusal.code === 'INTERNAL') throw error;
      this.uncounted.push({ index, refusal });
      this.uncountedMore++;
      return { index, counted: null };
    }
  }

  #drop(held: Held | null): void {
    if (!held) return;
    const { index, counted } = held;
    if (!counted) {
      this.uncounted.push({ index, refusal: null });
      this.uncountedMore--;
      return;
    }
    this.entries.push({ timeMs: counted.timeMs, index, value: null });
    this.countedMore--;
    if (counted.share) this.#sum(counted.timeMs, counted.share, -1);
  }

  #find({ item, timeMs: saidMs }: Change, body: Exclude<Change['body'], null>): Found {
    if (body === 'file')
      throw new MeshError('EVENT_INVALID', 'a report is an event, and this entry is a file');
    if (this.#context === 'inventory') {
      const inventory = parseInventory(body.payload, saidMs);
      const value = Buffer.from(JSON.stringify(inventory));
      return { timeMs: Date.parse(inventory.takenAt), share: undefined, value };
    }
    const { project, environment, outcome, startedAt, endedAt } = parseDeploymentOf(
      item,
      body.payload,
      saidMs,
    );
    const timeMs = Date.parse(endedAt);
    const share: Share = {
      group: this.#group({ project, environment }),
      outcome: OUTCOME_NUMBERS[outcome],
      durationMs: timeMs - Date.parse(startedAt),
    };
    return { timeMs, share, value: encodeShare(share) };
  }

  #group(group: Group): number {
    const known = this.#groups.numberOf(group);
    if (known !== undefined) return known;
    if (this.#groups.names.length >= LIMITS.reportGroups) {
      const what = `a feed has more than ${LIMITS.reportGroups} pairs of project and environment`;
      throw new MeshError('TOO_LARGE', what);
    }
    const number = this.#groups.add(group);
    this.newGroups.push(number);
    return number;
  }

  #sum(timeMs: number, { group, outcome, durationMs }: Share, by: 1 | -1): void {
    LEVELS.forEach((size, level) => {
      const n = Math.floor(timeMs / size);
      const id = `${level}/${n}`;
      let row = this.sums.get(id);
      if (!row) {
        row = { level, n, cells: new Cells(SUMS_WIDTH), lengths: new Cells(DURATIONS_WIDTH) };
        this.sums.set(id, row);
      }
      row.cells.add(group, outcome, by);
      if (hasLength(outcome)) row.lengths.add(durationCell(group, binOf(durationMs)), 0, by);
    });
  }
}

/** How long a cancelled deployment took says nothing of how long deployments take. */
export const hasLength = (outcome: number): boolean => outcome !== OUTCOME_NUMBERS.cancelled;

export interface Uncounted {
  readonly index: number;
  readonly code: Code;
  readonly message: string;
}
