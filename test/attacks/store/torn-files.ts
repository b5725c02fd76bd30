// Real nodes whose database files are damaged while they do not run: what fsck says, what the node says, and whether it has
// everything again in the end.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TestMesh, until } from '../../e2e/mesh.ts';
import {
  emptyCurrent,
  truncateManifest,
  truncateTable,
  truncateWal,
  zeroPageOfTable,
  zeroPageOfWal,
} from './surgery.ts';

const FEED = 'library/stock';

export interface Surgery {
  readonly name: string;
  readonly cut: (folder: string) => Promise<unknown>;
  /** A cut that looks like the end of what was written: nothing but the missing entries tells. */
  readonly isQuiet?: true;
}

export const SURGERIES: readonly Surgery[] = [
  { name: 'CURRENT missing', cut: (folder) => rm(join(folder, 'CURRENT')) },
  { name: 'CURRENT empty', cut: emptyCurrent },
  { name: 'MANIFEST torn', cut: truncateManifest },
  { name: 'write-ahead log torn', cut: truncateWal, isQuiet: true },
  { name: 'zeroed page in the write-ahead log', cut: zeroPageOfWal },
  { name: 'zeroed page in a table', cut: zeroPageOfTable },
  { name: 'table torn', cut: truncateTable },
];

export interface TornResult {
  readonly what: string;
  readonly isFound: boolean;
  readonly wasSetAside: boolean;
}

export class TornMesh {
  readonly mesh = new TestMesh();
  #count = 0;

  async begin(): Promise<void> {
    await this.mesh.init();
    await this.mesh.spaces('library', 'platform', 'payments');
    const body = { name: 'stock', context: 'targets', to: 'all' as const };
    await this.mesh.ask('library', 'createFeed', { body });
    for (const name of ['platform', 'payments']) await this.mesh.subscribe(name, { feed: FEED });
    await this.publish();
  }

  close(): Promise<void> {
    return this.mesh.close();
  }

  /** Small entries, and one that travels as a block. */
  async publish(): Promise<void> {
    const drafts = Array.from({ length: 60 }, (_, i) => ({
      item: `item-${i}`,
      payload: { text: `${this.#count}`.repeat(i === 0 ? 20_000 : 400) },
    }));
    this.#count++;
    await this.mesh.ask('library', 'publishEvents', {
      query: { feed: 'stock' },
      body: { drafts } as never,
    });
    for (const name of ['platform', 'payments']) await this.#level(name);
  }

  async #level(name: string): Promise<void> {
    const { size } = (await this.mesh.feed('library', FEED))!;
    await this.mesh.level(name, FEED, size ?? 0);
  }

  async operate(
    name: string,
    database: 'log' | 'blocks' | 'views',
    surgery: Surgery,
  ): Promise<TornResult> {
    const before = (await this.mesh.feed('payments', FEED))!;
    // What an earlier start left is in a table, the rest in the write-ahead log.
    await this.mesh.stop(name);
    await this.mesh.start(name);
    await this.publish();
    await this.mesh.kill(name);
    await surgery.cut(join(this.mesh.home(name), 'store', database));
    const checked = await this.mesh.odcm(name, 'fsck', '--json');
    const isFound = checked.code !== 0;
    const wasSetAside = await this.#startOrSetAside(name, database);
    await until(`${name} has everything again`, async () => {
      const [own, other] = await Promise.all([
        this.mesh.feed(name, FEED),
        this.mesh.feed('payments', FEED),
      ]);
      const { store } = await this.mesh.ask(name, 'status');
      const isSame = own?.root === other?.root && own?.applied === other?.applied;
      if (isSame && store.damaged === 0 && !store.refetching && (own?.held ?? 0) > before.held)
        return true;
      throw new Error(JSON.stringify({ own, store }));
    });
    // A publisher goes on, and its subscribers follow.
    await this.publish();
    await this.mesh.ask(name, 'startScrub');
    await until('the scrub is through', async () => {
      const { state } = await this.mesh.ask(name, 'scrub');
      return state === 'waiting' && (await this.mesh.ask(name, 'status')).store.damaged === 0;
    });
    const theirs = JSON.stringify(await this.mesh.items('payments', FEED));
    if (JSON.stringify(await this.mesh.items(name, FEED)) !== theirs)
      throw new Error(`${name} has other items after ${surgery.name}`);
    await this.mesh.stop(name);
    const after = await this.mesh.odcm(name, 'fsck');
    await this.mesh.start(name);
    if (after.code !== 0) throw new Error(`fsck after ${surgery.name}: ${after.stdout}`);
    return { what: `${surgery.name} in ${database} of ${name}`, isFound, wasSetAside };
  }

  async #startOrSetAside(name: string, database: string): Promise<boolean> {
    try {
      await this.mesh.start(name);
      return false;
    } catch (error) {
      if (!/STORE_DAMAGED|STORE_MISSING/.test(String(error))) throw error;
      await this.mesh.ok(name, 'fsck', '--set-aside', database);
      await this.mesh.start(name);
      return true;
    }
  }
}
