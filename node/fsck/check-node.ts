// The check of a whole node from outside: its databases, blocks, logs and views, in the order in which one vouches for the
// next. Works on a snapshot and changes nothing in the node's folder but its lock.

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { systemRandom } from '../clock.ts';
import { Blocks } from '../feed/blocks.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Opener } from '../feed/opener.ts';
import { openOpener } from '../feed/sealing.ts';
import type { Home } from '../home/home.ts';
import { KEY_NAMES } from '../home/home-keys.ts';
import { lockHome } from '../home/lock.ts';
import { sealSecrets } from '../home/seal-secrets.ts';
import { Subscriptions } from '../replicate/subscriptions.ts';
import { markOf, openLevelStore } from '../store/level.ts';
import { Packs } from '../store/packs.ts';
import type { Store } from '../store/store.ts';
import { Authority } from './authority.ts';
import { checkBlocks, checkLogs, foldDirectory, readViews, type Views } from './contents.ts';
import { checkCounts } from './count-check.ts';
import { type CheckedRows, checkDatabase } from './database.ts';
import type { LogCheck } from './log-check.ts';
import { OrphanBlocks } from './orphan-blocks.ts';
import { PackCheck } from './pack-check.ts';
import { type FsckResult, Report } from './report.ts';
import { createSnapshot, type Snapshot } from './snapshot.ts';
import { checkView, VIEWS_NEXT } from './view-check.ts';

export interface FsckOptions {
  readonly home: Home;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Told how many bytes were read so far. */
  readonly onProgress?: (bytes: number) => void;
}

const STORE_NEXT = 'Restore the folder store from a backup.';
const BLOCKS_NEXT = 'Restore the folder store/blocks from a backup.';
const PACKS_NEXT =
  'Start the node: it fetches the blocks from other members. Where nobody has them, restore the folder store/packs from a backup.';

/** @throws LOCKED while another process works on the folder */
export async function checkNode(options: FsckOptions): Promise<FsckResult> {
  const { home, nowMs, onProgress = () => {} } = options;
  const startedMs = nowMs();
  const lock = await lockHome(home.dir);
  try {
    const snapshot = await createSnapshot(home.dir);
    const check = new NodeCheck(options, snapshot, new Report(onProgress));
    try {
      await check.run();
    } finally {
      await check.close();
      await snapshot.remove();
    }
    const { databases, logs, orphans, problems, problemCount } = check.report;
    return { databases, logs, orphans, problems, problemCount, tookMs: nowMs() - startedMs };
  } finally {
    await lock.release();
  }
}

class NodeCheck {
  readonly report: Report;
  readonly #home: Home;
  readonly #signal: AbortSignal;
  readonly #snapshot: Snapshot;
  readonly #authority: Authority;
  readonly #open: { close(): Promise<void> }[] = [];

  constructor({ home, signal }: FsckOptions, snapshot: Snapshot, report: Report) {
    this.report = report;
    this.#home = home;
    this.#signal = signal;
    this.#snapshot = snapshot;
    this.#authority = new Authority(home);
  }

  async run(): Promise<void> {
    const { report } = this;
    const { paths } = this.#home;
    const authority = this.#authority;
    const logRows = await this.#database(paths.log, STORE_NEXT);
    const blockRows = await this.#database(paths.blocks, BLOCKS_NEXT);
    const viewRows = await this.#viewDatabase();
    if (logRows) await foldDirectory(logRows, authority);
    const orphans = new OrphanBlocks();
    const packs = new Packs(paths.packs);
    this.#open.push(packs);
    const packed = new PackCheck({ report, packs, next: PACKS_NEXT });
    if (blockRows) await checkBlocks(blockRows, report, { orphans, packed });
    await packed.finish();
    const blockStore = await this.#store(blockRows);
    const blocks = blockStore && new Blocks(blockStore, packs);
    const views: Views = viewRows ? await readViews(viewRows, report, authority) : new Map();
    const found = report.problemCount;
    const all = { report, authority, views, blocks, orphans };
    const checks = logRows ? await checkLogs(logRows, all) : [];
    if (logRows && blocks && report.problemCount === found) report.orphans = orphans.result();
    report.logs.push(...checks.map((check) => check.counts));
    if (logRows) await this.#checkKeys();
    const logs = await this.#store(logRows);
    if (!logs) return;
    await this.#checkSubscriptions(logs);
    const viewStore = await this.#store(viewRows);
    if (!blocks || !viewStore) return;
    await this.#checkViews(checks, views, { logs, blocks, views: viewStore });
  }

  async close(): Promise<void> {
    for (const store of this.#open) await store.close();
  }

  #database(path: string, next: string): Promise<CheckedRows | undefined> {
    const { report } = this;
    return checkDatabase(path, { report, snapshot: this.#snapshot, next, signal: this.#signal });
  }

  /** Views that were deleted on purpose are made again by the node. */
  async #viewDatabase(): Promise<CheckedRows | undefined> {
    const { views } = this.#home.paths;
    if (!existsSync(views) && !existsSync(markOf(views))) return undefined;
    return this.#database(views, VIEWS_NEXT);
  }

  /** The snapshot of a database as nodes open it; undefined when that fails, which reading its rows has reported. */
  async #store(rows: CheckedRows | undefined): Promise<Store | undefined> {
    if (!rows) return undefined;
    try {
      const store = await openLevelStore(rows.folder);
      this.#open.push(store);
      return store;
    } catch (error) {
      if (isMeshError(error)) return undefined;
      throw error;
    }
  }

  /** Every key opens; in a protected folder none lies open. */
  async #checkKeys(): Promise<void> {
    const { keys, paths } = this.#home;
    try {
      const isProtected = (await keys.protection()) === 'passphrase';
      for (const name of KEY_NAMES) {
        const state = await keys.state(name);
        if (state !== 'missing') await keys.get(name);
        if (state !== 'plain' || !isProtected) continue;
        const what = `${relative(paths.dir, paths[name])} is not encrypted, though the folder has a passphrase`;
        const next =
          'Protecting was stopped half way, or the file was put there later. To encrypt it: odcm keys protect';
        this.report.problem('STORE_DAMAGED', what, next);
      }
    } catch (error) {
      const next = 'Give the passphrase with --passphrase-file, or restore the folder keys.';
      this.report.caught(error, 'the keys of the node', next);
      return;
    }
    await this.#checkNodeKey();
  }

  async #checkNodeKey(): Promise<void> {
    const { space, name } = this.#home.config;
    const next = 'Restore the folder keys from a backup.';
    try {
      const raw = ed25519Raw(await this.#home.nodeKey());
      const row = this.#authority.directory.spaces.get(space);
      if (!row || row.nodeKey.equals(raw)) return;
      const what = `keys/node.pem is not the key of ${name} in the directory`;
      this.report.problem('UNKNOWN_KEY', what, next);
    } catch (error) {
      this.report.caught(error, 'the key of the node', next);
    }
  }

  async #checkSubscriptions(logs: Store): Promise<void> {
    try {
      await Subscriptions.open(logs);
    } catch (error) {
      // A value that fails its check was reported with its row.
      if (isMeshError(error, 'STORE_DAMAGED')) return;
      this.report.caught(error, 'a subscription', STORE_NEXT);
    }
  }

  async #checkViews(
    checks: readonly LogCheck[],
    views: Views,
    stores: { readonly logs: Store; readonly blocks: Blocks; readonly views: Store },
  ): Promise<void> {
    const scratch = await openLevelStore(join(this.#snapshot.dir, 'scratch'));
    this.#open.push(scratch);
    const left = new Map(views);
    for (const check of checks) {
      const id = check.prefix.toString('hex');
      const view = left.get(id);
      left.delete(id);
      if (!view) continue;
      const { applied, deadLetters } = view.cursor;
      Object.assign(check.counts, { applied, deadLetters, items: view.items });
      if (!check.isSound || view.isDamaged) continue;
      if (applied > check.counts.entries) {
        this.#reportAhead(check.prefix, applied, check.counts.entries);
        continue;
      }
      const identity = this.#authority.identityOf(check.prefix);
      if (!identity || !check.areRecordsHere) continue;
      const openerOf = (prefix: Buffer, log: FeedLog) =>
        this.#openerOf(prefix, log, { ...stores, views: scratch });
      const all = { ...stores, report: this.report, scratch, signal: this.#signal, openerOf };
      // Without the passphrase nobody can say what is in it; that it is missing was said of the keys.
      if (await this.#isLocked(check.prefix)) continue;
      await checkView(all, check, identity, view.cursor);
      await checkCounts(all, check, identity.context.name, view.cursor);
    }
    for (const { prefix, cursor } of left.values()) {
      this.#reportAhead(prefix, cursor.applied, 0);
    }
  }

  async #openerOf(
    prefix: Buffer,
    log: FeedLog,
    stores: { readonly logs: Store; readonly blocks: Blocks; readonly views: Store },
  ): Promise<Opener | undefined> {
    const row = this.#authority.feedOf(prefix);
    if (!row?.isSealed) return undefined;
    const { mesh } = this.#home.config;
    const secrets = sealSecrets(this.#home);
    return openOpener(row, log, { ...stores, mesh, secrets, random: systemRandom });
  }

  async #isLocked(prefix: Buffer): Promise<boolean> {
    if (!this.#authority.feedOf(prefix)?.isSealed) return false;
    return Promise.all([this.#home.localKey(), this.#home.exchangeKeys()]).then(
      () => false,
      () => true,
    );
  }

  /**
   * Rows are written while the log is: a process that is killed then leaves the rows of one batch, which at a publisher was
   * never answered, and which others fetch again.
   */
  #reportAhead(prefix: Buffer, applied: number, entries: number): void {
    if (applied - entries <= LIMITS.batchEntries) return;
    const name = this.#authority.nameOf(prefix);
    const what = `the view of ${name} is at entry ${applied} and its log ends at ${entries}`;
    const next =
      'Unless the power failed before, entries are lost: restore the folder store from a backup; else the node repairs the view at its start.';
    this.report.problem('STORE_DAMAGED', what, next);
  }
}
