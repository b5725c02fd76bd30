// A process that attacks a host on this machine: sockets that say nothing, identities that nobody knows, members that forge.

import { generateKeyPairSync } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { createBareHost } from '../../../node/net/bare-host.ts';
import { createHost, type Host } from '../../../node/net/host.ts';
import { directoryTopic } from '../../../protocols/gossip.ts';
import { serveCommands } from '../../bench/child.ts';
import { HEADS_TOPIC, MESH, SampleHeads } from './heads.ts';

export interface Target {
  readonly peerId: string;
  readonly address: string;
}

export interface IdleOrder extends Target {
  readonly perSecond: number;
  /** Loopback addresses to come from, one after the other. */
  readonly from: readonly string[];
}

export interface ForgeOrder extends Target {
  readonly spaces: number;
  /** Members that forge, by number. */
  readonly selves: readonly number[];
  readonly what: 'forged' | 'true' | 'oversized' | 'topics' | 'noise';
  /** Messages of each for each time that it is let in. */
  readonly each: number;
}

// Who attacks has a machine of its own: here it gets what those who are attacked leave of the cores, which is most of them.
setPriority(constants.priority.PRIORITY_LOW);

const everybody = { isMember: () => true, isMemberHost: () => true };
const portOf = (address: string): number => Number(address.split('/').at(-1));

let isStopped = false;
const sockets = new Set<Socket>();
const running: Promise<unknown>[] = [];
let made = 0;

async function idle({ address, perSecond, from }: IdleOrder): Promise<void> {
  for (let n = 0; !isStopped; n++) {
    const localAddress = from[n % from.length]!;
    const socket = createConnection({ host: '127.0.0.1', port: portOf(address), localAddress });
    sockets.add(socket);
    made++;
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
  }
}

async function bogus({ peerId, address }: Target, count: number): Promise<void> {
  for (let n = 0; n < count && !isStopped; n++) {
    const stranger = await createBareHost({});
    try {
      await stranger.start();
      await stranger.open(peerId, [address], '/odcm/test/echo');
    } catch {
      // As it should be.
    } finally {
      made++;
      await stranger.stop();
    }
  }
}

async function member(pem: string): Promise<Host> {
  const host = await createHost({
    ...{ privateKeyPem: pem, meshId: MESH, membership: everybody, listen: [] },
    topics: [{ name: HEADS_TOPIC }, { name: directoryTopic(MESH) }],
  });
  await host.start();
  host.gossip.subscribe(HEADS_TOPIC);
  return host;
}

interface Outbound {
  streamsOutbound: Map<string, { push(bytes: Uint8Array): void }>;
}

/** What is said, as frames of gossip, each made when it is its turn. */
function frameOf(what: ForgeOrder['what'], sample: SampleHeads, self: number, n: number) {
  if (what === 'noise') return Buffer.alloc(2_000, n);
  if (what === 'oversized') return Buffer.alloc(300_000, n);
  if (what === 'topics') return subscription(`/odcm/${MESH}/feeds/no-${self}-${n}/1`);
  const data =
    what === 'true' ? sample.announcement(self, 1000 + n) : sample.forged(self, 1000 + n);
  return rpc(data);
}

const field = (tag: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
const rpc = (data: Uint8Array): Buffer =>
  field(0x12, Buffer.concat([field(0x12, data), field(0x22, Buffer.from(HEADS_TOPIC))]));
const subscription = (topic: string): Buffer =>
  field(0x0a, Buffer.concat([Buffer.from([0x08, 1]), field(0x12, Buffer.from(topic))]));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}

async function forge({ peerId, address, spaces, selves, what, each }: ForgeOrder): Promise<void> {
  const sample = new SampleHeads(spaces);
  const one = async (self: number): Promise<void> => {
    const host = await member(sample.spaces[self]!.pem);
    const outbound = host.gossip as unknown as Outbound;
    let n = 0;
    while (!isStopped) {
      try {
        await host.dial(peerId, [address], AbortSignal.timeout(2_000));
        for (let wait = 0; wait < 200 && !outbound.streamsOutbound.has(peerId); wait++)
          await tick();
        const until = n + each;
        for (; n < until && !isStopped; n++) {
          const stream = outbound.streamsOutbound.get(peerId);
          if (!stream) break;
          stream.push(frameOf(what, sample, self, n));
          made++;
          if (n % 16 === 0) await tick();
        }
      } catch {
        // Shut out: it tries again and again.
      }
      await tick();
    }
    await host.stop();
  };
  await Promise.all(selves.map(one));
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

serveCommands({
  idle: (order: IdleOrder): void => void running.push(idle(order)),
  bogus: ({ atOnce, count, ...target }: Target & { atOnce: number; count: number }): void => {
    for (let i = 0; i < atOnce; i++) running.push(bogus(target, Math.ceil(count / atOnce)));
  },
  forge: (order: ForgeOrder): void => void running.push(forge(order)),
  made: (): number => made,
  /** Ends what goes on; when it resolves, nothing does any more. */
  async stop(): Promise<number> {
    isStopped = true;
    for (const socket of sockets) socket.destroy();
    await Promise.allSettled(running);
    return made;
  },
  /** Resolves when all that was ordered is done by itself. */
  async done(): Promise<number> {
    await Promise.allSettled(running);
    return made;
  },
  newKey: (): string =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
});
