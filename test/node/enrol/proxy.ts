// A TCP proxy between a node and ODCM that can be told to cut, to change and to count.

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { HostPort } from '../../../node/home/addresses.ts';

export interface TcpProxy {
  readonly endpoint: HostPort;
  /** Connections so far. */
  readonly count: number;
  /** Ends every connection at once, without a word. */
  cut(): void;
  stop(): Promise<void>;
}

/** @param change applied to what ODCM sends: connection number from 0, bytes sent before, bytes */
export async function startProxy(
  target: HostPort,
  change: (connection: number, at: number, bytes: Buffer) => Buffer = (_, __, bytes) => bytes,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  };
  const server: Server = createServer((near) => {
    const number = count++;
    const far = connect(target.port, target.host);
    let sent = 0;
    for (const socket of [near, far]) track(socket);
    near.on('data', (bytes) => void far.write(bytes)).on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    far.on('data', (bytes) => {
      near.write(change(number, sent, bytes));
      sent += bytes.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: { host: '127.0.0.1', port },
    get count() {
      return count;
    },
    cut,
    stop: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
