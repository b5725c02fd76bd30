// Who is behind a peer id: the directory's spaces as the network sees them. Rebuilt when the directory changes.

import type { DirectoryState, SpaceRow } from '../protocols/directory.ts';
import { MeshError } from '../protocols/errors.ts';
import type { SpaceId } from '../protocols/ids.ts';
import { formerIdentity, identityKeys } from '../protocols/space-keys.ts';
import type { Membership } from './net/gater.ts';
import { peerIdOfPublicKey } from './net/keys.ts';

export class Members implements Membership {
  #byPeer = new Map<string, SpaceRow>();
  /** Peer ids of former keys, and until when they count: a running node goes by the key that it began with. */
  #formerUntilMs = new Map<string, number>();
  readonly #peerIds = new WeakMap<Buffer, string>();
  #hosts = new Set<string>();
  readonly #nowMs: () => number;
  /** Tells which of two identities of a space is the live one. */
  isConnected: (peerId: string) => boolean = () => false;

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  update(state: DirectoryState): void {
    const byPeer = new Map<string, SpaceRow>();
    const hosts = new Set<string>();
    const formerUntilMs = new Map<string, number>();
    for (const space of state.spaces.values()) {
      byPeer.set(this.#peerIdOfKey(space.nodeKey), space);
      const former = formerIdentity(space);
      if (former) {
        const peerId = this.#peerIdOfKey(former.nodeKey);
        byPeer.set(peerId, space);
        formerUntilMs.set(peerId, former.untilMs);
      }
      if (space.revoked) continue;
      for (const address of space.addresses) {
        const host = /^\/ip[46]\/([^/]+)\//.exec(address)?.[1];
        if (host) hosts.add(host);
      }
    }
    this.#byPeer = byPeer;
    this.#formerUntilMs = formerUntilMs;
    this.#hosts = hosts;
  }

  /** Where the space is reached: the identity that is connected, or that of its newest key. */
  peerIdOf(space: SpaceRow): string {
    const [newest, former] = this.peerIdsOf(space);
    return former !== undefined && !this.isConnected(newest!) && this.isConnected(former)
      ? former
      : newest!;
  }

  /** Every identity that the space may go by now, the newest first. */
  peerIdsOf(space: SpaceRow): string[] {
    return identityKeys(space, this.#nowMs()).map((key) => this.#peerIdOfKey(key));
  }

  /** Peer ids follow from keys, which never change: each is computed once. */
  #peerIdOfKey(nodeKey: Buffer): string {
    let peerId = this.#peerIds.get(nodeKey);
    if (peerId === undefined) {
      peerId = peerIdOfPublicKey(nodeKey);
      this.#peerIds.set(nodeKey, peerId);
    }
    return peerId;
  }

  spaceOf(peerId: string): SpaceRow | undefined {
    const untilMs = this.#formerUntilMs.get(peerId);
    if (untilMs !== undefined && this.#nowMs() >= untilMs) return undefined;
    return this.#byPeer.get(peerId);
  }

  /** Members that are not revoked. */
  countOf(state: DirectoryState): number {
    let count = 0;
    for (const { revoked } of state.spaces.values()) if (!revoked) count += 1;
    return count;
  }

  /** True when every member that is not revoked, but for one, goes by one of these. */
  areAllAmong(state: DirectoryState, peerIds: ReadonlySet<string>, but: SpaceId): boolean {
    for (const space of state.spaces.values()) {
      if (space.revoked || space.id === but) continue;
      if (!this.peerIdsOf(space).some((peerId) => peerIds.has(peerId))) return false;
    }
    return true;
  }

  spacesOf(peerIds: Iterable<string>): Set<SpaceId> {
    const spaces = new Set<SpaceId>();
    for (const peerId of peerIds) {
      const space = this.spaceOf(peerId);
      if (space) spaces.add(space.id);
    }
    return spaces;
  }

  /** @throws NOT_A_MEMBER, REVOKED */
  requireMember(peerId: string): SpaceRow {
    const space = this.spaceOf(peerId);
    if (!space) throw new MeshError('NOT_A_MEMBER', `the peer ${peerId} is not in the directory`);
    if (space.revoked) throw new MeshError('REVOKED', `the space ${space.name} was revoked`);
    return space;
  }

  isMember(peerId: string): boolean {
    const space = this.spaceOf(peerId);
    return space !== undefined && !space.revoked;
  }

  isRevoked(peerId: string): boolean {
    return Boolean(this.spaceOf(peerId)?.revoked);
  }

  isMemberHost(ip: string): boolean {
    return this.#hosts.has(ip);
  }
}
