// Members that break the rules: they have a key and a place in the directory, and answer and pass on what they like.

import type { FrameChannel } from '../../node/net/frames.ts';
import { SyncClient } from '../../node/net/sync-client.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { type FeedId, uuidBytes } from '../../protocols/ids.ts';
import { type Answer, decodeAnswer, encodeAnswer, syncProtocol } from '../../protocols/sync.ts';
import type { SimHost } from './host.ts';
import type { Dice } from './time.ts';
import type { World } from './world.ts';

/** What becomes of an answer; nothing when it is kept back. */
type Twist = (answer: Answer, dice: Dice) => Answer | Uint8Array | undefined;

function flipped(bytes: Uint8Array, dice: Dice): Buffer {
  const out = Buffer.from(bytes);
  if (out.length > 0) out[dice.below(out.length)]! ^= 1 << dice.below(8);
  return out;
}

/** The first head of each log is given for ever. */
function oldHeads(): Twist {
  const first = new Map<string, Answer & { type: 'heads' }>();
  return (answer) => {
    if (answer.type !== 'heads') return answer;
    const name = answer.heads.map((head) => head.log.toString('hex')).join();
    if (!first.has(name)) first.set(name, answer);
    return first.get(name);
  };
}

export const TWISTS: Readonly<Record<string, () => Twist>> = {
  'changes entries': () => (answer, dice) =>
    answer.type === 'segment' ? { ...answer, bytes: flipped(answer.bytes, dice) } : answer,
  'changes tree hashes': () => (answer, dice) =>
    answer.type === 'hashes' ? { ...answer, hashes: flipped(answer.hashes, dice) } : answer,
  'changes blocks': () => (answer, dice) =>
    answer.type === 'block' && answer.bytes
      ? { ...answer, bytes: flipped(answer.bytes, dice) }
      : answer,
  'changes heads': () => (answer, dice) =>
    answer.type === 'heads'
      ? {
          ...answer,
          heads: answer.heads.map((head) => ({ ...head, note: flipped(head.note, dice) })),
        }
      : answer,
  'keeps entries back': () => (answer) => (answer.type === 'segment' ? undefined : answer),
  'keeps blocks back': () => (answer) =>
    answer.type === 'block' ? { ...answer, bytes: null } : answer,
  'gives every entry twice': () => (answer) =>
    answer.type === 'segment'
      ? Buffer.concat([...encodeAnswer(answer), ...encodeAnswer(answer)])
      : answer,
  'never answers': () => () => undefined,
  'answers with noise': () => (_, dice) => dice.bytes(1 + dice.below(200)),
  'gives old heads': oldHeads,
};

function twisted(channel: FrameChannel, twist: Twist, dice: Dice): FrameChannel {
  return {
    get error() {
      return channel.error;
    },
    get heldBytes() {
      return channel.heldBytes;
    },
    send: async (frame, options) => {
      const parts = frame instanceof Uint8Array ? [frame] : frame;
      const answer = twist(decodeAnswer(Buffer.concat(parts)), dice);
      if (answer === undefined) return;
      await channel.send(answer instanceof Uint8Array ? answer : encodeAnswer(answer), options);
    },
    read: (options) => channel.read(options),
    close: (options) => channel.close(options),
    abort: (error) => channel.abort(error),
  };
}

/** From its next start on the node is hostile in this way, and forges or drops what it should pass on. */
export function turn(world: World, name: string, how: string): void {
  world.hostile.add(name);
  const dice = world.dice.fork();
  const twist = TWISTS[how]!();
  world.node(name).prepare = (host: SimHost) => {
    host.wrapServed = (channel) => twisted(channel, twist, dice);
    host.gossip.relay = (_, data) => (dice.chance(0.5) ? flipped(data, dice) : undefined);
  };
}

/** Asks a peer for everything of a feed, in each way there is; the codes of its refusals, or `given`. */
export async function askFor(
  world: World,
  { asker, asked, feed }: { asker: string; asked: string; feed: FeedId },
): Promise<string[]> {
  const { mesh, process, home } = world.node(asker);
  const protocol = syncProtocol(home.config.mesh);
  const log = uuidBytes(feed);
  const hash = Buffer.alloc(32);
  const ways: ((client: SyncClient) => Promise<unknown>)[] = [
    (client) => client.hashes(log, 0, 0, 1),
    (client) => client.entries(log, 0, 1).next(),
    (client) => client.blocks(log, [{ codec: 0x55, hash }]),
    async (client) => {
      if ((await client.heads([log])).length === 0) throw new MeshError('NO_GRANT', 'no head');
    },
  ];
  const codes: string[] = [];
  for (const way of ways) {
    const channel = await mesh.host.open(world.node(asked).peerId, protocol);
    const client = new SyncClient(channel, undefined, process.timers);
    codes.push(
      await way(client)
        .then(() => 'given')
        .catch((error: unknown) => asMeshError(error).code),
    );
    await client.close();
  }
  return codes;
}
