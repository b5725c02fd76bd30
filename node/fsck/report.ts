// What a check of a node's store found: counts of what was looked at, and problems, each as one line with code, thing
// and what to do. Collects; knows nothing of how things are checked.

import { asMeshError, type Code, MeshError } from '../../protocols/errors.ts';

export interface Problem {
  readonly code: Code;
  readonly message: string;
  readonly next: string;
}

export interface CheckedDatabase {
  readonly name: string;
  readonly files: number;
  values: number;
  bytes: number;
}

export interface CheckedLog {
  /** `SPACE/FEED`, `the directory`, or the log's key where the directory does not name it. */
  log: string;
  entries: number;
  segments: number;
  tiles: number;
  /** Entries of the newest signed head; more than `entries` while some are still to be fetched. */
  head: number | null;
  /** Entries whose record, or a part of it, is still to be fetched. */
  recordsMissing: number;
  /** Entries that are items. */
  applied: number;
  items: number;
  deadLetters: number;
}

/** Blocks that no entry names. */
export interface OrphanedBlocks {
  readonly blocks: number;
  readonly bytes: number;
  /** The first hundred, by hash. */
  readonly hashes: readonly string[];
}

export interface FsckResult {
  readonly databases: readonly CheckedDatabase[];
  readonly logs: readonly CheckedLog[];
  /** Null when they cannot be told: entries that cannot be read may name anything. */
  readonly orphans: OrphanedBlocks | null;
  readonly tookMs: number;
  /** The first ones; there are {@link problemCount}. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

/** A damaged disk makes problems by the thousand; the first ones tell. */
const KEPT = 200;
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

export class Report {
  readonly databases: CheckedDatabase[] = [];
  readonly logs: CheckedLog[] = [];
  readonly problems: Problem[] = [];
  orphans: OrphanedBlocks | null = null;
  problemCount = 0;
  readonly #onProgress: (bytes: number) => void;
  #bytes = 0;

  constructor(onProgress: (bytes: number) => void) {
    this.#onProgress = onProgress;
  }

  problem(code: Code, message: string, next: string): void {
    this.problemCount++;
    if (this.problems.length === KEPT) return;
    // Names out of damaged keys may hold anything.
    this.problems.push({ code, message: message.replaceAll(UNPRINTABLE, '\ufffd'), next });
  }

  /** Something that was thrown while `what` was looked at. Faults of the program are not findings. */
  caught(thrown: unknown, what: string, next: string): void {
    const error = asMeshError(thrown);
    if (error.code === 'INTERNAL') throw thrown;
    this.problem(error.code, `${what}: ${error.message}`, next);
  }

  /** Bytes that were read, for whoever watches. */
  read(bytes: number): void {
    this.#bytes += bytes;
    this.#onProgress(this.#bytes);
  }
}

/** One line: code, thing, what to do. */
export const problemLine = (p: Problem): string =>
  new MeshError(p.code, p.message, { next: p.next }).line;
