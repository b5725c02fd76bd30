// How many heads of feeds a node validates in a second, from the bytes of the message to the verdict, beside bare
// verifications of as many Ed25519 signatures; and what it makes of forged ones and of those that say nothing new.

import { verify } from 'node:crypto';
import { TopicValidatorResult } from '@libp2p/gossipsub';
import { decodeAnnouncement } from '../../protocols/gossip.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { HEADS_TOPIC, SampleHeads } from '../attacks/net/heads.ts';
import { type BenchOptions, type Figure, median } from './measurement.ts';

const SPACES = 50;
const WANTED_PER_SECOND = 5_000;

type Judge = (from: unknown, message: { data: Uint8Array }) => TopicValidatorResult;

/** A validator as a node has it, on a clock that leaves room for the next `LIMITS.headsPerSecond` when it is asked to. */
function newJudge(sample: SampleHeads) {
  const topicValidators = new Map<string, Judge>();
  let nowMs = Date.now();
  const gossip = { topicValidators, addEventListener: () => {}, subscribe: () => {} };
  sample.listen({ gossip } as never, { nowMs: () => nowMs });
  const judge = topicValidators.get(HEADS_TOPIC)!;
  return {
    judge: (data: Uint8Array) => judge(undefined, { data }),
    passSecond: () => {
      nowMs += 1000;
    },
  };
}

interface Rate {
  readonly perSecond: number;
  readonly verdicts: ReadonlySet<TopicValidatorResult>;
}

function measure(sample: SampleHeads, messages: readonly Buffer[]): Rate {
  const { judge, passSecond } = newJudge(sample);
  const verdicts = new Set<TopicValidatorResult>();
  const between = SPACES * LIMITS.headsPerSecond;
  const startMs = performance.now();
  messages.forEach((data, i) => {
    if (i % between === between - 1) passSecond();
    verdicts.add(judge(data));
  });
  return { perSecond: (messages.length * 1000) / (performance.now() - startMs), verdicts };
}

/** The signatures alone, with keys that are ready. */
function measureBare(sample: SampleHeads, messages: readonly Buffer[]): number {
  const signed = messages.map((bytes, i) => {
    const { note } = decodeAnnouncement(bytes);
    const { key } = sample.spaces[i % SPACES]!;
    const signature = note.lines[0]!.blob.subarray(0, 64);
    // The lines before the empty one are what is signed.
    const body = note.bytes.subarray(0, note.bytes.indexOf('\n\n') + 1);
    return { body, key: key.publicKey, signature };
  });
  const startMs = performance.now();
  for (const { body, key, signature } of signed) {
    if (!verify(null, body, key, signature)) throw new Error('a signature does not fit');
  }
  return (messages.length * 1000) / (performance.now() - startMs);
}

export async function* heads({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const sample = new SampleHeads(SPACES);
  const count = isQuick ? 500 : 8_000;
  const rounds = isQuick ? 1 : 3;
  const make = (one: (space: number, size: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, i) => one(i % SPACES, 1 + Math.floor(i / SPACES)));
  const valid = make((space, size) => sample.announcement(space, size));
  const forged = make((space, size) => sample.forged(space, size));
  const garbage = valid.map((bytes) => Buffer.concat([bytes.subarray(0, 40), bytes.subarray(60)]));
  const bare: number[] = [];
  const rates: Record<'valid' | 'forged' | 'garbage', number[]> = {
    ...{ valid: [], forged: [], garbage: [] },
  };
  for (let round = 0; round < rounds; round++) {
    bare.push(measureBare(sample, valid));
    for (const [kind, messages, wanted] of [
      ['valid', valid, TopicValidatorResult.Accept],
      ['forged', forged, TopicValidatorResult.Reject],
      ['garbage', garbage, TopicValidatorResult.Reject],
    ] as const) {
      const { perSecond, verdicts } = measure(sample, messages);
      if (verdicts.size !== 1 || !verdicts.has(wanted))
        throw new Error(`${kind} heads were judged ${[...verdicts].join(', ')}`);
      rates[kind].push(perSecond);
    }
  }
  const detail = { heads: count, spaces: SPACES, messageBytes: valid[0]!.length };
  yield {
    ...{ name: 'heads-validated', unit: 'heads/s', better: 'higher', target: WANTED_PER_SECOND },
    ...{
      ours: median(rates.valid),
      floor: median(bare),
      detail: { ...detail, rounds: rates.valid },
    },
  };
  yield {
    ...{ name: 'heads-forged', unit: 'heads/s', better: 'higher', target: WANTED_PER_SECOND },
    ...{ ours: median(rates.forged), floor: median(bare), detail },
  };
  yield {
    ...{ name: 'heads-garbage', unit: 'heads/s', better: 'higher', target: null },
    ...{ ours: median(rates.garbage), floor: median(bare), detail },
  };
}
