// A log of receipts for tests: real keys, real proofs, nothing stored.

import { generateKeyPairSync } from 'node:crypto';
import { logKey, signCheckpoint } from '../../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { type Receipt, signReceipt } from '../../../protocols/gap/receipt.ts';
import { encodeTlogProof } from '../../../protocols/gap/tlog-proof.ts';
import {
  type MeshId,
  parseSpaceId,
  parseSpaceName,
  receiptsOrigin,
} from '../../../protocols/ids.ts';
import { inclusionProof, leafHash, nodeHash, rootOf } from '../../../protocols/merkle.ts';

export const MESH = 'aeaqcaibaeaqcaibaeaqcaibae' as MeshId;
export const VAULT = parseSpaceId('0199b7c2-1f00-4000-8000-000000000003');
export const ORIGIN = receiptsOrigin(MESH, VAULT);
export const { privateKey, publicKey } = generateKeyPairSync('ed25519');
export const KEY = logKey(ORIGIN, publicKey, ed25519Raw(publicKey));
export const SUBJECT = { name: 'deployment:ServerTasks-1', sha256: 'ab'.repeat(32) };

export function deployment(more: Partial<Extract<Receipt, { kind: 'deployment' }>> = {}): Receipt {
  return {
    kind: 'deployment',
    mesh: MESH,
    space: { id: VAULT, name: parseSpaceName('vault') },
    ...{
      id: 'ServerTasks-1',
      project: 'Payments',
      environment: 'Production',
      release: '2026.11.3',
    },
    outcome: 'ok',
    startedAt: '2026-11-21T10:00:00.000Z',
    finishedAt: '2026-11-21T10:05:00.000Z',
    deployedBy: 'Lisa',
    bundle: null,
    directory: { size: 12, root: 'cd'.repeat(32) },
    ...more,
  };
}

export const receipt = (more = {}, subject = SUBJECT): Buffer =>
  signReceipt(deployment(more), subject, privateKey, '0123456789abcdef');

/** Proofs of all the leaves of a log under its signed head. */
export async function proofsOf(leaves: readonly Buffer[]): Promise<Buffer[]> {
  const hashes = leaves.map((leaf) => leafHash(leaf));
  const node = (height: number, index: number): Buffer =>
    height === 0
      ? hashes[index]!
      : nodeHash(node(height - 1, index * 2), node(height - 1, index * 2 + 1));
  const checkpoint = { origin: ORIGIN, size: leaves.length, root: rootOf(hashes) };
  const note = signCheckpoint(checkpoint, KEY, privateKey);
  return Promise.all(
    leaves.map(async (_, index) =>
      encodeTlogProof(index, await inclusionProof(index, leaves.length, node), note),
    ),
  );
}
