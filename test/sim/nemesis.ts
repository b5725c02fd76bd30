// One random enemy for each seed: it picks a mesh, a part of everything that can go wrong, and does that for a while. Then
// all is mended, and the mesh must become level with nothing wrong, now or in anything that was seen before.

import { differences, faults } from './checks.ts';
import { askFor, TWISTS, turn } from './hostile.ts';
import type { SimNode } from './node.ts';
import { ACTS, type Act, BACK_MS, calm, type Sown, storm, type Weighed } from './storm.ts';
import type { Dice } from './time.ts';
import { Witness } from './witness.ts';
import { World } from './world.ts';

export interface Verdict {
  readonly seed: number;
  /** Nothing, in a sound mesh. */
  readonly wrong: readonly string[];
  readonly fingerprint: string;
  readonly acknowledged: number;
  /** Virtual time between the last repair and a level mesh. */
  readonly levelAfterMs: number | undefined;
  /** The last lines that nodes wrote, for whoever looks for the cause. */
  readonly lines: readonly string[];
}

const MAX_LINES = 60;
const NAMES = ['library', 'platform', 'payments', 'shipping', 'identity'];
const STORM_MS: readonly [number, number] = [8_000, 24_000];
/** After this, connections are up again, and everybody has asked everybody for what is new. */
const HEALED_MS = 150_000;

const later = (world: World, dice: Dice, undo: () => void): void => {
  world.time.setTimeout(undo, dice.between(BACK_MS));
};

const anyNode = (world: World, dice: Dice): SimNode => dice.pick([...world.nodes.values()])!;

const stall: Act = (world, _, dice) => {
  const node = anyNode(world, dice);
  if (!node.isRunning) return;
  world.network.record(`stall ${node.name}`);
  node.stall(1_000 + dice.below(12_000));
};

/** Wrong by up to minutes, forwards or back; the directory stays within its limits. */
const jumpClock: Act = (world, _, dice) => {
  const node = anyNode(world, dice);
  const jumpMs = Math.floor(dice.between([-1, 1]) * dice.pick([1_000, 30_000, 240_000])!);
  world.network.record(`clock ${node.name} ${jumpMs}`);
  node.clockOffsetMs += jumpMs;
};

export const looseCable: Act = (world, _, dice) => {
  const node = anyNode(world, dice);
  const disk = dice.pick(Object.values(node.disks))!;
  world.network.record(`rot ${node.name}`);
  disk.rotten = dice.pick([0.01, 0.1, 0.5])!;
  later(world, dice, () => {
    disk.rotten = 0;
  });
};

export const failingDisk: Act = (world, _, dice) => {
  const node = anyNode(world, dice);
  const disk = dice.pick(Object.values(node.disks))!;
  world.network.record(`eio ${node.name}`);
  disk.failing = dice.pick([0.01, 0.1, 0.5])!;
  later(world, dice, () => {
    disk.failing = 0;
  });
};

/** Somebody asks somebody for all of a feed, granted or not. */
const beg: Act = (world, sown, dice) => {
  const [asker, asked] = [anyNode(world, dice), anyNode(world, dice)];
  if (asker === asked || !asker.isRunning || !asked.isRunning) return;
  const { feed } = dice.pick(sown)!;
  void askFor(world, { asker: asker.name, asked: asked.name, feed }).catch(() => {});
};

/** A space that publishes nothing is shut out for ever. */
const revoke: Act = (world, sown, dice) => {
  const node = dice.pick(world.spaces)!;
  const isPublisher = sown.some(({ publisher }) => publisher === node.name);
  if (isPublisher || !world.odcm.isRunning || world.revoked.size > 0) return;
  world.network.record(`revoke ${node.name}`);
  world.revoked.add(node.name);
  const own = world.odcm.home.config.space;
  void world.odcm.desk.trust.revoke(node.name, 'as simulated', own).catch(() => {});
};

/** An order may have been cut short, or done and not answered: the directory says which. */
function seeRevoked(world: World): void {
  world.revoked.clear();
  for (const { name, revoked } of world.odcm.mesh.directory.state.spaces.values())
    if (revoked) world.revoked.add(name);
}

const MORE_ACTS: readonly Weighed[] = [
  [1, beg],
  [0.2, revoke],
  [1, stall],
  [1, jumpClock],
  [1, looseCable],
  [1, failingDisk],
];

/** Publishing goes on under every enemy; of the rest each has its own part, so that rare pairs of faults meet. */
function actsOf(dice: Dice): Weighed[] {
  const [publish, ...others] = [...ACTS, ...MORE_ACTS];
  const share = dice.pick([0.3, 0.6, 1])!;
  return [publish!, ...others.filter(() => dice.chance(share))];
}

async function sow(world: World, dice: Dice, names: readonly string[]): Promise<Sown[]> {
  const sown: Sown[] = [];
  const count = 1 + dice.below(3);
  for (let i = 0; i < count; i++) {
    const publisher = dice.pick(names)!;
    const others = names.filter((name) => name !== publisher);
    const to = dice.chance(0.5) ? 'all' : [dice.pick(others)!];
    const feed = await world.createFeed(publisher, `variables/set-${i}`, to);
    sown.push({ publisher, feed, items: 1 + dice.below(20) });
  }
  return sown;
}

/**
 * The whole history of one seed. The same seed has the same, to the byte.
 * @param only what happens, where that is not left to the seed
 */
export async function runSeed(seed: number, only?: readonly Weighed[]): Promise<Verdict> {
  const world = await World.create({ seed, spaces: NAMES.slice(0, 2 + (seed % 4)) });
  const { wrong, levelAfterMs } = await suffer(world, only).catch((error: unknown) => ({
    wrong: [...world.wrongs, `it throws ${error instanceof Error ? error.stack : String(error)}`],
    levelAfterMs: undefined,
  }));
  return {
    ...{ seed, wrong: [...new Set(wrong)], levelAfterMs },
    ...{ fingerprint: world.network.fingerprint(), acknowledged: world.acknowledged.length },
    lines: wrong.length > 0 ? world.lines.slice(-MAX_LINES) : [],
  };
}

async function suffer(world: World, only?: readonly Weighed[]): Promise<Judgement> {
  const dice = world.dice.fork();
  const names = world.spaces.map(({ name }) => name);
  const sown = await sow(world, dice, names);
  const liar = names.find((name) => sown.every(({ publisher }) => publisher !== name));
  if (!only && liar !== undefined && dice.chance(0.2)) {
    turn(world, liar, dice.pick(Object.keys(TWISTS))!);
    await world.time.during(world.node(liar).crash('killed'));
    await world.time.during(world.node(liar).start());
  }
  const witness = new Witness(world);
  const acts = only ?? actsOf(dice);
  await storm(world, sown, dice.between(STORM_MS), { acts, look: () => witness.look() });
  await calm(world);
  return judge(world, witness);
}

type Judgement = Pick<Verdict, 'wrong' | 'levelAfterMs'>;

async function judge(world: World, witness: Witness): Promise<Judgement> {
  let left: string[] = [];
  const levelAfterMs = await world.time.until(async () => {
    // An order may be carried out only now.
    if (world.odcm.isRunning) seeRevoked(world);
    left = world.wrongs.length > 0 ? [...world.wrongs] : await differences(world);
    return left.length === 0 || world.wrongs.length > 0;
  }, HEALED_MS);
  if (left.length > 0) return { wrong: left, levelAfterMs };
  const wrong = [
    ...(await world.time.during(faults(world))),
    ...(await world.time.during(witness.verdict())),
  ];
  return { wrong, levelAfterMs };
}

/** What is said of a seed that failed, and how to see it again. */
export const explain = ({ seed, wrong, lines }: Verdict): string =>
  [
    `seed ${seed} fails; again: npm run sim -- --seed ${seed}`,
    ...wrong.slice(0, 12).map((line) => `  ${line}`),
    'last lines of the nodes:',
    ...lines.slice(-Number(process.env['ODCM_LINES'] ?? 12)).map((line) => `  ${line}`),
  ].join('\n');
