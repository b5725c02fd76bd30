import { describe, expect, it } from 'vitest';
import type { Call } from '../../../node/control/handler.ts';
import { meshViewHandlers } from '../../../node/control/mesh-view-handlers.ts';
import type { PeerMeasures } from '../../../node/net/network.ts';
import { ROUTES } from '../../../protocols/control-api.ts';

interface Peer {
  readonly connected?: boolean;
  readonly gossip?: boolean;
  readonly dialling?: boolean;
  readonly measures?: PeerMeasures;
}

/** A call to a node that knows these peers besides itself; a space's name is its peer id. */
function callOf(peers: Readonly<Record<string, Peer>>, measures = true): Call<'mesh'> {
  const names = Object.keys(peers);
  const spaces = ['self', ...names].map((name) => [name, { id: name, name }] as const);
  const node = {
    home: { config: { space: 'self' } },
    directory: { state: { spaces: new Map(spaces) } },
    members: { peerIdOf: ({ id }: { id: string }) => id },
    neighbours: { odcmPeer: 'hq' },
    clock: { nowMs: () => 0 },
    supervisor: {
      states: () =>
        names.map((peerId) => ({
          peerId,
          dialling: peers[peerId]!.dialling ?? false,
          attempts: 2,
        })),
    },
    host: {
      isConnected: (peerId: string) => peers[peerId]!.connected ?? false,
      hearsGossip: (peerId: string) => peers[peerId]!.gossip ?? false,
      addressOf: () => undefined,
      ...(measures ? { measure: (peerId: string) => peers[peerId]!.measures } : {}),
    },
  };
  return { node } as unknown as Call<'mesh'>;
}

const measures = { rttMs: 12, topics: 3, inMesh: true };

describe('the mesh as a node answers it', () => {
  it('tells mesh, connected, deaf, connecting and away', async () => {
    const rows = await meshViewHandlers.mesh(
      callOf({
        hq: { connected: true, gossip: true, measures },
        a: { connected: true, gossip: true, measures: { ...measures, inMesh: false } },
        b: { connected: true, measures },
        c: { dialling: true },
        d: {},
      }),
    );
    expect(rows.map(({ space, kind, state }) => [space, kind, state])).toEqual([
      ['hq', 'odcm', 'mesh'],
      ['a', 'space', 'connected'],
      ['b', 'space', 'deaf'],
      ['c', 'space', 'connecting'],
      ['d', 'space', 'away'],
    ]);
    for (const row of rows) expect(ROUTES.mesh.result.parse(row)).toEqual(row);
  });

  it('knows nothing of what is not measured, and of peers that are away', async () => {
    const connected = { connected: true, gossip: true };
    const [row] = await meshViewHandlers.mesh(callOf({ a: connected }, false));
    expect(row).toMatchObject({ rttMs: null, inBytesPerSecond: null, topics: 0, via: 'direct' });
    const [away] = await meshViewHandlers.mesh(callOf({ a: { measures } }));
    expect(away).toMatchObject({ rttMs: null, topics: 0, via: null });
  });
});
