// Who may connect: members by proven identity, nobody else; and how many unfinished handshakes one address may hold.
// Membership is asked through an interface; nothing here knows the directory.

import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';

export interface Membership {
  isMember(peerId: string): boolean;
  /** A member once, and no more: refused like a stranger, counted apart. */
  isRevoked?(peerId: string): boolean;
  /** Whether the directory lists this address (as IP text) for any member: such an address is never rate-limited. */
  isMemberHost?(host: string): boolean;
}

/** Lets everybody in: for the enrolment endpoint, where the exchange itself decides. */
export const everybody: Membership = { isMember: () => true };

export interface Gate {
  readonly gater: ConnectionGater;
  /** Connections refused or dropped since the start, by code. */
  refusals(): Readonly<Partial<Record<Code, number>>>;
  /** Handshakes under way. */
  readonly pending: number;
}

const RATE_WINDOW_MS = 1000;

export function createGate(membership: Membership, clock: Clock): Gate {
  const refused = new Map<Code, number>();
  const count = (code: Code): void => void refused.set(code, (refused.get(code) ?? 0) + 1);
  const isKnownHost = (host: string): boolean => membership.isMemberHost?.(host) ?? false;
  const handshakes = createHandshakes(isKnownHost, () => count('BUSY'));
  const rate = createRate(clock);

  const deny = (peer: PeerId): boolean => {
    const peerId = peer.toString();
    if (membership.isRevoked?.(peerId)) count('REVOKED');
    else if (!membership.isMember(peerId)) count('NOT_A_MEMBER');
    else return false;
    return true;
  };

  return {
    gater: {
      denyDialPeer: deny,
      denyOutboundEncryptedConnection: deny,
      denyInboundConnection: (connection) => {
        const host = hostOf(connection.remoteAddr);
        if (!isKnownHost(host) && rate.exceeded(host)) {
          count('BUSY');
          return true;
        }
        handshakes.begin(connection, host);
        return false;
      },
      denyInboundEncryptedConnection: (peer, connection) => {
        handshakes.end(connection);
        return deny(peer);
      },
      // Only addresses of members are worth remembering; called for every address a peer tells.
      filterMultiaddrForPeer: (peer) => membership.isMember(peer.toString()),
    },
    refusals: () => Object.fromEntries(refused),
    get pending() {
      return handshakes.size;
    },
  };
}

interface Handshakes {
  begin(connection: MultiaddrConnection, host: string): void;
  end(connection: MultiaddrConnection): void;
  readonly size: number;
}

/**
 * When an address (or all together) holds too many unfinished handshakes, the oldest is dropped and never the newest
 * refused: an honest handshake takes milliseconds, an idle socket only ever grows older. Filling the slots with idle
 * sockets therefore locks nobody out, not even others at the same address.
 */
function createHandshakes(isKnownHost: (host: string) => boolean, dropped: () => void): Handshakes {
  // Maps keep the order of insertion: the first is the oldest.
  const pending = new Map<MultiaddrConnection, string>();
  const perHost = new Map<string, number>();

  const end = (connection: MultiaddrConnection): void => {
    const host = pending.get(connection);
    if (host === undefined) return;
    pending.delete(connection);
    const left = (perHost.get(host) ?? 1) - 1;
    if (left === 0) perHost.delete(host);
    else perHost.set(host, left);
  };
  const dropOldest = (matches: (host: string) => boolean): boolean => {
    for (const [connection, host] of pending) {
      if (!matches(host)) continue;
      end(connection);
      dropped();
      connection.abort(new MeshError('BUSY', 'too many unfinished handshakes'));
      return true;
    }
    return false;
  };

  return {
    begin(connection, host) {
      const perHostLimit = isKnownHost(host) ? LIMITS.pendingPerMemberHost : LIMITS.pendingPerHost;
      if ((perHost.get(host) ?? 0) >= perHostLimit) dropOldest((other) => other === host);
      if (pending.size >= LIMITS.pendingConnections) {
        // Strangers make room first.
        if (!dropOldest((other) => !isKnownHost(other))) dropOldest(() => true);
      }
      pending.set(connection, host);
      perHost.set(host, (perHost.get(host) ?? 0) + 1);
      connection.addEventListener('close', () => end(connection));
    },
    end,
    get size() {
      return pending.size;
    },
  };
}

/** Connections of one address within the current second; the table is emptied each second, so that it stays small. */
function createRate(clock: Clock): { exceeded(host: string): boolean } {
  const seen = new Map<string, number>();
  let windowStartMs = 0;
  return {
    exceeded(host) {
      const now = clock.nowMs();
      // A clock that was set back starts a new window, too.
      if (now - windowStartMs >= RATE_WINDOW_MS || now < windowStartMs) {
        seen.clear();
        windowStartMs = now;
      }
      const connections = (seen.get(host) ?? 0) + 1;
      seen.set(host, connections);
      return connections > LIMITS.inboundPerSecondPerHost;
    },
  };
}

function hostOf(address: Multiaddr): string {
  const ip = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6');
  return ip?.value ?? '';
}
