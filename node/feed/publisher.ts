// Publishing: drafts become entries of the space's own log in batches, one signature and one sync a batch.
// What is acknowledged is durable; what a batch changed is told to `onCommitted` only after that.

import { type Checkpoint, type Signer, signCheckpointBy } from '../../protocols/checkpoint.ts';
import type { Context } from '../../protocols/contexts.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedName, Origin, SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Frontier } from '../../protocols/merkle.ts';
import { packSegments } from '../../protocols/segment.ts';
import type { Clock, Random } from '../clock.ts';
import { crashpoint } from '../crashpoint.ts';
import { Batch, type Published } from './batch.ts';
import type { Blocks } from './blocks.ts';
import { DrawnIds } from './drawn-ids.ts';
import type { FeedLog } from './log.ts';
import { type Draft, type NewRecord, NewRecords } from './new-records.ts';
import type { Opener } from './opener.ts';
import { addAgain, takePages } from './rekey.ts';
import type { Sealer, SealPlan } from './sealer.ts';
import type { FeedView } from './view.ts';

/** What a batch added: enough for an announcement without reading the store. */
export interface Commit {
  readonly note: Buffer;
  readonly checkpoint: Checkpoint;
  readonly before: Frontier;
  readonly segments: readonly Buffer[];
}

export interface PublisherOptions {
  readonly view: FeedView;
  readonly blocks: Blocks;
  readonly log: FeedLog;
  readonly origin: Origin;
  /** Who signs the heads, asked for each: keys change while the node runs. */
  readonly signers: () => readonly Signer[];
  /** 16-byte feed id; null for the directory. */
  readonly feedId: Uint8Array | null;
  readonly space: SpaceName;
  readonly feed: FeedName;
  readonly context: Context;
  readonly clock: Clock;
  readonly random: Random;
  readonly onCommitted: (commit: Commit) => void;
  /** Throws while the disk has no room to spare. */
  readonly requireRoom?: (() => void) | undefined;
  /** Throws while nothing may be published; waits while that is being found out. */
  readonly mayPublish?: (() => Promise<void> | void) | undefined;
  /** Present when the feed is sealed. */
  readonly sealing?: { readonly sealer: Sealer; readonly opener: Opener } | undefined;
}

interface Job {
  readonly drafts: readonly Draft[];
  readonly resolve: (results: Published[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests whose records are made, as of then; what they make of their items is not known yet. */
interface Made {
  readonly jobs: readonly Job[];
  /** Without those that have a bad draft, which are refused. */
  readonly requests: readonly { readonly job: Job; readonly records: readonly NewRecord[] }[];
  readonly nowMs: number;
  readonly ids: DrawnIds;
}

export class Publisher {
  readonly #o: PublisherOptions;
  readonly #queue: Job[] = [];
  /** The next batch, made while the disk was busy with the one before. */
  #made: Made | undefined;
  #running: Promise<void> | undefined;
  #ended: MeshError | undefined;
  /** Keys must be looked at; when that is under way, items up to this name are sealed anew already. */
  #rekeying: { readonly after: string | undefined } | undefined;
  #rekeyFault: unknown;
  /** Epoch under whose key all newest versions were found or brought by this process. */
  #sealedAnew = 0;

  constructor(options: PublisherOptions) {
    this.#o = options;
  }

  /**
   * Publishes or withdraws items, in order. Requests that come while a batch is being written form the next batch, so
   * many writers share one sync. Resolves when everything is durable; a refused draft refuses its whole request, or of
   * a request for more than {@link LIMITS.batchEntries} items the part that it is in.
   */
  publish(drafts: readonly Draft[]): Promise<Published[]> {
    if (drafts.length === 0) return Promise.resolve([]);
    if (this.#ended) return Promise.reject(this.#ended);
    const parts: Promise<Published[]>[] = [];
    for (let at = 0; at < drafts.length; at += LIMITS.batchEntries) {
      const slice = drafts.slice(at, at + LIMITS.batchEntries);
      parts.push(
        new Promise((resolve, reject) => this.#queue.push({ drafts: slice, resolve, reject })),
      );
    }
    this.#running ??= this.#drain();
    return parts.length === 1 ? parts[0]! : Promise.all(parts).then((results) => results.flat());
  }

  /** From now on everything is refused for this reason. */
  end(reason: MeshError): void {
    this.#ended = reason;
  }

  /** Waits until nothing is being written. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /**
   * Brings the keys of a sealed feed to what the directory says: pages for new readers, a new key when one may read no
   * more, and then the newest version of each item under it. Publishing goes on in between. Done again it does the rest.
   */
  async rekey(): Promise<void> {
    if (!this.#o.sealing || this.#ended) return;
    this.#rekeying = { after: undefined };
    this.#rekeyFault = undefined;
    this.#running ??= this.#drain();
    await this.idle();
    if (this.#rekeyFault) throw this.#rekeyFault;
  }

  async #drain(): Promise<void> {
    while (this.#made || this.#queue.length > 0 || this.#rekeying) {
      const made = this.#made;
      this.#made = undefined;
      if (!made && this.#queue.length === 0) {
        await this.#rekeySome();
        continue;
      }
      const jobs = made?.jobs ?? this.#takeJobs();
      try {
        await this.#o.mayPublish?.();
        if (this.#ended) throw this.#ended;
        await this.#o.log.exclusively(() => this.#commit(jobs, made));
      } catch (error) {
        for (const job of jobs) job.reject(asMeshError(error));
      }
    }
    // In the same turn as the last look at the queue: a request that comes later starts its own run.
    this.#running = undefined;
  }

  get #isNextFull(): boolean {
    let count = 0;
    for (const { drafts } of this.#queue) count += drafts.length;
    return count >= LIMITS.batchEntries;
  }

  #takeJobs(): Job[] {
    const jobs: Job[] = [];
    let count = 0;
    while (
      this.#queue.length > 0 &&
      (count === 0 || count + this.#queue[0]!.drafts.length <= LIMITS.batchEntries)
    ) {
      const job = this.#queue.shift()!;
      count += job.drafts.length;
      jobs.push(job);
    }
    return jobs;
  }

  async #rekeySome(): Promise<void> {
    const { sealing, log, feedId, feed, clock, random } = this.#o;
    const after = this.#rekeying?.after;
    this.#rekeying = undefined;
    try {
      await this.#o.mayPublish?.();
      await log.exclusively(async () => {
        await this.#level();
        // The first key is made when there is something to seal.
        if (!sealing || sealing.sealer.ring.newest === 0) return;
        const plan = await sealing.sealer.plan();
        const ids = new DrawnIds(random, 0, 0);
        const options = { feed, feedId, nowMs: clock.nowMs(), from: log.size, rows: [], ids };
        const batch = new Batch({ ...options, plan });
        if (plan.pages.length === 0 && this.#sealedAnew === plan.epoch) return;
        const { opener } = sealing;
        const last = await addAgain(batch, plan.epoch, after, { ...this.#o, opener });
        if (batch.packed.length > 0) await this.#write(batch, plan);
        if (last === undefined) this.#sealedAnew = plan.epoch;
        else this.#rekeying ??= { after: last };
      });
    } catch (error) {
      this.#rekeyFault = error;
    }
  }

  async #level(): Promise<void> {
    const { view, feed } = this.#o;
    this.#o.requireRoom?.();
    await view.reconcile();
    const missing = await view.catchUp();
    if (missing.length > 0)
      throw new MeshError('RECORD_MISSING', `records of the own feed ${feed} are missing`);
    // What is not applied may be newer versions of the same items: their numbers would be given twice.
    if (view.isLevel) return;
    const { applied } = view;
    throw new MeshError('KEY_UNKNOWN', `no key opens entry ${applied} of the own feed ${feed}`, {
      next: "Restore the folder's keys and store/log from one backup; nothing is published before.",
    });
  }

  /** Nothing in it depends on what the items were before. */
  #make(jobs: readonly Job[]): Made {
    const { random, clock, space, feed, context, sealing } = this.#o;
    const count = jobs.reduce((sum, { drafts }) => sum + drafts.length, 0);
    const ids = new DrawnIds(random, count, jobs.length);
    const nowMs = clock.nowMs();
    const isSealed = sealing !== undefined;
    const maker = new NewRecords({ space, feed, context, nowMs, ids, isSealed });
    return { jobs, requests: makeAll(jobs, maker), nowMs, ids };
  }

  #makeNext(): void {
    const jobs = this.#takeJobs();
    try {
      this.#made = this.#make(jobs);
    } catch (error) {
      for (const job of jobs) job.reject(asMeshError(error));
    }
  }

  async #commit(jobs: readonly Job[], made?: Made): Promise<void> {
    const { view, log, feed, feedId } = this.#o;
    await this.#level();
    // The store looks for what is there already while the records are made.
    const found = view.items(namesOf(jobs));
    const { requests, nowMs, ids } = made ?? this.#make(jobs);
    const rows = await found;
    const plan = await this.#o.sealing?.sealer.plan();
    const batch = new Batch({ feed, feedId, nowMs, from: log.size, rows, ids, plan });
    const done: (() => void)[] = [];
    for (const { job, records } of requests) {
      try {
        const results = batch.add(records);
        done.push(() => job.resolve(results));
      } catch (error) {
        job.reject(asMeshError(error));
      }
    }
    if (batch.packed.length > 0) await this.#write(batch, plan);
    for (const resolve of done) resolve();
  }

  /** Records first, then entries and their signed head in one synced batch, and only then the world. */
  async #write(batch: Batch, plan: SealPlan | undefined): Promise<void> {
    const { view, log, blocks, origin, signers, sealing } = this.#o;
    crashpoint('publish.before-blocks');
    if (batch.blocks.length > 0) await blocks.put(batch.blocks, true);
    const hashes = await hashesOf(batch, blocks);
    const before = log.frontier();
    const segments = packSegments(log.size, batch.packed);
    const growth = await log.grow(batch.packed, segments);
    const checkpoint = { origin, size: growth.tree.size, root: growth.tree.root() };
    const note = signCheckpointBy(checkpoint, signers());
    crashpoint('publish.before-sync');
    const durable = log.commit(growth, note, true);
    // The rows are made while the disk syncs the log. Should the log not take the batch, the view is made anew.
    const items = [...batch.items.values()];
    const hasPages = plan !== undefined && plan.pages.length > 0;
    const rows = hasPages
      ? Promise.resolve()
      : view.advance(items, checkpoint.size, hashes).catch(() => {});
    // So are the records of the next batch, once no request that comes meanwhile could still be a part of it.
    if (this.#isNextFull) this.#makeNext();
    try {
      await durable;
    } catch (error) {
      await rows;
      // Others read the items as they were, and do not wait for the next batch.
      await view
        .reconcile()
        .then(() => view.catchUp())
        .catch(() => {});
      throw error;
    }
    crashpoint('publish.after-sync');
    try {
      await rows;
      if (hasPages && sealing) {
        this.#rekeying = { after: undefined };
        // A key counts once its pages are in the log: before that a crash would leave records that nobody can open.
        const pages = await takePages(plan, before.size, sealing.sealer.ring);
        await view.advance(items, checkpoint.size, hashes, pages).catch(() => {});
      }
      crashpoint('publish.before-release');
    } finally {
      // The entries are in the log, whatever became of the rest: who waits for them hears of it.
      this.#o.onCommitted({ note, checkpoint, before, segments });
    }
  }
}

function namesOf(jobs: readonly Job[]): string[] {
  const names: string[] = [];
  for (const { drafts } of jobs) for (const { item } of drafts) names.push(item);
  return names;
}

/** Requests with a bad draft are refused here and left out. */
function makeAll(jobs: readonly Job[], maker: NewRecords): { job: Job; records: NewRecord[] }[] {
  const requests: { job: Job; records: NewRecord[] }[] = [];
  for (const job of jobs) {
    try {
      requests.push({ job, records: maker.make(job.drafts) });
    } catch (error) {
      job.reject(asMeshError(error));
    }
  }
  return requests;
}

/** Of all blocks that the batch names; most batches name none. */
async function hashesOf(batch: Batch, blocks: Blocks): Promise<Uint8Array[]> {
  const hashes = batch.blocks.map(({ hash }) => hash);
  for (const record of batch.chunked) {
    for await (const hash of blocks.tree(record)) hashes.push(hash);
  }
  return hashes;
}
