import { takeIn } from '../../../node/feed/intake.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import type { FrameChannel } from '../../../node/net/frames.ts';
import { SyncClient } from '../../../node/net/sync-client.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { packSegments } from '../../../protocols/segment.ts';
import { type Answer, decodeRequest, encodeAnswer } from '../../../protocols/sync.ts';
import { checkpointOf, FEED_BYTES, noteOf, samplePack } from '../../protocols/sample-log.ts';
import { SampleHeads } from '../net/heads.ts';
import { MiB } from '../net/honest.ts';
import { connect, SYNC, startHost, withHosts } from '../net/pair.ts';
import type { Outcome, Row, RunRow } from '../row.ts';

const WASTED_BYTES = MiB;
const WITHIN_MS = 60_000;
const HUGE = Number.MAX_SAFE_INTEGER;

const packed = samplePack(200);
const segments = [...packSegments(0, packed)];
const HASHES: Answer = { type: 'hashes', hashes: Buffer.alloc(32 * 2048, 7) };

interface Endless {
  readonly what: string;
  /** What the publisher claims; it signs whatever it likes. */
  readonly size: number;
  /** What is sent for a request, again and again until the stream ends. */
  readonly answer: (n: number) => Answer;
  readonly codes: readonly string[];
}

const ATTACKS: readonly Endless[] = [
  {
    ...{ what: 'a head of 2^53 - 1 entries', size: HUGE },
    ...{ answer: () => HASHES, codes: ['TOO_LARGE'] },
  },
  {
    ...{ what: 'tree hashes without end', size: 1_000_000 },
    ...{ answer: () => HASHES, codes: ['MALFORMED'] },
  },
  {
    ...{ what: 'entries without end', size: packed.length },
    answer: (n) => ({ type: 'segment', bytes: segments[n % segments.length]! }),
    codes: ['MALFORMED', 'ROOT_MISMATCH', 'HASH_MISMATCH', 'TOO_LARGE', 'WRONG_ORIGIN'],
  },
];

/** Answers every request without an end; how many bytes the other side let it send. */
async function sendEndlessly(
  channel: FrameChannel,
  answer: Endless['answer'],
  onSent: (bytes: number) => void,
): Promise<void> {
  const frame = await channel.read();
  if (!frame) return;
  decodeRequest(frame);
  for (let n = 0; ; n++) {
    const parts = encodeAnswer(answer(n));
    await channel.send(parts);
    onSent(parts.reduce((sum, part) => sum + part.byteLength, 0));
  }
}

async function attack({ size, answer, codes }: Endless): Promise<Outcome> {
  const sample = new SampleHeads(2);
  return withHosts([startHost(sample, 0), startHost(sample, 1)], async (liar, victim) => {
    let sentBytes = 0;
    await liar!.serve(SYNC, (channel) =>
      sendEndlessly(channel, answer, (bytes) => {
        sentBytes += bytes;
      }),
    );
    await connect(victim!, liar!);
    const log = await FeedLog.open(new MemoryStore(), FEED_BYTES);
    const channel = await victim!.open(liar!.peerId, SYNC);
    const client = new SyncClient(channel);
    const startMs = performance.now();
    const code = await takeIn({
      ...{ log, feedId: FEED_BYTES, note: noteOf(packed), source: client.source(FEED_BYTES) },
      checkpoint: { ...checkpointOf(packed), size },
    }).then(
      () => 'taken',
      (error: unknown) => asMeshError(error).code,
    );
    const tookMs = performance.now() - startMs;
    client.abort(new Error('done'));
    return {
      measured: `${code}, ${(sentBytes / 1024).toFixed(0)} KiB sent, ${tookMs.toFixed(0)} ms`,
      pass: codes.includes(code) && sentBytes <= WASTED_BYTES && tookMs <= WITHIN_MS,
    };
  });
}

export const rows: readonly Row[] = ATTACKS.map(
  (endless): RunRow => ({
    id: 'T02',
    what: endless.what,
    how: 'processes',
    expected: `refused, <= 1 MiB sent, <= ${WITHIN_MS / 1000} s`,
    run: () => attack(endless),
  }),
);
