// Two hosts in this process that are connected over loopback: one that breaks the rules of the sync protocol, and one that
// asks it or is asked by it.

import type { Host } from '../../../node/net/host.ts';
import { createHost } from '../../../node/net/host.ts';
import { directoryTopic } from '../../../protocols/gossip.ts';
import { syncProtocol } from '../../../protocols/sync.ts';
import { HEADS_TOPIC, MESH, type SampleHeads } from './heads.ts';

export const SYNC = syncProtocol(MESH);
const WITHIN_MS = 5_000;

export async function startHost(
  sample: SampleHeads,
  self: number,
  more: Partial<Parameters<typeof createHost>[0]> = {},
): Promise<Host> {
  const host = await createHost({
    ...{ privateKeyPem: sample.spaces[self]!.pem, meshId: MESH, listen: [LOOPBACK] },
    membership: { isMember: () => true, isMemberHost: () => true },
    topics: [{ name: HEADS_TOPIC }, { name: directoryTopic(MESH) }],
    ...more,
  });
  await host.start();
  return host;
}

export const connect = (from: Host, to: Host): Promise<void> =>
  from.dial(to.peerId, to.addresses(), AbortSignal.timeout(WITHIN_MS));

/** Starts them, hands them out, and stops them whatever happens. */
export async function withHosts<T>(
  starts: readonly Promise<Host>[],
  work: (...hosts: Host[]) => Promise<T>,
): Promise<T> {
  const hosts = await Promise.all(starts);
  try {
    return await work(...hosts);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
  }
}

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';
