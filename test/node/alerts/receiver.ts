// A real HTTP server on loopback that receives webhooks, answers as a test says, and can be waited for.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly answer: number;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Status of the answers; 0 cuts the connection instead. */
  answer: number;
  /** Resolves once so many requests have come. */
  until(count: number): Promise<void>;
  /** Resolves once so many were answered with success. */
  accepted(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Stops with the test that started it. */
export async function receive(port = 0): Promise<Receiver> {
  const receiver = await openReceiver(port);
  onTestFinished(() => receiver.stop());
  return receiver;
}

/** Stops when it is told to. */
export async function openReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const wait = (isThere: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!isThere()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { answer } = receiver;
      response.on('close', () => {
        received.push({ headers: request.headers, body: body.toString(), answer });
        for (const look of waiting) look();
      });
      if (answer === 0) response.destroy();
      else response.writeHead(answer, { location: 'http://127.0.0.1:1/' }).end('taken');
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
    received,
    answer: 200,
    until: (count) => wait(() => received.length >= count),
    accepted: (count) =>
      wait(() => received.filter(({ answer }) => answer < 300 && answer > 0).length >= count),
    stop: async () => {
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}
