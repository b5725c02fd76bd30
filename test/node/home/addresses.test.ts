import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  fixPorts,
  formatHostPort,
  listenHost,
  multiaddrOf,
  parseHostPort,
  reachableAddresses,
  reachableEndpoint,
} from '../../../node/home/addresses.ts';
import { isMeshError } from '../../../protocols/errors.ts';

const isOurs = (host: string): boolean =>
  Object.values(networkInterfaces()).some((rows) => rows?.some((row) => row.address === host));

describe('addresses', () => {
  it('of an endpoint are read and written the same way', () => {
    for (const text of [
      '127.0.0.1:4100',
      'odcm.example.org:1',
      '[fd00::5]:65535',
      'localhost:80',
    ]) {
      expect(formatHostPort(parseHostPort(text))).toBe(text);
    }
    expect(multiaddrOf(parseHostPort('[::1]:7'))).toBe('/ip6/::1/tcp/7');
    expect(multiaddrOf(parseHostPort('odcm:7'))).toBe('/dns/odcm/tcp/7');
  });

  it('of an endpoint that are none are refused', () => {
    for (const text of [
      '',
      'odcm',
      ':80',
      'odcm:',
      'odcm:0',
      'odcm:08',
      'odcm:65536',
      'a b:1',
      'odcm:1:2',
    ]) {
      expect(() => parseHostPort(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
    expect(parseHostPort('odcm:0', 0).port).toBe(0);
  });

  it('that are told to others are those of this machine, or what was asked for', () => {
    expect(reachableAddresses(['/ip4/127.0.0.1/tcp/9'])).toEqual(['/ip4/127.0.0.1/tcp/9']);
    expect(reachableAddresses(['/ip4/0.0.0.0/tcp/9'], ['/dns/x/tcp/1'])).toEqual(['/dns/x/tcp/1']);
    const told = reachableAddresses(['/ip4/0.0.0.0/tcp/9']);
    expect(told.length).toBeGreaterThan(0);
    for (const address of told) expect(isOurs(address.split('/')[2]!)).toBe(true);
    expect(isOurs(reachableEndpoint({ host: '0.0.0.0', port: 1 }).host)).toBe(true);
    expect(reachableEndpoint({ host: 'odcm', port: 1 }).host).toBe('odcm');
  });

  it("that are not this machine's are listened for on all of its own", () => {
    expect(listenHost('127.0.0.1')).toBe('127.0.0.1');
    expect(listenHost('localhost')).toBe('127.0.0.1');
    expect(listenHost('0.0.0.0')).toBe('0.0.0.0');
    expect(listenHost('odcm.example.org')).toBe('0.0.0.0');
    expect(listenHost('192.0.2.1')).toBe('0.0.0.0');
  });

  it('get fixed ports that differ, and keep those that were given', async () => {
    const any = '/ip4/127.0.0.1/tcp/0';
    const fixed = await fixPorts([any, '/ip4/127.0.0.1/tcp/4101', any, any]);
    expect(fixed[1]).toBe('/ip4/127.0.0.1/tcp/4101');
    expect(new Set(fixed).size).toBe(4);
    // None that the system would give to somebody else while the node is stopped.
    for (const address of [fixed[0]!, fixed[2]!, fixed[3]!]) {
      const port = Number(/^\/ip4\/127\.0\.0\.1\/tcp\/(\d+)$/.exec(address)?.[1]);
      expect(port).toBeGreaterThanOrEqual(10_000);
      expect(port).toBeLessThan(30_000);
    }
    const refusal = await fixPorts(['/tcp']).catch((error: unknown) => error);
    expect(isMeshError(refusal, 'USAGE')).toBe(true);
  });

  it('on a host that is not here get no port', async () => {
    const refusal = await fixPorts(['/ip4/192.0.2.1/tcp/0']).catch((error: unknown) => error);
    expect(isMeshError(refusal, 'USAGE')).toBe(true);
    expect(String(refusal)).toContain('nothing can listen on 192.0.2.1 here');
  });
});
