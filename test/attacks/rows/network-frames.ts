import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../../../node/net/host.ts';
import { type Carrier, serveSync } from '../../../node/net/sync-server.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { DIRECTORY_LOG, encodeRequest, type Request } from '../../../protocols/sync.ts';
import { Seeded } from '../../vectors/wire.ts';
import { mutant } from '../fuzz/mutate.ts';
import { SampleHeads } from '../net/heads.ts';
import { connect, SYNC, startHost, withHosts } from '../net/pair.ts';
import type { Outcome, Row, Size } from '../row.ts';

const WITHIN_MS = 5_000;
const BATCH = 50;
const hash = Buffer.alloc(32, 1);
const REQUESTS: readonly Request[] = [
  { type: 'heads', logs: [DIRECTORY_LOG, Buffer.alloc(16, 1)] },
  { type: 'hashes', log: DIRECTORY_LOG, level: 1, from: 0, to: 10 },
  { type: 'entries', log: DIRECTORY_LOG, from: 0, to: 3 },
  { type: 'blocks', log: Buffer.alloc(16, 1), cids: [{ codec: 0x55, hash }] },
  { type: 'petition', bytes: Buffer.from('a wish') },
  { type: 'consistency', log: DIRECTORY_LOG, first: 1, second: 3 },
];

const carrier = {
  carriedLog: async () => {
    throw new MeshError('FEED_UNKNOWN', 'there is no log here');
  },
  carriedHeads: async () => [],
  carriedBlock: async () => undefined,
  petition: async () => 'done',
} as unknown as Carrier;

/** An honest question that is answered. */
async function isServed(honest: Host, target: Host): Promise<boolean> {
  const channel = await honest.open(target.peerId, SYNC);
  const signal = AbortSignal.timeout(WITHIN_MS);
  await channel.send(encodeRequest({ type: 'heads', logs: [DIRECTORY_LOG] }), { signal });
  const said = await channel.read({ signal });
  await channel.close({ signal });
  return said !== undefined;
}

/** Frames of the sync protocol, so many on each stream; a stream may die of any of them. */
async function throwFrames(liar: Host, target: Host, dice: Seeded, count: number): Promise<void> {
  const corpus = REQUESTS.map((request) => Buffer.from(encodeRequest(request)));
  for (let done = 0; done < count; done += BATCH) {
    const channel = await liar.open(target.peerId, SYNC);
    try {
      for (let i = 0; i < BATCH; i++) {
        const frame = mutant(corpus, dice);
        if (frame.length === 0) continue;
        await channel.send(frame.subarray(0, LIMITS.frameBytes));
        // Whoever reads nothing is given up for another reason.
        while (channel.heldBytes > 0) await channel.read();
      }
      await channel.close();
    } catch {
      // It ended at one of the frames.
    }
    channel.abort(new Error('enough'));
  }
}

interface Outbound {
  readonly streamsOutbound: ReadonlyMap<string, { push(bytes: Uint8Array): void }>;
}

/** Frames of gossip; of each connection one, because the first bad one ends it. */
async function throwGossip(
  liar: Host,
  target: Host,
  frame: Buffer,
  letIn: () => void,
): Promise<void> {
  letIn();
  const { streamsOutbound } = liar.gossip as unknown as Outbound;
  for (let wait = 0; wait < 500 && !streamsOutbound.has(target.peerId); wait++) {
    if (!liar.isConnected(target.peerId)) await connect(liar, target).catch(() => {});
    await sleep(5);
  }
  try {
    streamsOutbound.get(target.peerId)?.push(frame);
  } catch {
    // It ends just now.
  }
}

async function attack({ mutations, isLong }: Size): Promise<Outcome> {
  const sample = new SampleHeads(3);
  let nowMs = Date.now();
  const clock = { nowMs: () => nowMs };
  const letIn = (): void => {
    nowMs += 2 * LIMITS.outcastMaxMs;
  };
  const starts = [startHost(sample, 0, { clock }), startHost(sample, 1), startHost(sample, 2)];
  let crashes = 0;
  let died = 0;
  const onCrash = (): void => void crashes++;
  process.on('uncaughtExceptionMonitor', onCrash);
  try {
    return await withHosts(starts, async (...[target, liar, honest]) => {
      await target!.serve(SYNC, (channel, peerId) =>
        serveSync(channel, peerId, carrier).catch((error: unknown) => {
          died++;
          throw error;
        }),
      );
      sample.listen(target!);
      for (const host of [liar!, honest!]) {
        host.gossip.subscribe(target!.gossip.getTopics()[0]!);
        await connect(host, target!);
      }
      const dice = new Seeded(isLong ? Date.now() >>> 0 : 0x0f04);
      await throwFrames(liar!, target!, dice, mutations);
      const corpus = [1, 2, 3].map((size) => rpcOf(sample.announcement(1, size)));
      const count = Math.ceil(mutations / 100);
      for (let i = 0; i < count; i++)
        await throwGossip(liar!, target!, mutant(corpus, dice), letIn);
      letIn();
      const served = await isServed(honest!, target!);
      const isHere = honest!.isConnected(target!.peerId);
      return {
        measured: `${mutations} frames ended ${died} streams, ${count} of gossip; honest served: ${served}`,
        pass: served && isHere && crashes === 0 && died > 0,
      };
    });
  } finally {
    process.off('uncaughtExceptionMonitor', onCrash);
  }
}

/** A frame of gossip with one message, without a topic that anybody knows: the message is a part like any other. */
function rpcOf(data: Buffer): Buffer {
  const message = Buffer.concat([
    Buffer.from([0x12, 0x80 | (data.length & 0x7f), data.length >> 7]),
    data,
  ]);
  const size = message.length;
  return Buffer.concat([Buffer.from([0x12, 0x80 | (size & 0x7f), size >> 7]), message]);
}

export const rows: readonly Row[] = [
  {
    id: 'F04',
    what: 'changed frames of sync and gossip on real connections',
    how: 'fuzz',
    expected: 'their stream or connection ends, an honest peer is served',
    run: attack,
  },
];
