import { afterEach, describe, expect, it } from 'vitest';
import { type BareHost, createBareHost } from '../../../node/net/bare-host.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { LOOPBACK, newKeyPem } from './hosts.ts';

const code = (value: string) => expect.objectContaining({ code: value });
const started: BareHost[] = [];

async function start(options: Parameters<typeof createBareHost>[0]): Promise<BareHost> {
  const host = await createBareHost(options);
  await host.start();
  started.push(host);
  return host;
}

describe('bare host', () => {
  afterEach(async () => {
    await Promise.all(started.splice(0).map((host) => host.stop()));
  });

  it('answers a stranger who knows its peer id', async () => {
    const server = await start({ privateKeyPem: newKeyPem(), listen: [LOOPBACK] });
    const client = await start({});
    await server.serve('/test/enrol/1', async (channel, peerId) => {
      const question = await channel.read();
      await channel.send([Buffer.from(`${question} `), Buffer.from(peerId)]);
    });
    const channel = await client.open(server.peerId, server.addresses(), '/test/enrol/1');
    await channel.send(Buffer.from('who am I'));
    expect(`${await channel.read()}`).toBe(`who am I ${client.peerId}`);
    expect(await channel.read()).toBeUndefined();
    expect(client.addresses()).toEqual([]);
  });

  it('refuses a server that cannot prove the expected peer id', async () => {
    const server = await start({ listen: [LOOPBACK] });
    const [client, other] = [await start({}), await start({})];
    const bare = server.addresses().map((address) => address.replace(/\/p2p\/.*/, ''));
    await expect(client.open(other.peerId, bare, '/test/enrol/1')).rejects.toThrow(
      code('PEER_UNREACHABLE'),
    );
  });

  it('refuses frames larger than enrolment needs', async () => {
    const server = await start({ listen: [LOOPBACK] });
    const client = await start({});
    const refused = Promise.withResolvers<unknown>();
    await server.serve('/test/enrol/1', async (channel) => {
      await channel.read().catch(refused.resolve);
    });
    const channel = await client.open(server.peerId, server.addresses(), '/test/enrol/1', {
      maxFrameBytes: LIMITS.frameBytes,
    });
    await channel.send(new Uint8Array(LIMITS.enrolFrameBytes + 1)).catch(() => {});
    expect(await refused.promise).toEqual(code('TOO_LARGE'));
  });
});
