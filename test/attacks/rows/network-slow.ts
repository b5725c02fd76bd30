import { setTimeout as sleep } from 'node:timers/promises';
import type { Timers } from '../../../node/clock.ts';
import { systemTimers } from '../../../node/clock.ts';
import { frameHeader } from '../../../node/net/frame-buffer.ts';
import type { FrameChannel } from '../../../node/net/frames.ts';
import type { Host } from '../../../node/net/host.ts';
import { type Carrier, serveSync } from '../../../node/net/sync-server.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { DIRECTORY_LOG, encodeRequest } from '../../../protocols/sync.ts';
import { SampleHeads } from '../net/heads.ts';
import { connect, SYNC, startHost, withHosts } from '../net/pair.ts';
import type { Outcome, Row, RunRow, Size } from '../row.ts';

/** A quick run is as much quicker: the patience of the side that answers is measured by timers it is given. */
const QUICKER = 20;
const RESET_MS = 10_000;

const LIVED = { everyMs: 10, countedMs: 25 };

/** Time in which this process ran: while it stood still, no timer could end a stream. */
function livedTime(): { nowMs(): number; stop(): void } {
  let [livedMs, lookMs] = [0, performance.now()];
  const look = (): void => {
    const nowMs = performance.now();
    livedMs += Math.min(nowMs - lookMs, LIVED.countedMs);
    lookMs = nowMs;
  };
  const timer = setInterval(look, LIVED.everyMs);
  return {
    nowMs: () => {
      look();
      return livedMs;
    },
    stop: () => clearInterval(timer),
  };
}

const quicker = (times: number): Timers => ({
  setTimeout: (run, delayMs) => systemTimers.setTimeout(run, delayMs / times),
  clearTimeout: (timer) => systemTimers.clearTimeout(timer),
});

/** A log that is larger than what may wait to be read. */
const carrier = {
  carriedLog: async () => ({
    size: 1 << 20,
    async *segments() {
      for (;;) yield Buffer.alloc(LIMITS.segmentBytes);
    },
  }),
  carriedHeads: async () => [],
} as unknown as Carrier;

interface RawStream {
  send(bytes: Uint8Array): boolean;
  pause(): void;
  readonly status: string;
}

const request = encodeRequest({ type: 'entries', log: DIRECTORY_LOG, from: 0, to: 1 << 20 });
const framed = Buffer.concat([frameHeader(request.length), request]);

interface Slow {
  readonly what: string;
  /** Goes on for as long as the stream is open. */
  readonly act: (stream: RawStream, secondMs: number) => Promise<void>;
}

const whileOpen = async (stream: RawStream, step: (n: number) => void, everyMs: number) => {
  for (let n = 0; stream.status === 'open'; n++) {
    step(n);
    await sleep(everyMs);
  }
};

const ATTACKS: readonly Slow[] = [
  {
    what: 'a request of a byte a second',
    act: (stream, secondMs) =>
      whileOpen(stream, (n) => stream.send(framed.subarray(n, n + 1)), secondMs),
  },
  {
    what: 'half a request, and then nothing',
    act: async (stream, secondMs) => {
      stream.send(framed.subarray(0, framed.length / 2));
      await whileOpen(stream, () => {}, secondMs / 10);
    },
  },
  {
    what: 'a request whose answer is never read',
    act: async (stream, secondMs) => {
      stream.pause();
      stream.send(framed);
      await whileOpen(stream, () => {}, secondMs / 10);
    },
  },
];

async function attack({ act }: Slow, { isLong }: Size): Promise<Outcome> {
  const sample = new SampleHeads(2);
  const times = isLong ? 1 : QUICKER;
  const lived = livedTime();
  const nowMs = isLong ? () => performance.now() : lived.nowMs;
  return withHosts([startHost(sample, 0), startHost(sample, 1)], async (target, slow) => {
    const open = new Set<FrameChannel>();
    const heldMs: number[] = [];
    const codes = new Set<string>();
    await target!.serve(SYNC, async (channel, peerId) => {
      open.add(channel);
      const startMs = nowMs();
      try {
        await serveSync(channel, peerId, carrier, quicker(times));
      } catch (error) {
        codes.add(asMeshError(error).code);
        throw error;
      } finally {
        open.delete(channel);
        heldMs.push((nowMs() - startMs) * times);
      }
    });
    await connect(slow!, target!);
    const all = Array.from({ length: LIMITS.syncStreamsPerPeer }, async () => {
      const stream = await openRaw(slow!, target!.peerId);
      await act(stream, 1000 / times).catch(() => {});
    });
    await Promise.all(all);
    for (let wait = 0; wait < 200 && open.size > 0; wait++) await sleep(10);
    const worstMs = Math.max(...heldMs);
    // The wait of a quick run is measured coarsely: its timers are that much shorter.
    const graceMs = isLong ? 500 : RESET_MS;
    const isFree = open.size === 0 && heldMs.length === LIMITS.syncStreamsPerPeer;
    const isForSlowness = codes.size === 1 && codes.has('TIMEOUT');
    return {
      measured: `${open.size} stuck, ${[...codes]} after ${(worstMs / 1000).toFixed(1)} s`,
      pass: isFree && isForSlowness && worstMs <= RESET_MS + graceMs,
    };
  }).finally(() => lived.stop());
}

async function openRaw(host: Host, peerId: string): Promise<RawStream> {
  const connection = host.node.getConnections().find((one) => String(one.remotePeer) === peerId)!;
  return connection.newStream(SYNC, { maxOutboundStreams: 100 });
}

export const rows: readonly Row[] = ATTACKS.map(
  (slow): RunRow => ({
    id: 'N04',
    what: `on all streams it may have: ${slow.what}`,
    how: 'processes',
    expected: `reset <= ${RESET_MS / 1000} s (quick, at ${QUICKER} times the speed: twice that), 0 stuck`,
    run: (size) => attack(slow, size),
  }),
);
