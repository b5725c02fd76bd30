// The directory as a node follows it: ODCM's log in the store, folded into state, with the age of that knowledge.
// Works from the copy it has; who brings newer entries does not matter, their signature does.

import {
  type Checkpoint,
  cosignedAt,
  decodeNote,
  type LogKey,
  logKey,
  type Note,
  verifyNote,
} from '../../protocols/checkpoint.ts';
import { DirectoryState, type FeedRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { asMeshError, isMeshError, MeshError } from '../../protocols/errors.ts';
import { directoryOrigin, type MeshId, type Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Root, RootRoleName } from '../../protocols/root.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Clock } from '../clock.ts';
import { type EntrySource, takeIn } from '../feed/intake.ts';
import { FeedLog } from '../feed/log.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';

export type DirectoryAge = 'fresh' | 'stale' | 'expired' | 'unknown';

export interface DirectoryOptions {
  readonly store: Store;
  readonly root: Root;
  readonly mesh: MeshId;
  readonly clock: Clock;
  readonly log: Log;
}

export class Directory {
  readonly origin: Origin;
  readonly log: FeedLog;
  readonly #o: DirectoryOptions;
  readonly #listeners = new Set<() => void>();
  readonly #turn = new Turn();
  #state = new DirectoryState();
  #vouchedMs: number | undefined;
  /** Size of the largest directory whose head was verified here. */
  #knownSize = 0;

  private constructor(options: DirectoryOptions, log: FeedLog) {
    this.#o = options;
    this.log = log;
    this.origin = directoryOrigin(options.mesh, options.root.odcm);
  }

  static async open(options: DirectoryOptions): Promise<Directory> {
    const directory = new Directory(options, await FeedLog.open(options.store, DIRECTORY_LOG));
    await directory.#fold();
    const { note } = directory.log;
    if (note) directory.#vouchedMs = directory.#vouched(decodeNote(note));
    return directory;
  }

  get state(): DirectoryState {
    return this.#state;
  }

  /** Milliseconds since ODCM last vouched for the newest directory that is known here. */
  get ageMs(): number | null {
    return this.#vouchedMs === undefined
      ? null
      : Math.max(0, this.#o.clock.nowMs() - this.#vouchedMs);
  }

  get age(): DirectoryAge {
    const { ageMs } = this;
    if (ageMs === null) return 'unknown';
    if (ageMs <= LIMITS.directoryFreshMs) return 'fresh';
    return ageMs <= LIMITS.directoryExpiredMs ? 'stale' : 'expired';
  }

  /** True while a head was seen whose entries have not come yet. */
  get isBehind(): boolean {
    return this.log.size < this.#knownSize;
  }

  /** Called after entries were folded. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #keys(role: RootRoleName): LogKey[] {
    const { root } = this.#o;
    return root.roles[role].keyids.map((id) => {
      const raw = root.keys.get(id)!;
      return logKey(this.origin, ed25519FromRaw(raw), raw);
    });
  }

  /** Verifies a head of the directory by the threshold of its keys in the root. */
  verify(note: Note): Checkpoint {
    let signatures = 0;
    let refusal: MeshError | undefined;
    for (const key of this.#keys('directory')) {
      try {
        verifyNote(note, this.origin, key);
        signatures++;
      } catch (error) {
        refusal = asMeshError(error);
      }
    }
    if (signatures >= this.#o.root.roles.directory.threshold) return note.checkpoint;
    throw refusal ?? new MeshError('UNKNOWN_KEY', 'the root names no key for the directory');
  }

  #vouched(note: Note): number | undefined {
    const times = this.#keys('timestamp').map((key) => cosignedAt(note, key));
    const seconds = times.filter((time) => time !== undefined);
    return seconds.length === 0 ? undefined : Math.max(...seconds) * 1000;
  }

  /**
   * Judges a head that came from anywhere.
   * @returns `newer` entries, a newer `time` for the same entries, or `known`
   */
  judge(bytes: Buffer): { verdict: 'newer' | 'time' | 'known'; note: Note } {
    const note = decodeNote(bytes);
    const { size, root } = this.verify(note);
    const vouchedMs = this.#vouched(note);
    if (vouchedMs !== undefined && vouchedMs > this.#o.clock.nowMs() + LIMITS.clockSkewMs) {
      throw new MeshError('STALE_HEAD', 'a head of the directory is dated in the future', {
        next: 'Compare the clocks of ODCM and of this machine.',
      });
    }
    this.#knownSize = Math.max(this.#knownSize, size);
    if (size > this.log.size) return { verdict: 'newer', note };
    if (size === this.log.size && !root.equals(this.log.root())) {
      throw new MeshError('CONFLICT', 'ODCM signed two different directories of one size');
    }
    const isLater = vouchedMs !== undefined && vouchedMs > (this.#vouchedMs ?? 0);
    return { verdict: size === this.log.size && isLater ? 'time' : 'known', note };
  }

  /** Takes over a head, with the entries below it from `source` when they are new. Resolves to what changed. */
  accept(bytes: Buffer, source: EntrySource): Promise<'newer' | 'time' | 'known'> {
    return this.#turn.take(async () => {
      const { verdict, note } = this.judge(bytes);
      if (verdict === 'newer') {
        const { checkpoint } = note;
        try {
          await takeIn({
            log: this.log,
            feedId: DIRECTORY_LOG,
            checkpoint,
            note: bytes,
            source,
            sync: true,
          });
        } finally {
          // Entries that came before a cut are as good as any; were they not folded now, no later head would do it.
          await this.#fold();
        }
      }
      if (verdict === 'time') await this.log.setNote(bytes, false);
      if (verdict !== 'known')
        this.#vouchedMs = Math.max(this.#vouched(note) ?? 0, this.#vouchedMs ?? 0) || undefined;
      return verdict;
    });
  }

  /** ODCM's own new head, which it has just written and signed. */
  adoptOwn(note: Buffer): Promise<void> {
    return this.#turn.take(async () => {
      await this.log.setNote(note, true);
      this.#vouchedMs = this.#vouched(decodeNote(note));
      await this.#fold();
    });
  }

  /** Folds entries that are in the log and not yet in the state. */
  async #fold(): Promise<void> {
    const before = this.#state.size;
    for await (const bytes of this.log.segments(before, this.log.size)) {
      for (const { record } of decodeSegment(bytes).entries) this.#apply(record);
    }
    if (this.#state.size > before) for (const listener of this.#listeners) listener();
  }

  #apply(record: Buffer | null): void {
    try {
      if (record === null)
        throw new MeshError('EVENT_INVALID', 'a directory entry without its record');
      this.#state.apply(parseEnvelope(record));
    } catch (error) {
      if (!isMeshError(error)) throw error;
      this.#o.log.warn({ code: error.code, entry: this.#state.size }, error.message);
      this.#state.passOver();
    }
  }

  /** Verifies a head of a feed by the key that the directory names for its space. */
  verifyFeedNote(note: Note, row: FeedRow, origin: Origin): Checkpoint {
    const space = this.#state.spaces.get(row.space);
    if (!space)
      throw new MeshError('SPACE_UNKNOWN', `the space of feed ${row.name} is not in the directory`);
    return verifyNote(note, origin, this.#feedKey(origin, space.nodeKey));
  }

  readonly #feedKeys = new Map<Origin, LogKey>();

  /** Keys are made once: importing one costs as much as a fifth of a verification. */
  #feedKey(origin: Origin, nodeKey: Buffer): LogKey {
    let key = this.#feedKeys.get(origin);
    if (!key) {
      key = logKey(origin, ed25519FromRaw(nodeKey), nodeKey);
      this.#feedKeys.set(origin, key);
    }
    return key;
  }
}
