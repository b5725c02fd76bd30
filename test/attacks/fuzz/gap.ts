// Parsers of what crosses an air gap: manifests, indexes of bundles, receipts and their proofs.

import {
  decodeBundleIndex,
  decodePage,
  encodeBundleIndex,
  encodePage,
} from '../../../protocols/gap/bundle-index.ts';
import { decodeManifest, encodeManifest } from '../../../protocols/gap/manifest.ts';
import { decodeReceipt } from '../../../protocols/gap/receipt.ts';
import { decodeTlogProof, encodeTlogProof } from '../../../protocols/gap/tlog-proof.ts';
import {
  directoryOrigin,
  feedOrigin,
  parseFeedId,
  parseSpaceId,
  parseSpaceName,
} from '../../../protocols/ids.ts';
import { Frontier } from '../../../protocols/merkle.ts';
import { MESH, proofsOf, receipt } from '../../protocols/gap/receipt-samples.ts';
import type { Target } from './fuzz.ts';
import { cbor, json } from './grammar.ts';

const hash = (byte: number) => Buffer.alloc(32, byte);
const id = (n: number) => `0199b7c2-1f00-4000-8000-00000000000${n}`;
const [odcm, library, vault] = [1, 2, 3].map((n) => parseSpaceId(id(n))) as [
  ...Parameters<typeof feedOrigin>[1][],
];

const manifest = encodeManifest({
  ...{ mesh: MESH, sequence: 17, base: 16, blocks: 812, sizeBytes: 4_819_230 },
  exporter: { space: library!, name: parseSpaceName('library') },
  destination: { space: vault!, name: parseSpaceName('vault') },
  ...{ createdMs: Date.UTC(2026, 10, 21), expiresMs: Date.UTC(2026, 11, 21) },
  ...{ index: hash(7), sha256: hash(8), car: 'vault-000017.car' },
  logs: [
    { origin: directoryOrigin(MESH, odcm!), from: 4019, to: 4120 },
    { origin: feedOrigin(MESH, library!, parseFeedId(id(4))), from: 1000, to: 1187 },
  ],
});

const index = encodeBundleIndex({
  roots: [hash(1), hash(2)],
  logs: [
    { log: Buffer.alloc(16), before: new Frontier(), note: Buffer.from('n'), pages: [hash(3)] },
    {
      ...{ log: Buffer.alloc(16, 9), note: Buffer.from('n'), pages: [] },
      before: new Frontier(5, [hash(4), hash(5)]),
    },
  ],
});

const page = encodePage({ segments: [hash(1), hash(2)], missing: [] });
const receipts = [receipt(), receipt({ id: 'ServerTasks-2' }), receipt({ id: 'ServerTasks-3' })];

export const GAP: readonly Target[] = [
  {
    ...{ name: 'manifest', corpus: [manifest] },
    again: (input) => encodeManifest(decodeManifest(input)),
  },
  {
    ...{ name: 'index of a bundle', corpus: [index], grammar: cbor },
    again: (input) => encodeBundleIndex(decodeBundleIndex(input)),
  },
  {
    ...{ name: 'page of a bundle', corpus: [page], grammar: cbor },
    again: (input) => encodePage(decodePage(input)),
  },
  {
    ...{ name: 'receipt', corpus: receipts, grammar: json },
    again: (input) => {
      decodeReceipt(input);
      return undefined;
    },
  },
  {
    ...{ name: 'proof of a receipt', corpus: await proofsOf(receipts) },
    again: (input) => {
      const { index: at, hashes, note } = decodeTlogProof(input);
      return encodeTlogProof(at, hashes, note.bytes);
    },
  },
];
