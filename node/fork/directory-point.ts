// Where a directory with two histories can go on: the most entries that are in both, or fewer. Proven against the two heads,
// with the help of whoever has their entries.

import { MeshError } from '../../protocols/errors.ts';
import { DIRECTORY_LOG, syncProtocol } from '../../protocols/sync.ts';
import type { Timers } from '../clock.ts';
import { SyncClient } from '../net/sync-client.ts';
import type { MeshNode } from '../node.ts';
import { lastCommon, rootsAt } from './continuation.ts';
import { ownProver, peerProver, rootAt } from './prove.ts';

export interface DirectoryPoint {
  /** The epoch that continues from here. */
  readonly epoch: number;
  readonly size: number;
  readonly root: Buffer;
}

/**
 * @param size where to go on; the largest possible when absent
 * @throws USAGE for a directory that goes on as it is, and for a size that is in one history only; PEER_UNREACHABLE when
 * nobody that is connected can prove it
 */
export async function findDirectoryPoint(
  node: MeshNode,
  timers: Timers,
  size?: number,
): Promise<DirectoryPoint> {
  const { directory } = node;
  const { epoch, isWaiting } = directory;
  if (isWaiting && epoch) return { epoch: epoch.epoch, ...epoch.continues };
  const fork = node.forks.of(directory.origin);
  if (!fork)
    throw new MeshError(
      'USAGE',
      'no two histories of the directory are proven: it goes on as it is',
    );
  const of = fork.proof.notes;
  const least = epoch?.continues.size ?? 1;
  const most = Math.min(...of.map(({ checkpoint }) => checkpoint.size), directory.log.size);
  if (size !== undefined && (size > most || size < least))
    throw new MeshError('USAGE', `the directory can go on after ${least} to ${most} entries`);
  const clients: SyncClient[] = [];
  try {
    for (const peerId of node.host.connectedPeers()) {
      const channel = await node.host
        .open(peerId, syncProtocol(node.home.config.mesh))
        .catch(() => undefined);
      if (channel) clients.push(new SyncClient(channel, undefined, timers));
    }
    const provers = [
      ownProver(directory.log),
      ...clients.map((client) => peerProver(client, DIRECTORY_LOG)),
    ];
    const point = size ?? (await lastCommon({ provers }, of, most, 'the directory'));
    const [a, b] = await rootsAt({ provers }, of, point, 'the directory');
    const root = await rootAt(directory.log, point);
    if (!a!.equals(b!) || !a!.equals(root))
      throw new MeshError('USAGE', `the histories of the directory part before entry ${point}`);
    return { epoch: (epoch?.epoch ?? 1) + 1, size: point, root };
  } finally {
    for (const client of clients) await client.close().catch(() => {});
  }
}
