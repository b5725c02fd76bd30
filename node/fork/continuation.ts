// At ODCM: where a feed whose log cannot go on is let go on. The point is a size and the root of the tree there, proven
// against heads that its publisher signed, with the help of whoever has the entries: of two histories, what is in both.

import { decodeNote, type Note } from '../../protocols/checkpoint.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { feedOrigin, uuidBytes } from '../../protocols/ids.ts';
import { syncProtocol } from '../../protocols/sync.ts';
import type { Timers } from '../clock.ts';
import { SyncClient } from '../net/sync-client.ts';
import type { MeshNode } from '../node.ts';
import { type Beginning, beginningOf, ownProver, type Prover, peerProver } from './prove.ts';

/** Whoever may have entries of the feed, and the heads that were heard of it. */
export interface Helpers {
  readonly provers: readonly Prover[];
  readonly heads: readonly Note[];
  readonly close: () => Promise<void>;
}

/**
 * @param size where to go on; the largest possible when absent
 * @throws PEER_UNREACHABLE when nobody that is connected can prove it, USAGE for a size that is in one history only
 */
export async function findContinuation(
  node: MeshNode,
  timers: Timers,
  row: FeedRow,
  size?: number,
): Promise<{ size: number; root: Buffer }> {
  const path = node.directory.state.feedPath(row);
  const origin = feedOrigin(node.home.config.mesh, row.space, row.id, row.epoch);
  const helpers = await findHelpers(node, timers, row, origin);
  try {
    const fork = node.forks.of(origin);
    const of = fork ? fork.proof.notes : [newest(helpers.heads, path)];
    const most = Math.min(...of.map(({ checkpoint }) => checkpoint.size));
    if (size !== undefined && size > most)
      throw new MeshError('USAGE', `${path} has ${most} entries that can be gone on from`);
    const point = size ?? (fork ? await lastCommon(helpers, of, most, path) : most);
    const [root, other] = await rootsAt(helpers, of, point, path);
    if (other && !root!.equals(other))
      throw new MeshError('USAGE', `the two histories of ${path} part before entry ${point}`);
    return { size: point, root: root! };
  } finally {
    await helpers.close();
  }
}

/** The most entries that are in both. */
export async function lastCommon(
  helpers: Pick<Helpers, 'provers'>,
  of: readonly Note[],
  most: number,
  path: string,
): Promise<number> {
  let common = 0;
  let above = most + 1;
  while (above - common > 1) {
    const middle = Math.floor((common + above) / 2);
    const [a, b] = await rootsAt(helpers, of, middle, path);
    if (a!.equals(b!)) common = middle;
    else above = middle;
  }
  return common;
}

/** Of each head, the root of its tree at an earlier size. */
export function rootsAt(
  { provers }: Pick<Helpers, 'provers'>,
  of: readonly Note[],
  size: number,
  path: string,
): Promise<Buffer[]> {
  return Promise.all(
    of.map(async ({ checkpoint }) => {
      for (const prover of provers) {
        const found: Beginning | undefined = await beginningOf(size, checkpoint, prover).catch(
          () => undefined,
        );
        if (found) return found.root;
      }
      throw new MeshError(
        'PEER_UNREACHABLE',
        `nobody that is connected can prove the first ${size} entries of ${path}`,
        { next: 'Try again when its subscribers are connected: odcm feeds' },
      );
    }),
  );
}

function newest(heads: readonly Note[], path: string): Note {
  const [first] = heads.toSorted((a, b) => b.checkpoint.size - a.checkpoint.size);
  if (first) return first;
  throw new MeshError('PEER_UNREACHABLE', `nobody that is connected has a head of ${path}`, {
    next: 'Try again when its publisher or a subscriber is connected: odcm feeds',
  });
}

async function findHelpers(
  node: MeshNode,
  timers: Timers,
  row: FeedRow,
  origin: ReturnType<typeof feedOrigin>,
): Promise<Helpers> {
  const id = uuidBytes(row.id);
  const clients: SyncClient[] = [];
  const provers: Prover[] = [];
  const heads: Note[] = [];
  const hear = (bytes: Uint8Array) => {
    const note = decodeNote(bytes);
    node.directory.verifyFeedNote(note, row, origin);
    heads.push(note);
  };
  const own = node.feeds.peek(row.id);
  if (own?.headNote && own.origin === origin) {
    hear(own.headNote);
    provers.push(ownProver(own.log));
  }
  for (const peerId of node.host.connectedPeers()) {
    try {
      const channel = await node.host.open(peerId, syncProtocol(node.home.config.mesh));
      const client = new SyncClient(channel, undefined, timers);
      clients.push(client);
      for (const { note } of await client.heads([id])) hear(note);
      provers.push(peerProver(client, id));
    } catch (error) {
      const { code, message } = asMeshError(error);
      node.log.debug({ peerId, code }, message);
    }
  }
  const close = async () => {
    for (const client of clients) await client.close();
  };
  return { provers, heads, close };
}
