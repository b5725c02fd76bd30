// Where a new node listens and what it tells others: fixed free ports, and addresses at which other machines reach it.

import { randomInt } from 'node:crypto';
import { type AddressInfo, createServer, isIP, isIPv6, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { multiaddr } from '@multiformats/multiaddr';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const HOST_PORT =
  /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)):(\d{1,5})$/i;
const ANY_HOSTS = new Set(['0.0.0.0', '::']);
export const DEFAULT_LISTEN = '/ip4/0.0.0.0/tcp/0';

/** Port 0 stands for "a free one" where it makes sense, and is refused elsewhere by `minPort`. */
export function parseHostPort(text: string, minPort = 1): HostPort {
  const match = HOST_PORT.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < minPort || port > 65_535 || String(port) !== match[3]) {
    throw new MeshError('USAGE', `${quote(text)} is not HOST:PORT`, {
      next: 'Write it like odcm.example.org:4100, 10.0.0.5:4100 or [fd00::5]:4100.',
    });
  }
  return { host: (match[1] ?? match[2])!, port };
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** As the network library wants it. */
export function multiaddrOf({ host, port }: HostPort): string {
  const kinds = { 0: 'dns', 4: 'ip4', 6: 'ip6' } as const;
  return `/${kinds[isIP(host) as 0 | 4 | 6]}/${host}/tcp/${port}`;
}

/** A name or an address that is not this machine's stands for a way in through a proxy: then all of ours listen. */
export function listenHost(host: string): string {
  const isOurs = isIP(host) !== 0 && (isLoopback(host) || ownHosts().includes(host));
  if (isOurs || ANY_HOSTS.has(host)) return host;
  return host === 'localhost' ? '127.0.0.1' : '0.0.0.0';
}

/** What a token says of an endpoint: where it listens everywhere, an address that others can use. */
export function reachableEndpoint(endpoint: HostPort): HostPort {
  if (!ANY_HOSTS.has(endpoint.host)) return endpoint;
  return { ...endpoint, host: ownHosts()[0] ?? '127.0.0.1' };
}

/** What the directory says of a node: `announce`, or each address of this machine that `listen` covers. */
export function reachableAddresses(
  listen: readonly string[],
  announce: readonly string[] = [],
): string[] {
  if (announce.length > 0) return [...announce].slice(0, LIMITS.addresses);
  const all = listen.flatMap((address) => {
    const any = /^\/ip[46]\/(0\.0\.0\.0|::)(\/tcp\/.*)$/.exec(address);
    if (any === null) return [address];
    const hosts = ownHosts().filter((host) => any[1] === '::' || !isIPv6(host));
    const usable = hosts.length > 0 ? hosts : ['127.0.0.1'];
    return usable.map((host) => `/${isIPv6(host) ? 'ip6' : 'ip4'}/${host}${any[2]}`);
  });
  return [...new Set(all)].slice(0, LIMITS.addresses);
}

/** IPv4 first; link-local addresses mean nothing to other machines without a zone. */
function ownHosts(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((rows) => rows ?? []);
  const usable = all.filter((row) => !row.internal && !row.address.startsWith('fe80'));
  const of = (family: string) => usable.filter((row) => row.family === family);
  return [...of('IPv4'), ...of('IPv6')].map((row) => row.address);
}

const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1';

/**
 * A node has its port long before it listens, and while it is stopped. So it is none of those that the system gives to
 * connections that go out, or to who asks for any, where nobody set that otherwise: from 32768 on Linux, 49152 on macOS and Windows;
 * nor one that clusters give out (30000).
 */
const LASTING = { first: 10_000, count: 20_000, tries: 50 };

/** The same addresses with every port 0 replaced by a port that is free now; no port is given out twice. */
export async function fixPorts(addresses: readonly string[]): Promise<string[]> {
  for (const address of addresses) assertAddress(address);
  const open: Server[] = [];
  try {
    const fixed: string[] = [];
    for (const address of addresses) {
      const match = /^(\/ip[46]\/([^/]+)\/tcp\/)0$/.exec(address);
      fixed.push(match === null ? address : `${match[1]}${await listenOn(match[2]!, open)}`);
    }
    return fixed;
  } finally {
    await Promise.all(open.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

export function assertAddress(address: string): void {
  try {
    multiaddr(address);
  } catch (cause) {
    throw new MeshError('USAGE', `${quote(address)} is no address`, {
      next: 'Addresses look like /ip4/0.0.0.0/tcp/4101 or /dns/odcm.example.org/tcp/4101.',
      cause,
    });
  }
}

async function listenOn(host: string, open: Server[]): Promise<number> {
  for (let tries = 0; tries < LASTING.tries; tries++) {
    const port = LASTING.first + randomInt(LASTING.count);
    try {
      return await listenAt(host, port, open);
    } catch (error) {
      if (!isTaken(error)) throw noListening(host, error);
    }
  }
  return listenAt(host, 0, open).catch((error: unknown) => {
    throw noListening(host, error);
  });
}

/** Somebody's, or reserved: another one may do. */
const isTaken = (error: unknown): boolean =>
  ['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');

const noListening = (host: string, cause: unknown): MeshError =>
  new MeshError('USAGE', `nothing can listen on ${host} here`, { cause });

async function listenAt(host: string, port: number, open: Server[]): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
  open.push(server);
  return (server.address() as AddressInfo).port;
}
