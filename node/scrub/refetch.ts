// Own feeds after their database was set aside: what was published is at others, and must come back before anything is added,
// or two histories of one feed would be signed. Done when ODCM or two other members were asked for every own feed.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { decodeNote } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { TimerHandle, Timers } from '../clock.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import { takeIn } from '../feed/intake.ts';
import type { MeshNode } from '../node.ts';

const RETRY_MS = 2_000;
/** Others that must have been asked when ODCM cannot be. */
const ENOUGH = 2;

export interface RefetchOptions {
  readonly node: MeshNode;
  readonly timers: Timers;
  readonly peers: (feed: OpenFeed | undefined) => readonly string[];
}

/** The file that says that the logs were set aside. */
export const refetchMark = (logFolder: string): string => `${logFolder}.refetch`;

export class Refetch {
  readonly #o: RefetchOptions;
  readonly #mark: string;
  #isOpen: boolean;
  #running: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: RefetchOptions) {
    this.#o = options;
    this.#mark = refetchMark(options.node.home.paths.log);
    this.#isOpen = existsSync(this.#mark);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @throws STORE_MISSING while own feeds may still be longer elsewhere */
  requireDone(): void {
    if (!this.#isOpen) return;
    throw new MeshError(
      'STORE_MISSING',
      'the logs were set aside, and own feeds are not back yet',
      {
        next: 'Wait until ODCM or two other members are connected: they have what was published.',
      },
    );
  }

  start(): void {
    this.kick();
  }

  kick(): void {
    if (!this.#isOpen || this.#isStopped || this.#running) return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#o.node.log.debug({ reason: String(error) }, 'own feeds are not back yet');
      })
      .finally(() => {
        this.#running = undefined;
        if (!this.#isOpen || this.#isStopped) return;
        if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
        this.#timer = this.#o.timers.setTimeout(() => this.kick(), RETRY_MS);
      });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { directory, feeds, home, log } = this.#o.node;
    // Without a directory as ODCM has it now, own feeds may be missing in it.
    if (directory.age !== 'fresh' || directory.isBehind) return;
    for (const row of directory.state.feeds.values()) {
      if (row.space === home.config.space && !(await this.#bring(await feeds.open(row.id)))) return;
    }
    await rm(this.#mark, { force: true });
    this.#isOpen = false;
    log.info({}, 'own feeds are back from other members: publishing goes on');
  }

  /** True when enough members were asked, and nobody has more than is here now. */
  async #bring(feed: OpenFeed): Promise<boolean> {
    const { replicator, neighbours, feeds, directory } = this.#o.node;
    let asked = 0;
    let known = 0;
    for (const peerId of this.#o.peers(feed)) {
      await replicator.ask(peerId, async (client) => {
        for (const { note: bytes, held } of await client.heads([feed.id])) {
          const note = Buffer.from(bytes);
          const checkpoint = directory.verifyFeedNote(decodeNote(note), feed.row, feed.origin);
          known = Math.max(known, checkpoint.size);
          if (checkpoint.size <= feed.log.size || held < checkpoint.size) continue;
          const { log, id: feedId } = feed;
          await feed.intake.take(() =>
            takeIn({ log, feedId, checkpoint, note, source: client.source(feed.id), sync: true }),
          );
          await feeds.mended(feed);
        }
      });
      asked += peerId === neighbours.odcmPeer ? ENOUGH : 1;
    }
    // Who only heard of a later head has no entries for it: it was signed here all the same.
    if (asked < ENOUGH || feed.log.size < known) return false;
    await feed.view.catchUp();
    return true;
  }
}
