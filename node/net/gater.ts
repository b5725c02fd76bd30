// Who may connect: members by proven identity, nobody else; and how many unfinished handshakes one address may hold.
// Membership is asked through an interface; nothing here knows the directory.

import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';
import { Outcasts } from './outcasts.ts';

export interface Membership {
  isMember(peerId: string): boolean;
  /** A member once, and no more: refused like a stranger, counted apart. */
  isRevoked?(peerId: string): boolean;
  /** Whether the directory lists this address (as IP text) for any member: such an address is given more room. */
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
  /** The peer sent something provably false: it is refused for a while. Who calls this ends its connections. */
  cast(peerId: string): void;
  isOutcast(peerId: string): boolean;
}

const RATE_WINDOW_MS = 1000;

export function createGate(membership: Membership, clock: Clock): Gate {
  const refused = new Map<Code, number>();
  const count = (code: Code): void => void refused.set(code, (refused.get(code) ?? 0) + 1);
  const isKnownHost = (host: string): boolean => membership.isMemberHost?.(host) ?? false;
  const handshakes = createHandshakes(isKnownHost, () => count('BUSY'));
  const connects = createPerSecond(clock);
  const strangers = createPerSecond(clock);
  const outcasts = new Outcasts(clock);
  const perPeer = createPerPeer(() => count('BUSY'));

  const deny = (peer: PeerId): boolean => {
    const peerId = peer.toString();
    if (membership.isRevoked?.(peerId)) count('REVOKED');
    else if (!membership.isMember(peerId)) count('NOT_A_MEMBER');
    else if (outcasts.has(peerId)) count('OUTCAST');
    else return false;
    return true;
  };

  return {
    gater: {
      denyDialPeer: deny,
      denyOutboundEncryptedConnection: deny,
      denyInboundConnection: (connection) => {
        const host = hostOf(connection.remoteAddr);
        const isTooOften = (): boolean =>
          connects.add(host) > LIMITS.inboundPerSecondPerHost ||
          strangers.of(host) >= LIMITS.strangersPerSecondPerHost;
        if (!isKnownHost(host) && isTooOften()) {
          count('BUSY');
          return true;
        }
        handshakes.begin(connection, host);
        return false;
      },
      denyInboundEncryptedConnection: (peer, connection) => {
        handshakes.end(connection);
        if (deny(peer)) {
          strangers.add(hostOf(connection.remoteAddr));
          return true;
        }
        perPeer.add(peer.toString(), connection);
        return false;
      },
      // Only addresses of members are worth remembering; called for every address a peer tells.
      filterMultiaddrForPeer: (peer) => membership.isMember(peer.toString()),
    },
    refusals: () => Object.fromEntries(refused),
    get pending() {
      return handshakes.size;
    },
    cast: (peerId) => outcasts.cast(peerId),
    isOutcast: (peerId) => outcasts.has(peerId),
  };
}

/**
 * How many connections one member holds to us: one that opens many would leave none for others. The oldest goes, because
 * a peer that restarts leaves dead ones behind and must get in at once.
 */
function createPerPeer(dropped: () => void) {
  const open = new Map<string, Set<MultiaddrConnection>>();
  return {
    add(peerId: string, connection: MultiaddrConnection): void {
      const own = open.get(peerId) ?? new Set();
      open.set(peerId, own);
      const [oldest] = own;
      if (oldest && own.size >= LIMITS.connectionsPerPeer) {
        own.delete(oldest);
        dropped();
        oldest.abort(new MeshError('BUSY', 'too many connections of one peer'));
      }
      own.add(connection);
      connection.addEventListener('close', () => {
        own.delete(connection);
        if (own.size === 0 && open.get(peerId) === own) open.delete(peerId);
      });
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

interface PerSecond {
  /** One more; how many there were in this second. */
  add(host: string): number;
  of(host: string): number;
}

/** How often within the current second, by address; the table is emptied each second, so that it stays small. */
function createPerSecond(clock: Clock): PerSecond {
  const seen = new Map<string, number>();
  let windowStartMs = 0;
  const of = (host: string): number => {
    const now = clock.nowMs();
    // A clock that was set back starts a new window, too.
    if (now - windowStartMs >= RATE_WINDOW_MS || now < windowStartMs) {
      seen.clear();
      windowStartMs = now;
    }
    return seen.get(host) ?? 0;
  };
  return {
    of,
    add(host) {
      const count = of(host) + 1;
      seen.set(host, count);
      return count;
    },
  };
}

function hostOf(address: Multiaddr): string {
  const ip = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6');
  return ip?.value ?? '';
}
