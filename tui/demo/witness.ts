// Looks at what a space holds and compares it, byte for byte, with what was published; what it saw becomes evidence.

import { createHash } from 'node:crypto';
import { decodeNote } from '../../protocols/checkpoint.ts';
import type { RouteResult } from '../../protocols/control-api.ts';
import type { DemoMesh, Member } from './mesh.ts';
import type { Sample } from './samples.ts';
import { type Evidence, promised } from './scenario.ts';

export type Published = RouteResult<'publishContent'>;

export const sha256Hex = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

function signedHead(checkpoint: string | null): { size: number; root: string } | undefined {
  if (checkpoint === null) return undefined;
  const { size, root } = decodeNote(Buffer.from(checkpoint, 'utf8')).checkpoint;
  return { size, root: root.toString('hex') };
}

/** @throws CONFLICT unless the space has exactly these bytes. */
export async function sameBytes(
  mesh: DemoMesh,
  space: Member,
  feed: string,
  { item, bytes }: Sample,
): Promise<Evidence> {
  const [row, content] = await Promise.all([
    mesh.ask(space, 'item', { query: { feed, item } }),
    mesh.content(space, feed, item),
  ]);
  promised(
    content.equals(bytes),
    `${space} has other bytes of ${feed} "${item}": sha256 ${sha256Hex(content)} instead of ${sha256Hex(bytes)}`,
  );
  promised(
    row.sha256 === sha256Hex(bytes),
    `${space} names another hash for ${feed} "${item}": ${row.sha256}`,
  );
  const checkpoint = signedHead(row.checkpoint);
  return {
    ...{ space, feed, item, entry: row.index, version: row.version, sizeBytes: bytes.length },
    ...{ sha256: row.sha256, leafHash: row.leafHash },
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}

/** Milliseconds of the monotonic clock at which the entry became readable there. */
export async function arrival(
  mesh: DemoMesh,
  space: Member,
  feed: string,
  entry: number,
): Promise<number> {
  let askAgainMs = performance.now() + 1_000;
  return await mesh.until(`${space} has entry ${entry} of ${feed}`, async () => {
    const heardMs = mesh.arrivals.when(space, feed, entry);
    if (heardMs !== undefined || performance.now() < askAgainMs) return heardMs;
    // The event stream may have begun after it.
    askAgainMs = performance.now() + 1_000;
    return (await mesh.feed(space, feed)).applied > entry ? performance.now() : undefined;
  });
}

/** Of a sealed feed the keys may come after the entry. */
export const readable = (
  mesh: DemoMesh,
  space: Member,
  feed: string,
  item: string,
): Promise<number> =>
  mesh.until(`${space} can read "${item}" of ${feed}`, async () => {
    const rows = await mesh.rows(space, 'items', { query: { feed } });
    return rows.some((row) => row.item === item) ? performance.now() : undefined;
  });

/** The newest checkpoint of a feed with those who hold all of it. */
export async function headEvidence(mesh: DemoMesh, space: Member, feed: string): Promise<Evidence> {
  const { size, root } = await mesh.feed(space, feed);
  promised(size !== null && root !== null, `${space} has no signed head of ${feed}`);
  return { space, feed, checkpoint: { size, root }, heldBy: await mesh.holders(feed, size) };
}

/** The code a node refuses with; it is a broken promise that it does not refuse. */
export async function refusal(act: () => Promise<unknown>, otherwise: string): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
  promised(false, otherwise);
}
