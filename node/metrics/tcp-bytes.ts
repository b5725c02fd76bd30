// Bytes over all TCP connections of this process, from the system's own counts. The network library tells nobody what
// passes below its encryption; every socket of the process announces itself when it begins.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

const CHANNELS = ['net.client.socket', 'net.server.socket'];

export class TcpBytes {
  readonly #open = new Set<Socket>();
  #closedIn = 0;
  #closedOut = 0;
  readonly #onSocket = (message: unknown): void => {
    const { socket } = message as { socket?: unknown };
    if (!(socket instanceof Socket)) return;
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#closedIn += isTcp(socket) ? socket.bytesRead : 0;
      this.#closedOut += isTcp(socket) ? socket.bytesWritten : 0;
    });
  };

  start(): void {
    for (const channel of CHANNELS) subscribe(channel, this.#onSocket);
  }

  stop(): void {
    for (const channel of CHANNELS) unsubscribe(channel, this.#onSocket);
    this.#open.clear();
  }

  /** Since the start; connections that were there before are not known. */
  get totals(): { readonly in: number; readonly out: number } {
    let [received, sent] = [this.#closedIn, this.#closedOut];
    for (const socket of this.#open) {
      if (!isTcp(socket)) continue;
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
    return { in: received, out: sent };
  }
}

/** The control API speaks over a Unix socket, which has no port. Asked after the end, a socket remembers its own. */
const tcp = new WeakSet<Socket>();
function isTcp(socket: Socket): boolean {
  if (tcp.has(socket)) return true;
  if (socket.remotePort === undefined) return false;
  tcp.add(socket);
  return true;
}
