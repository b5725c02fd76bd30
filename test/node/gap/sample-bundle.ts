// A bundle of one made-up log for tests: small records beside their entries, large ones apart, a file in chunks.

import { join } from 'node:path';
import { Blocks } from '../../../node/feed/blocks.ts';
import { openPlainFile, readBundle } from '../../../node/gap/read-bundle.ts';
import {
  type BundleSource,
  type WrittenBundle,
  writeBundle,
} from '../../../node/gap/write-bundle.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { decodeEntry, encodeEntry } from '../../../protocols/entry.ts';
import type { Manifest } from '../../../protocols/gap/manifest.ts';
import { parseSpaceId, parseSpaceName } from '../../../protocols/ids.ts';
import { Frontier, sha256 } from '../../../protocols/merkle.ts';
import { encodeAttachment, rawCid, structCid } from '../../../protocols/record.ts';
import { decodeSegment, type Packed, packSegments } from '../../../protocols/segment.ts';
import { issueFor, makeNode, makeTrustRoot } from '../../certs/fixtures.ts';
import {
  FEED_BYTES,
  MESH,
  noteOf,
  ORIGIN,
  SPACE,
  sampleEntry,
} from '../../protocols/sample-log.ts';

export const ROOTS = [Buffer.from('root metadata, version 1'), Buffer.from('and version 2')];
export const NOW_MS = Date.UTC(2026, 10, 21, 12);
const VAULT = parseSpaceId('0199b7c2-1f00-4000-8000-000000000003');

export interface Sample extends BundleSource {
  readonly packed: readonly Packed[];
  readonly blocks: Blocks;
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** `count` entries, every seventh with its record apart, every thirty-first a file of three chunks. */
export async function sampleSource(count: number, recordBytes = 20_000): Promise<Sample> {
  const blocks = new Blocks(new MemoryStore());
  const packed: Packed[] = [];
  for (let i = 0; i < count; i++) packed.push(await samplePacked(blocks, i, recordBytes));
  const segments = packSegments(0, packed);
  const named = async function* (bytes: Buffer): AsyncGenerator<Uint8Array> {
    for (const { leaf, record } of decodeSegment(bytes).entries)
      yield* blocks.named(decodeEntry(leaf).record!, record);
  };
  return {
    packed,
    blocks,
    roots: ROOTS,
    logs: [
      {
        ...{
          origin: ORIGIN,
          log: FEED_BYTES,
          before: new Frontier(),
          note: noteOf(packed),
          to: count,
        },
        segments: async function* () {
          yield* segments;
        },
      },
    ],
    block: (hash) => blocks.get({ codec: 0x55, hash }),
    named,
  };
}

async function samplePacked(blocks: Blocks, i: number, recordBytes: number): Promise<Packed> {
  const envelope = Buffer.from(`{"an":"event ${i}"}`);
  if (i % 31 === 0) {
    const content = Buffer.alloc(150_000, i + 1);
    const stored = await blocks.putContent(cut(content, 50_000));
    const record = encodeAttachment({ ...stored, envelope });
    return { leaf: encodeEntry(sampleEntry(i, record, { record: structCid(record) })), record };
  }
  const record = i % 7 === 0 ? Buffer.alloc(recordBytes, i) : envelope;
  const leaf = encodeEntry(sampleEntry(i, record, { record: rawCid(record) }));
  if (i % 7 !== 0) return { leaf, record };
  await blocks.put([{ hash: sha256(record), bytes: record }]);
  return { leaf, record: null };
}

const trust = await makeTrustRoot();
const node = await makeNode();
export const SIGNER = {
  key: node.rsaKey,
  leafPem: issueFor(trust, node.request),
  issuingPem: trust.issuing.certificatePem,
};

export function write(
  folder: string,
  source: BundleSource,
  signal = new AbortController().signal,
  onProgress?: (bytes: number) => void,
): Promise<WrittenBundle> {
  return writeBundle({
    ...source,
    path: join(folder, 'vault-000001'),
    manifest: {
      mesh: MESH,
      exporter: { space: SPACE, name: parseSpaceName('library') },
      destination: { space: VAULT, name: parseSpaceName('vault') },
      ...{ sequence: 1, base: 0, createdMs: NOW_MS, expiresMs: NOW_MS + 1000 },
    },
    signer: SIGNER,
    signal,
    ...(onProgress ? { onProgress } : {}),
  });
}

/** What the reader gives: roles with hashes, and how it ends. */
export async function readAll(path: string, manifest: Manifest) {
  const file = await openPlainFile(path, Number.MAX_SAFE_INTEGER);
  try {
    const blocks: { role: string; log: number; hash: string }[] = [];
    const reader = readBundle(file, { manifest });
    for (let step = await reader.next(); ; step = await reader.next()) {
      if (step.done) return { blocks, end: step.value };
      const { role, log, hash } = step.value;
      blocks.push({ role, log, hash: hash.toString('hex') });
    }
  } finally {
    await file.close();
  }
}
