// At ODCM, when the root has opened an epoch of which less is here than it continues from, as in a folder that was restored
// from a backup: heads of the new epoch there are none yet, so that the point itself, which the keepers signed, is fetched.

import { asMeshError, isMeshError, MeshError } from '../../protocols/errors.ts';
import { DIRECTORY_LOG, syncProtocol } from '../../protocols/sync.ts';
import type { Timers } from '../clock.ts';
import { elsewhere } from '../directory/epoch.ts';
import { takeIn } from '../feed/intake.ts';
import { SyncClient } from '../net/sync-client.ts';
import type { MeshNode } from '../node.ts';

/**
 * Brings the log of a waiting epoch to where it begins, from whoever has that; nothing is done when it is there.
 * @throws CONFLICT when what is here does not lead to the point, BUSY when nobody that is connected has the rest
 */
export async function fetchDirectoryPoint(node: MeshNode, timers: Timers): Promise<void> {
  const { directory, home, host, log: diary } = node;
  const { epoch, log, origin, isWaiting } = directory;
  if (!epoch || !isWaiting || log.size >= epoch.continues.size) return;
  let fault: MeshError | undefined;
  for (const peerId of host.connectedPeers()) {
    let client: SyncClient | undefined;
    try {
      client = new SyncClient(
        await host.open(peerId, syncProtocol(home.config.mesh)),
        undefined,
        timers,
      );
      const source = client.source(DIRECTORY_LOG);
      const checkpoint = { origin, ...epoch.continues };
      await takeIn({ log, feedId: DIRECTORY_LOG, checkpoint, source, sync: true });
      await client.close();
      return;
    } catch (error) {
      fault = asMeshError(error);
      client?.abort(fault);
      diary.warn({ peerId, code: fault.code }, `the point is not fetched: ${fault.message}`);
    }
  }
  // A peer that lies looks the same as an own history that parts before the point: others were asked.
  if (fault && isMeshError(fault, 'ROOT_MISMATCH')) throw elsewhere(epoch);
  throw new MeshError('BUSY', 'not all entries that the epoch continues from are here', {
    next: 'Try again when a member that has them is connected: odcm spaces',
  });
}
