// Everything that can happen to a mesh, at random and all at once: publishing, subscribing, grants, bad lines, crashes,
// full disks. Then calm.

import type { Draft } from '../../node/feed/batch.ts';
import { putSealedContent } from '../../node/feed/seal-content.ts';
import { asMeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import type { SimNode } from './node.ts';
import type { Dice } from './time.ts';
import { canary, type World } from './world.ts';

export interface Sown {
  readonly publisher: string;
  readonly feed: FeedId;
  /** Items of a feed: few, so that versions follow each other. */
  readonly items: number;
}

export type Act = (world: World, sown: readonly Sown[], dice: Dice) => void | Promise<void>;
/** An act and how often it happens beside the others. */
export type Weighed = readonly [number, Act];

/** What fails comes back after this long. */
export const BACK_MS: readonly [number, number] = [500, 25_000];
const STEP_MS: readonly [number, number] = [20, 1_500];

function someDrafts(feed: FeedId, items: number, dice: Dice): Draft[] {
  const count = dice.pick([1, 1, 1, 1, 1, 2, 2, 5, 5, 20, 20, 300])!;
  const fill = dice.pick([0, 0, 100, 2_000])!;
  // Above what lies beside its entry: a block of its own.
  const size = dice.chance(0.1) && count < 5 ? 20_000 : fill;
  return Array.from({ length: count }, () => {
    const item = `item ${dice.below(items)}`;
    const payload = { of: canary(feed), nonce: dice.below(2 ** 32), fill: 'x'.repeat(size) };
    return { item, body: { payload } };
  });
}

export const publish: Act = (world, sown, dice) => {
  const one = dice.pick(sown)!;
  const node = world.node(one.publisher);
  if (node.isRunning) void world.publish(node, one.feed, someDrafts(one.feed, one.items, dice));
};

export const withdraw: Act = (world, sown, dice) => {
  const one = dice.pick(sown)!;
  const node = world.node(one.publisher);
  const item = `item ${dice.below(one.items)}`;
  if (node.isRunning) void world.publish(node, one.feed, [{ item, body: null }]);
};

export const publishFile: Act = (world, sown, dice) => {
  const one = dice.pick(sown)!;
  const node = world.node(one.publisher);
  if (!node.isRunning) return;
  const text = JSON.stringify({
    of: canary(one.feed),
    nonce: dice.below(2 ** 32),
    fill: 'y'.repeat(70_000 + dice.below(150_000)),
  });
  const chunks = async function* () {
    yield Buffer.from(text);
  };
  void node.mesh.feeds
    .open(one.feed)
    .then(({ sealing }) =>
      sealing
        ? putSealedContent(
            ...([node.mesh.blocks, chunks(), sealing.sealer.ring.scope] as const),
            Buffer.from(dice.bytes(32)),
          )
        : node.mesh.blocks.putContent(chunks()),
    )
    .then((stored) => {
      const body = { ...stored, mediaType: 'application/json' };
      return world.publish(node, one.feed, [{ item: `file ${dice.below(3)}`, body }]);
    })
    .catch(() => {});
};

const subscribe: Act = (world, sown, dice) => {
  const node = dice.pick(world.spaces)!;
  const { feed } = dice.pick(sown)!;
  if (!node.isRunning) return;
  const how = dice.pick(['gossip', 'gossip', 'poll'] as const)!;
  const everyMs = how === 'poll' ? 2_000 + dice.below(8_000) : null;
  void node.mesh.intent.subscribe({ feed, mode: 'auto', via: how, everyMs }).catch(() => {});
};

const order =
  (what: 'grant' | 'ungrant'): Act =>
  async (world, sown, dice) => {
    const { feed, publisher } = dice.pick(sown)!;
    const node = dice.pick(world.spaces)!;
    if (!world.odcm.isRunning || node.name === publisher) return;
    // The order itself may be cut short; what was granted was possible from this moment on.
    const { trust } = world.odcm.desk;
    const row = world.odcm.mesh.directory.state.feeds.get(feed)!;
    if (what === 'grant') world.everGranted.add(`${node.name} ${feed}`);
    const named = { subscriber: node.name, publisher, feed: row.name };
    void trust[what](named).catch(() => {});
  };

const partition: Act = (world, _, dice) => {
  const groups: [string[], string[]] = [[], []];
  for (const { line } of world.nodes.values()) groups[dice.below(2)]!.push(line);
  world.network.partition(groups);
};

const cutOneWay: Act = (world, _, dice) => {
  const lines = [...world.nodes.values()].map(({ line }) => line);
  world.network.cut(dice.pick(lines)!, dice.pick(lines)!);
};

const slowDown: Act = (world, _, dice) => {
  world.network.slow(dice.pick([...world.nodes.values()])!.line, 20 + dice.below(500));
};

const badWeather: Act = (world, _, dice) => {
  world.network.weather = {
    delayMs: [1, dice.pick([20, 200, 1_500])!],
    loss: dice.pick([0, 0.1, 0.3, 0.7])!,
    duplicates: dice.pick([0, 0.2])!,
  };
};

const mend: Act = (world) => world.network.heal();

/** What it says of its disks was the fault of the disks. */
const takeFault = (node: SimNode): boolean =>
  Object.values(node.disks).filter((disk) => disk.takeFault()).length > 0;

/** Comes back by itself; what prevents it is a fault. */
function startLater(world: World, node: SimNode, delayMs: number): void {
  world.time.setTimeout(() => {
    node.start().catch((error: unknown) => {
      const { code, message } = asMeshError(error);
      // From a full or failing disk a node may refuse to start; it is tried again, as a service is.
      const isOfDisk = code === 'DISK_FULL' || (code === 'STORE_DAMAGED' && takeFault(node));
      if (isOfDisk) startLater(world, node, 5_000);
      else world.wrongs.push(`${node.name} does not start again: ${code} ${message}`);
    });
  }, delayMs);
}

export const crash =
  (how: 'killed' | 'power'): Act =>
  async (world, _, dice) => {
    const node = dice.pick([...world.nodes.values()])!;
    if (!node.isRunning) return;
    world.network.record(`${how} ${node.name}`);
    await world.time.during(node.crash(how));
    startLater(world, node, dice.between(BACK_MS));
  };

const stop: Act = (world, _, dice) => {
  const node = dice.pick([...world.nodes.values()])!;
  if (!node.isRunning) return;
  world.network.record(`stop ${node.name}`);
  void node.stop().catch((error: unknown) => world.wrongs.push(`${node.name} ${String(error)}`));
  startLater(world, node, dice.between(BACK_MS));
};

const fillDisk: Act = (world, _, dice) => {
  const node = dice.pick([...world.nodes.values()])!;
  world.network.record(`full ${node.name}`);
  node.fill(true);
  world.time.setTimeout(() => node.fill(false), dice.between(BACK_MS));
};

export const ACTS: readonly Weighed[] = [
  [14, publish],
  [1, withdraw],
  [1, publishFile],
  [4, subscribe],
  [1, order('grant')],
  [1, order('ungrant')],
  [1, partition],
  [1, cutOneWay],
  [1, slowDown],
  [1, badWeather],
  [2, mend],
  [1.5, crash('killed')],
  [1.5, crash('power')],
  [0.7, stop],
  [0.7, fillDisk],
];

export async function storm(
  world: World,
  sown: readonly Sown[],
  durationMs: number,
  { acts = ACTS, look }: { acts?: readonly Weighed[]; look?: () => void } = {},
): Promise<void> {
  const dice = world.dice.fork();
  const total = acts.reduce((sum, [weight]) => sum + weight, 0);
  const endMs = world.time.nowMs() + durationMs;
  while (world.time.nowMs() < endMs) {
    let at = dice.fraction() * total;
    const [, act] = acts.find(([weight]) => {
      at -= weight;
      return at < 0;
    })!;
    await act(world, sown, dice);
    look?.();
    await world.time.advance(dice.between(STEP_MS));
  }
}

/** Good lines, space on the disks, everybody up. */
export async function calm(world: World): Promise<void> {
  world.network.heal();
  for (const node of world.nodes.values()) node.mend();
  // Those that went down come back by themselves.
  await world.time.until(
    () => world.wrongs.length > 0 || [...world.nodes.values()].every((node) => node.isRunning),
    60_000,
  );
}
