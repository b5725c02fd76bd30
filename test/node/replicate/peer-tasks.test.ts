import { describe, expect, it } from 'vitest';
import { PeerTasks } from '../../../node/replicate/peer-tasks.ts';

/** Exchanges that end when they are told to. */
function held() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const connected = new Set(['a', 'b']);
  const tasks = new PeerTasks({
    exchange: (peerId) => {
      begun.push(peerId);
      return new Promise((resolve) => ends.push(resolve));
    },
    isConnected: (peerId) => connected.has(peerId),
  });
  const endFirst = async () => {
    ends.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { tasks, begun, endFirst, connected };
}

describe('exchanges with peers', () => {
  it('run side by side, with each peer one at a time', async () => {
    const { tasks, begun, endFirst } = held();
    for (const peerId of ['a', 'b', 'a', 'a']) tasks.start(peerId);
    expect(begun).toEqual(['a', 'b']);
    await endFirst();
    expect(begun).toEqual(['a', 'b', 'a']);
    await endFirst();
    await endFirst();
    expect(begun).toEqual(['a', 'b', 'a']);
    tasks.start('a');
    expect(begun).toEqual(['a', 'b', 'a', 'a']);
  });

  it('are not repeated with a peer that went away', async () => {
    const { tasks, begun, endFirst, connected } = held();
    tasks.start('a');
    tasks.start('a');
    connected.delete('a');
    await endFirst();
    expect(begun).toEqual(['a']);
  });

  it('are waited for when the node stops, and none begins after that', async () => {
    const { tasks, begun, endFirst } = held();
    tasks.start('a');
    tasks.start('a');
    let isStopped = false;
    const stopping = tasks.stop().then(() => {
      isStopped = true;
    });
    tasks.start('b');
    expect(isStopped).toBe(false);
    await endFirst();
    await stopping;
    expect(begun).toEqual(['a']);
  });
});
