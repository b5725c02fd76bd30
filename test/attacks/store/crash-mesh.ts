// A mesh of real processes that are killed at named places, and the books of what they had answered before.

import type { Crashpoint } from '../../../node/crashpoint.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import { TestMesh, until } from '../../e2e/mesh.ts';
import { sha256 } from '../../e2e/templates.ts';
import { crashingAt } from './crash-hooked.ts';
import { flipValues, keysOf } from './surgery.ts';

/** Those of an import are visited by {@link ImportCrashes}: they need a site without a network. */
type Place = Exclude<Crashpoint, `import.${string}`>;
/** Goes there as often as it takes to die there for the so-manieth time. */
type Visit = (crash: CrashMesh, place: Place, round: number) => Promise<void>;

const FEED = 'library/stock';
/** Taken by nobody: platform has its entries as a carrier only. */
const CARRIED = 'library/carried';
/** Longer than anything here takes: a place that is never reached must show as such. */
const REACH_MS = 30_000;

const publishing: Visit = (crash, place, round) =>
  crash.killAt('library', place, 1 + (round % 3), () => crash.publish(3));
const taking: Visit = (crash, place, round) =>
  crash.killAt('platform', place, 1 + (round % 3), () => crash.publish(3));
const writing: Visit = (crash, place, round) =>
  crash.killAt('odcm', place, 1 + (round % 3), () => crash.createFeed());
const enrolling: Visit = (crash, place) => crash.killAt('odcm', place, 1, () => crash.join());
const scrubbing: Visit = (crash, place, round) =>
  crash.killAt('platform', place, 1 + (round % 3), () => crash.scrub());
const mending: Visit = async (crash, place) => {
  await crash.damage();
  await crash.killAt('platform', place, 1, () => crash.scrub());
};
const dropping: Visit = async (crash, place, round) => {
  await crash.carry(() => false);
  await crash.killAt('platform', place, 1 + (round % 3), (isOver) => crash.dropAndCarry(isOver));
  await crash.expectDropped();
};
/** First the node key, then the exchange key. */
const rotating: Visit = (crash, place, round) =>
  crash.killAt('library', place, 1 + (round % 2), () => crash.rotate());

const VISITS: Readonly<Record<Place, Visit>> = {
  'publish.before-blocks': publishing,
  'publish.before-sync': publishing,
  'publish.after-sync': publishing,
  'publish.before-release': publishing,
  'intake.before-write': taking,
  'intake.after-write': taking,
  'directory.before-date': writing,
  'directory.after-date': writing,
  'carry.before-erase': dropping,
  'rotate.before-switch': rotating,
  'rotate.after-switch': rotating,
  'mend.before-write': mending,
  'mend.after-write': mending,
  'scrub.before-mark': scrubbing,
  // Last: each leaves a space that never starts, and such a one may be chosen as the carrier in place of platform.
  'enrol.before-append': enrolling,
  'enrol.after-append': enrolling,
};

/** The places at which {@link CrashMesh.visit} kills. */
export const MESH_PLACES = Object.keys(VISITS) as Place[];

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
    const body = { context: 'targets', to: 'all' as const };
    await this.mesh.ask('library', 'createFeed', { body: { ...body, name: 'stock' } });
    await this.mesh.subscribe('platform', { feed: FEED });
    await this.publish(5);
    const carried = { ...body, name: 'carried', carriers: 0 };
    await this.mesh.ask('library', 'createFeed', { body: carried });
    const drafts = Array.from({ length: 5 }, (_, i) => ({ item: `${i}`, payload: { i } }));
    const query = { feed: 'carried' };
    await this.mesh.ask('library', 'publishEvents', { query, body: { drafts } as never });
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
  async killAt(
    name: string,
    place: Crashpoint,
    count: number,
    drive: (isOver: () => boolean) => Promise<void>,
  ): Promise<void> {
    await this.mesh.stop(name);
    const options = crashingAt(place, count);
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
          await drive(() => isOver);
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

  async visit(place: Place, round: number): Promise<void> {
    await VISITS[place](this, place, round);
    await this.#expectWhole();
  }

  /** One value of the log is damaged while the node is stopped: what it does next is to mend it. */
  async damage(): Promise<void> {
    await this.mesh.stop('platform');
    const folder = `${this.mesh.home('platform')}/store/log`;
    const keys = await keysOf(folder, 's');
    await flipValues(folder, [keys.at(-1)!]);
  }

  async createFeed(): Promise<void> {
    const name = `feed-${this.#count++}`;
    await this.mesh.ask('library', 'createFeed', { body: { name, context: 'users', to: 'all' } });
  }

  async join(): Promise<void> {
    await this.mesh.enlist(`late-${this.#count++}`);
  }

  async scrub(): Promise<void> {
    await this.mesh.ask('platform', 'startScrub');
  }

  async rotate(): Promise<void> {
    await this.mesh.ask('library', 'rotateKeys');
  }

  async #wantCarriers(carriers: number): Promise<void> {
    await this.mesh.ask('library', 'feedPolicy', {
      query: { feed: 'carried' },
      body: { carriers },
    });
  }

  /** Platform has a copy of all of the feed that it does not take. */
  async carry(isOver: () => boolean): Promise<void> {
    await this.#wantCarriers(1);
    await until('platform has a copy', async () => {
      if (isOver()) return true;
      const [own, theirs] = [
        await this.mesh.feed('library', CARRIED),
        await this.mesh.feed('platform', CARRIED),
      ];
      return theirs?.carrying?.state === 'complete' && theirs.root === own?.root;
    });
  }

  async #drop(isOver: () => boolean): Promise<void> {
    await this.#wantCarriers(0);
    await until('platform has no copy', async () => {
      if (isOver()) return true;
      return (await this.mesh.feed('platform', CARRIED))?.held === 0;
    });
  }

  async dropAndCarry(isOver: () => boolean): Promise<void> {
    await this.#drop(isOver);
    if (!isOver()) await this.carry(isOver);
  }

  /** What was begun before the kill is done after it, and the feed is whole again when it is wanted again. */
  async expectDropped(): Promise<void> {
    await this.#drop(() => false);
    await this.carry(() => false);
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
