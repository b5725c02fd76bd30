// A publisher's key is stolen: the directory names the last entries that were good, and nothing behind them counts, whoever
// signs it, before or after a restart.

import { signerOf } from '../../../node/rotate/own-keys.ts';
import { decodeNote, signCheckpointBy } from '../../../protocols/checkpoint.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import type { FeedId } from '../../../protocols/ids.ts';
import { canary, World } from '../../sim/world.ts';
import type { Row } from '../row.ts';
import { seedsFrom } from '../trust/scene.ts';

const SPACES = ['library', 'platform', 'payments'];
const READERS = ['platform', 'payments'];

interface CutOff {
  readonly judged: number;
  readonly wrong: readonly string[];
}

async function cutOff(seed: number): Promise<CutOff> {
  const world = await World.create({ seed, spaces: SPACES });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of READERS) await world.subscribe(name, feed);
  const library = world.node('library');
  const [held, good] = [5 + world.dice.below(5), 1 + world.dice.below(4)];
  for (let i = 0; i < held; i++) {
    const drafts = [{ item: `item-${i}`, body: { payload: canary(feed) } }];
    await world.time.during(world.publish(library, feed, drafts));
  }
  await world.time.advance(20_000);
  const stolen = await library.home.nodeKey();
  const { desk, home } = world.odcm;
  const lastGood = { 'variables/base': good };
  world.revoked.add('library');
  const shutOut = desk.trust.revoke('library', 'its key was stolen', home.config.space, lastGood);
  await world.time.during(shutOut);
  await world.time.advance(20_000);
  await world.time.during(world.node('payments').stop());
  await world.time.during(world.node('payments').start());
  await world.time.advance(20_000);
  const found = { judged: 0, wrong: [] as string[] };
  for (const name of READERS) await look(world, name, { feed, good, held, stolen }, found);
  return found;
}

async function look(
  world: World,
  name: string,
  stake: { feed: FeedId; good: number; held: number; stolen: Parameters<typeof signerOf>[1] },
  found: { judged: number; wrong: string[] },
): Promise<void> {
  const { feeds } = world.node(name).mesh;
  const open = await feeds.open(stake.feed);
  const items: string[] = [];
  for await (const item of open.view.list({})) items.push(item.name);
  if (items.length !== stake.good) found.wrong.push(`${name} shows ${items.length} items`);
  const signers = [signerOf(open.origin, stake.stolen)];
  const notes = Array.from({ length: stake.held + 3 }, (_, size) => {
    const root = size === open.log.size ? open.log.root() : Buffer.alloc(32, size + 1);
    return signCheckpointBy({ origin: open.origin, size, root }, signers);
  });
  for (const note of notes) {
    const { size } = decodeNote(note).checkpoint;
    if (size <= stake.good) continue;
    found.judged++;
    const code = await world.time.during(
      feeds.acceptHead(open, note).then(
        () => 'taken',
        (error: unknown) => asMeshError(error).code,
      ),
    );
    if (code !== 'REVOKED') found.wrong.push(`${name}: a head of ${size} is ${code}`);
  }
}

export const rows: readonly Row[] = [
  {
    id: 'L08',
    what: 'a stolen key is cut off at its last good entry; the thief signs heads of every size behind it',
    how: 'simulated',
    expected: 'exactly the good entries count, 0 heads behind them taken, also after a restart',
    run: async ({ seeds, isLong }) => {
      let judged = 0;
      const wrong: string[] = [];
      for (const seed of seedsFrom(5_700, isLong ? Math.min(seeds, 100) : 1)) {
        const one = await cutOff(seed);
        judged += one.judged;
        wrong.push(...one.wrong);
      }
      const measured = `${wrong.length} of ${judged} judged otherwise ${wrong[0] ?? ''}`.trim();
      return { measured, pass: wrong.length === 0 && judged > 0 };
    },
  },
];
