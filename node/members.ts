// Who is behind a peer id: the directory's spaces as the network sees them. Rebuilt when the directory changes.

import type { DirectoryState, SpaceRow } from '../protocols/directory.ts';
import { MeshError } from '../protocols/errors.ts';
import type { SpaceId } from '../protocols/ids.ts';
import type { Membership } from './net/gater.ts';
import { peerIdOfPublicKey } from './net/keys.ts';

export class Members implements Membership {
  #byPeer = new Map<string, SpaceRow>();
  readonly #peerIds = new Map<SpaceId, string>();
  #hosts = new Set<string>();

  update(state: DirectoryState): void {
    const byPeer = new Map<string, SpaceRow>();
    const hosts = new Set<string>();
    for (const space of state.spaces.values()) {
      byPeer.set(this.peerIdOf(space), space);
      if (space.revoked) continue;
      for (const address of space.addresses) {
        const host = /^\/ip[46]\/([^/]+)\//.exec(address)?.[1];
        if (host) hosts.add(host);
      }
    }
    this.#byPeer = byPeer;
    this.#hosts = hosts;
  }

  /** Peer ids follow from keys, which never change: each is computed once. */
  peerIdOf(space: SpaceRow): string {
    let peerId = this.#peerIds.get(space.id);
    if (!peerId) {
      peerId = peerIdOfPublicKey(space.nodeKey);
      this.#peerIds.set(space.id, peerId);
    }
    return peerId;
  }

  spaceOf(peerId: string): SpaceRow | undefined {
    return this.#byPeer.get(peerId);
  }

  spacesOf(peerIds: Iterable<string>): Set<SpaceId> {
    const spaces = new Set<SpaceId>();
    for (const peerId of peerIds) {
      const space = this.#byPeer.get(peerId);
      if (space) spaces.add(space.id);
    }
    return spaces;
  }

  /** @throws NOT_A_MEMBER, REVOKED */
  requireMember(peerId: string): SpaceRow {
    const space = this.#byPeer.get(peerId);
    if (!space) throw new MeshError('NOT_A_MEMBER', `the peer ${peerId} is not in the directory`);
    if (space.revoked) throw new MeshError('REVOKED', `the space ${space.name} was revoked`);
    return space;
  }

  isMember(peerId: string): boolean {
    const space = this.#byPeer.get(peerId);
    return space !== undefined && !space.revoked;
  }

  isRevoked(peerId: string): boolean {
    return Boolean(this.#byPeer.get(peerId)?.revoked);
  }

  isMemberHost(ip: string): boolean {
    return this.#hosts.has(ip);
  }
}
