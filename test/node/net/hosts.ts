// Real hosts on loopback for the network tests.

import { generateKeyPairSync } from 'node:crypto';
import { vi } from 'vitest';
import type { Membership } from '../../../node/net/gater.ts';
import { createHost, type Host, type HostOptions } from '../../../node/net/host.ts';
import { parseMeshId } from '../../../protocols/ids.ts';

export const TOPIC = 'odcm/test/heads';
export const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

export function newKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Started hosts; everybody is a member unless told otherwise. Stop them with {@link stopAll}. */
export async function startHost(options: Partial<HostOptions> = {}): Promise<Host> {
  const host = await createHost({
    privateKeyPem: newKeyPem(),
    meshId: parseMeshId('a'.repeat(26)),
    membership: openMembership,
    topics: [{ name: TOPIC }],
    listen: [LOOPBACK],
    ...options,
  });
  await host.start();
  started.add(host);
  return host;
}

const started = new Set<Host>();

export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((host) => host.stop()));
  started.clear();
}

export const openMembership: Membership = { isMember: () => true, isMemberHost: () => true };

export async function connect(from: Host, to: Host): Promise<void> {
  await from.dial(to.peerId, to.addresses(), AbortSignal.timeout(5_000));
}

/** Waits for a condition; the time is only how long a broken test hangs. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`not yet: ${what}`);
    },
    { timeout: 10_000, interval: 5 },
  );
}

/** Two connected hosts that both subscribe and have each other in their gossip mesh. */
export async function gossipPair(): Promise<[Host, Host]> {
  const pair: [Host, Host] = [await startHost(), await startHost()];
  for (const host of pair) host.gossip.subscribe(TOPIC);
  await connect(pair[0], pair[1]);
  await until(() => inMesh(pair[0], pair[1]) && inMesh(pair[1], pair[0]), 'gossip mesh');
  return pair;
}

export const inMesh = (host: Host, other: Host): boolean =>
  host.gossip.getMeshPeers(TOPIC).includes(other.peerId);
