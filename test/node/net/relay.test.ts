import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../../node/log.ts';
import type { Gossip } from '../../../node/net/gossip.ts';
import { MESSAGES_A_TURN } from '../../../node/net/gossip-guard.ts';
import { relayLater } from '../../../node/net/relay.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { connect, inMesh, startHost, stopAll, TOPIC, until } from './hosts.ts';

type Message = { topic: string; data: Uint8Array };

/** A topic of messages that make no frame. */
const UNSENDABLE = 'unsendable';

const message = (topic = TOPIC, bytes = 1): Message => ({ topic, data: new Uint8Array(bytes) });

/** The library's part: each message goes to all peers but the one that brought it and those that are to be left out. */
class Library {
  readonly frames: { to: string; messages: Message[] }[] = [];
  readonly heardFrom = new Set<string>();
  readonly deaf = new Set<string>();
  /** What the operator reads of it. */
  readonly lines: [level: string, detail: object][] = [];
  readonly score = {
    deliveryRecords: {
      getRecord: (id: string) => (id === 'old' ? undefined : { peers: this.heardFrom }),
    },
  };

  forwardMessage(id: string, one: Message, from?: string, except?: ReadonlySet<string>): void {
    if (id === 'throws') throw new Error('cannot');
    for (const peer of ['first', 'second', 'third'])
      if (peer !== from && !except?.has(peer)) this.sendRpc(peer, { messages: [one] });
  }

  sendRpc(to: string, { messages }: { messages: Message[] }): boolean {
    if (this.deaf.has(to)) return false;
    if (messages.some(({ topic }) => topic === UNSENDABLE)) throw new Error(`not to ${to}`);
    this.frames.push({ to, messages });
    return true;
  }

  to = (peer: string) => this.frames.filter(({ to }) => to === peer);
}

function relays(): Library {
  vi.useFakeTimers();
  const library = new Library();
  const line = (level: string) => (detail: object) => library.lines.push([level, detail]);
  const log = { debug: line('debug'), info: line('info'), warn: line('warn') };
  relayLater(library as unknown as Gossip, { ...log, error: line('error') } as Log);
  return library;
}

const ALL_MS = LIMITS.relayEveryMs + LIMITS.relayWithinMs;

describe('relaying', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits a moment and leaves out who brought the message meanwhile', () => {
    const library = relays();
    const one = message();
    library.forwardMessage('id', one, 'first');
    expect(library.frames).toEqual([]);
    library.heardFrom.add('second');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.frames).toEqual([{ to: 'third', messages: [one] }]);
  });

  it('goes to everybody else when nothing is remembered of the message', () => {
    const library = relays();
    library.forwardMessage('old', message(), 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.frames.map(({ to }) => to)).toEqual(['second', 'third']);
  });

  it('gives what comes soon after to each peer in one frame, with none lost or twice', () => {
    const library = relays();
    library.forwardMessage('id', message(), 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    library.frames.length = 0;
    const many = Array.from({ length: 5 }, (_, i) => message(TOPIC, i + 1));
    for (const one of many) {
      library.forwardMessage('id', one, 'first');
      vi.advanceTimersByTime(10);
    }
    expect(library.frames).toEqual([]);
    vi.advanceTimersByTime(ALL_MS);
    expect(library.to('second')).toEqual([{ to: 'second', messages: many }]);
    expect(library.to('third')).toEqual([{ to: 'third', messages: many }]);
    expect(library.to('first')).toEqual([]);
  });

  it('does not wait longer than a frame has room, but a moment even so', () => {
    const library = relays();
    const sizes = () => library.to('second').map(({ messages }) => messages.length);
    const count = MESSAGES_A_TURN;
    for (let i = 0; i <= count; i++) library.forwardMessage('id', message(), 'first');
    expect(sizes()).toEqual([]);
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(sizes()).toEqual([count]);
    vi.advanceTimersByTime(ALL_MS);
    expect(sizes()).toEqual([count, 1]);
    const large = LIMITS.announcementMessageBytes;
    for (let i = 0; i < 2; i++) library.forwardMessage('id', message(TOPIC, large), 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(sizes()).toEqual([count, 1, 2]);
    vi.advanceTimersByTime(2 * ALL_MS);
    expect(sizes()).toEqual([count, 1, 2]);
  });

  it('passes on what it can when one message cannot be, and says so in one line', () => {
    const library = relays();
    const [one, two] = [message(), message()];
    library.forwardMessage('id', one, 'first');
    for (let i = 0; i < 2; i++) library.forwardMessage('throws', message(), 'first');
    library.forwardMessage('id', two, 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.to('second')).toEqual([{ to: 'second', messages: [one, two] }]);
    expect(library.lines).toEqual([['warn', { topic: TOPIC, count: 2, err: 'Error: cannot' }]]);
    library.sendRpc('third', { messages: [] });
    expect(library.to('third').at(-1)).toEqual({ to: 'third', messages: [] });
  });

  it('says once to how many peers a frame could not be sent', () => {
    const library = relays();
    library.forwardMessage('id', message(UNSENDABLE), 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.lines).toEqual([
      ['warn', { topic: UNSENDABLE, count: 2, err: 'Error: not to second' }],
    ]);
  });

  it('does not trouble the operator with a peer that takes nothing', () => {
    const library = relays();
    library.deaf.add('second');
    library.forwardMessage('id', message(), 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.frames.map(({ to }) => to)).toEqual(['third']);
    expect(library.lines).toEqual([['debug', { peerId: 'second', count: 1 }]]);
  });

  it('says nothing of what goes well', () => {
    const library = relays();
    for (let i = 0; i < 3 * MESSAGES_A_TURN; i++) {
      library.forwardMessage('id', message(), 'first');
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(2 * ALL_MS);
    expect(library.to('second').flatMap(({ messages }) => messages)).toHaveLength(
      3 * MESSAGES_A_TURN,
    );
    expect(library.lines).toEqual([]);
  });

  it('leaves out whom it was told to leave out', () => {
    const library = relays();
    library.forwardMessage('id', message(), 'first', new Set(['third']));
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.frames.map(({ to }) => to)).toEqual(['second']);
  });

  it('of a quiet topic does not wait for a busy one', () => {
    const library = relays();
    library.forwardMessage('id', message(), 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    library.frames.length = 0;
    library.forwardMessage('id', message(), 'first');
    const quiet = message('directory');
    library.forwardMessage('id', quiet, 'first');
    vi.advanceTimersByTime(LIMITS.relayWithinMs);
    expect(library.to('second')).toEqual([{ to: 'second', messages: [quiet] }]);
  });

  it('holds up nothing else that is sent', () => {
    const library = relays();
    library.forwardMessage('id', message(), 'first');
    library.sendRpc('second', { messages: [] });
    expect(library.frames).toEqual([{ to: 'second', messages: [] }]);
  });

  it('reaches a host that is not connected to the publisher', async () => {
    const hosts = [await startHost(), await startHost(), await startHost()] as const;
    const [publisher, between, far] = hosts;
    for (const host of hosts) host.gossip.subscribe(TOPIC);
    await connect(publisher, between);
    await connect(between, far);
    await until(() => inMesh(between, publisher) && inMesh(between, far), 'gossip meshes');
    await until(() => inMesh(publisher, between) && inMesh(far, between), 'the other way, too');
    const heard: string[] = [];
    far.gossip.addEventListener('message', ({ detail }) =>
      heard.push(Buffer.from(detail.data).toString()),
    );
    const told = Array.from({ length: 40 }, (_, i) => `head ${i}`);
    for (const text of told) await publisher.gossip.publish(TOPIC, Buffer.from(text));
    await until(() => heard.length >= told.length, 'all of it');
    expect(heard.toSorted()).toEqual(told.toSorted());
    await stopAll();
  });
});
