// What sealing costs a publisher: one record with a new key for 100 readers, beside the bare agreements and ciphers of it; and
// records under a key that is there, beside AES-256-GCM alone.

import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import { deriveKeyPair } from '../../protocols/hpke.ts';
import { sealRecord } from '../../protocols/sealed-record.ts';
import { decodeShareKeyPage, openShareKey, wrapShareKey } from '../../protocols/share-key.ts';
import { SCOPE } from '../node/feed/sealed-feed.ts';
import { type BenchOptions, type Figure, percentile } from './measurement.ts';

const READERS = 100;
const RECORD_BYTES = 2_000;
const TARGET_MS = 100;

export async function* seal({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const rounds = isQuick ? 3 : 40;
  const readers = Array.from({ length: READERS }, () => deriveKeyPair(randomBytes(32)));
  const recipients = readers.map(({ raw }) => raw);
  const record = randomBytes(RECORD_BYTES);
  const random = (count: number) => randomBytes(count);
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < rounds; round++) {
    floor.push(timed(() => bare(recipients)));
    ours.push(
      timed(() => {
        const key = randomBytes(32);
        wrapShareKey({ scope: SCOPE, epoch: 1, key, recipients, random });
        sealRecord({ scope: SCOPE, epoch: 1, key }, { form: 'event', record }, randomBytes(16));
      }),
    );
  }
  const [page] = wrapShareKey({ scope: SCOPE, epoch: 1, key: randomBytes(32), recipients, random });
  const decoded = decodeShareKeyPage(page!);
  const mine = [readers[50]!.privateKey];
  const openMs = timed(() => openShareKey(SCOPE, decoded, mine));
  yield {
    ...{ name: 'seal-100-readers', unit: 'ms', better: 'lower', target: TARGET_MS },
    ...{ ours: percentile(ours, 0.5), floor: percentile(floor, 0.5) },
    detail: {
      ...{ readers: READERS, rounds, recordBytes: RECORD_BYTES, pageBytes: page!.length },
      ...{ p99Ms: percentile(ours, 0.99), openMs },
    },
  };
  yield records(isQuick ? 500 : 20_000, record);
}

/** Two agreements' worth of keys, one agreement and one cipher for each reader, and nothing around them. */
function bare(recipients: readonly Buffer[]): void {
  const prefix = Buffer.from('302a300506032b656e032100', 'hex');
  for (const raw of recipients) {
    const { privateKey } = generateKeyPairSync('x25519');
    const key = Buffer.concat([prefix, raw]);
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
    const shared = diffieHellman({ privateKey, publicKey });
    const cipher = createCipheriv('aes-256-gcm', shared, shared.subarray(0, 12));
    cipher.update(shared);
    cipher.final();
  }
}

function records(count: number, record: Buffer): Figure {
  const key = randomBytes(32);
  const seal = { scope: SCOPE, epoch: 1, key };
  const padded = Buffer.alloc(4_096);
  const floorMs = timed(() => {
    for (let i = 0; i < count; i++) {
      const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12));
      cipher.update(padded);
      cipher.final();
    }
  });
  const oursMs = timed(() => {
    for (let i = 0; i < count; i++) sealRecord(seal, { form: 'event', record }, randomBytes(16));
  });
  return {
    ...{ name: 'seal-records', unit: 'records/s', better: 'higher', target: null },
    ...{ ours: (count * 1000) / oursMs, floor: (count * 1000) / floorMs },
    detail: { records: count, recordBytes: RECORD_BYTES, sealedBytes: 4_096 + 60 },
  };
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
