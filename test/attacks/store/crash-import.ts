// A site without a network whose import of a bundle is killed at named places: afterwards nothing of the bundle is there, or
// all of it, and brought again it is there once.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CRASHPOINTS, type Crashpoint } from '../../../node/crashpoint.ts';
import { TestMesh } from '../../e2e/mesh.ts';
import { crashingAt } from './crash-hooked.ts';

const FEED = 'library/stock';
const ENTRIES = 600;

/** Of the import itself, and of the intake of each of its logs. */
export const IMPORT_PLACES: readonly Crashpoint[] = CRASHPOINTS.filter((place) =>
  /^(import|intake)\./.test(place),
);

/** Where an import comes by more than once: behind directory and feed, and in each group of entries of both. */
const TIMES: Readonly<Partial<Record<Crashpoint, number>>> = {
  'import.after-log': 2,
  'intake.before-write': 3,
  'intake.after-write': 3,
};

export class ImportCrashes {
  readonly mesh = new TestMesh();
  /** Of which something but not all was there. */
  partial = 0;
  kills = 0;
  readonly #visits = new Map<Crashpoint, number>();
  readonly #file = join(this.mesh.dir, 'out', 'vault-1');
  /** The folder of the site before anything was brought to it. */
  readonly #fresh = join(this.mesh.dir, 'vault-as-it-was');

  async begin(): Promise<void> {
    const { mesh } = this;
    await mesh.init();
    await mesh.spaces('library');
    await mesh.enlist('vault');
    mkdirSync(join(mesh.dir, 'out'));
    const body = { name: 'stock', context: 'targets', to: 'all' as const };
    await mesh.ask('library', 'createFeed', { body });
    // Most of it are large records: its file is kept as a pack.
    const drafts = Array.from({ length: ENTRIES }, (_, i) => ({
      item: `item ${i}`,
      payload: { value: `${i}`.repeat(i % 10 === 0 ? 12_000 : 10) },
    }));
    await mesh.ask('library', 'publishEvents', { query: { feed: 'stock' }, body: { drafts } });
    await mesh.ok('library', 'export', this.#file, '--to', 'vault', '--by', 'Barry');
    cpSync(mesh.home('vault'), this.#fresh, { recursive: true });
  }

  close(): Promise<void> {
    return this.mesh.close();
  }

  #import() {
    return this.mesh.odcm('vault', 'import', this.#file, '--by', 'Lisa', '--approve', 'Bob');
  }

  /** Each time the next of the moments at which an import comes by. */
  async visit(place: Crashpoint): Promise<void> {
    const { mesh } = this;
    const visits = this.#visits.get(place) ?? 0;
    this.#visits.set(place, visits + 1);
    const count = 1 + (visits % (TIMES[place] ?? 1));
    rmSync(mesh.home('vault'), { recursive: true });
    cpSync(this.#fresh, mesh.home('vault'), { recursive: true });
    await mesh.startWith('vault', crashingAt(place, count), '--offline');
    const ended = mesh.ended('vault');
    const isOver = (await this.#import()).code === 0;
    if (isOver || (await ended) !== 'SIGKILL')
      throw new Error(`vault never came to ${place} for the ${count}. time`);
    this.kills++;
    await mesh.start('vault', '--offline');
    if (!(await this.#isWhole())) this.partial++;
    await mesh.stop('vault');
  }

  /** All of it or nothing; and all of it once it was brought again where there was nothing. */
  async #isWhole(): Promise<boolean> {
    const { mesh } = this;
    const [row] = await mesh.ask('vault', 'crossings');
    if (row?.state !== 'applied') {
      const isStill = row === undefined || row.state === 'waiting';
      if (!isStill || (await mesh.feed('vault', FEED)) !== undefined) return false;
      if ((await this.#import()).code !== 0) return false;
    }
    await mesh.level('vault', FEED, ENTRIES);
    const items = await mesh.items('vault', FEED);
    return items.length === ENTRIES && (await mesh.ask('vault', 'receipts')).length === 1;
  }
}
