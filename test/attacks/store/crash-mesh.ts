// A mesh of real processes that are killed at named places, and the books of what they had answered before.

import { fileURLToPath } from 'node:url';
import type { Crashpoint } from '../../../node/crashpoint.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import { TestMesh, until } from '../../e2e/mesh.ts';
import { sha256 } from '../../e2e/templates.ts';
import { flipValues, keysOf } from './surgery.ts';

const HOOK = fileURLToPath(new URL('./crash-hook.ts', import.meta.url));
const FEED = 'library/stock';
/** Longer than anything here takes: a place that is never reached must show as such. */
const REACH_MS = 30_000;

export class CrashMesh {
  readonly mesh = new TestMesh();
  readonly #acknowledged = new Map<string, string>();
  #count = 0;
  lost = 0;
  forks = 0;
  kills = 0;

  async begin(): Promise<void> {
    await this.mesh.init();
    await this.mesh.spaces('library', 'platform');
    const body = { name: 'stock', context: 'targets', to: 'all' as const };
    await this.mesh.ask('library', 'createFeed', { body });
    await this.mesh.subscribe('platform', { feed: FEED });
    await this.publish(5);
  }

  close(): Promise<void> {
    return this.mesh.close();
  }

  async publish(count: number): Promise<void> {
    const drafts = Array.from({ length: count }, () => {
      const n = this.#count++;
      // Every fourth one travels as a block.
      return { item: `item-${n}`, payload: { text: `${n}`.repeat(n % 4 === 0 ? 6000 : 10) } };
    });
    await this.mesh.ask('library', 'publishEvents', {
      query: { feed: 'stock' },
      body: { drafts } as never,
    });
    for (const { item, payload } of drafts)
      this.#acknowledged.set(item, sha256(Buffer.from(JSON.stringify(payload))));
  }

  /** Starts a node that dies at the place, makes it go there, and sees to it that it died of that. */
  async #killAt(name: string, place: Crashpoint, count: number, drive: () => Promise<void>) {
    await this.mesh.stop(name);
    const options = {
      nodeFlags: ['--import', HOOK],
      env: { ODCM_CRASHPOINT: `${place}:${count}` },
    };
    let isOver = false;
    // It may die before it is ready.
    const started = this.mesh.startWith(name, options).catch(() => {});
    const ended = this.mesh.ended(name).then((signal) => {
      isOver = true;
      return signal;
    });
    const driving = (async () => {
      await started;
      while (!isOver) {
        try {
          await drive();
        } catch (error) {
          if (!isOver && !isMeshError(error)) throw error;
        }
      }
    })();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      void this.mesh.kill(name);
    }, REACH_MS);
    const signal = await ended;
    clearTimeout(late);
    await driving;
    if (signal !== 'SIGKILL' || isLate)
      throw new Error(`${name} never came to ${place}: ${signal}`);
    this.kills++;
    await this.mesh.start(name);
  }

  async visit(place: Crashpoint, count: number): Promise<void> {
    const [family] = place.split('.');
    if (family === 'publish') await this.#killAt('library', place, count, () => this.publish(3));
    else if (family === 'intake')
      await this.#killAt('platform', place, count, () => this.publish(3));
    else if (family === 'directory')
      await this.#killAt('odcm', place, count, () => this.#createFeed());
    else if (family === 'enrol') await this.#killAt('odcm', place, 1, () => this.#join());
    else if (family === 'mend' || family === 'scrub')
      await this.#killAt('platform', place, family === 'mend' ? 1 : count, async () => {
        await this.mesh.ask('platform', 'startScrub');
      });
    else throw new Error(`nothing here leads to ${place}`);
    await this.#expectWhole();
  }

  /** One value of the log is damaged while the node is stopped: what it does next is to mend it. */
  async damage(): Promise<void> {
    await this.mesh.stop('platform');
    const folder = `${this.mesh.home('platform')}/store/log`;
    const keys = await keysOf(folder, 's');
    await flipValues(folder, [keys.at(-1)!]);
  }

  async #createFeed(): Promise<void> {
    const name = `feed-${this.#count++}`;
    await this.mesh.ask('library', 'createFeed', { body: { name, context: 'users', to: 'all' } });
  }

  async #join(): Promise<void> {
    await this.mesh.enlist(`late-${this.#count++}`);
  }

  async #expectWhole(): Promise<void> {
    await this.publish(1);
    const { size } = (await this.mesh.feed('library', FEED))!;
    const { root } = (await this.mesh.feed('library', FEED))!;
    const row = await this.mesh.level('platform', FEED, size ?? 0);
    if (row.root !== root) this.forks++;
    for (const name of ['library', 'platform']) {
      const held = new Map(
        (await this.mesh.items(name, FEED)).map((one) => [one.item, one.sha256]),
      );
      for (const [item, hash] of this.#acknowledged) if (held.get(item) !== hash) this.lost++;
      const { refusals } = await this.mesh.ask(name, 'status');
      this.forks += refusals['CONFLICT'] ?? 0;
    }
    await until(
      'nothing is damaged',
      async () => (await this.mesh.ask('platform', 'status')).store.damaged === 0,
    );
  }
}
