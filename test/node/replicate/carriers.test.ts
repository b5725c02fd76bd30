import { describe, expect, it } from 'vitest';
import { systemClock, systemTimers } from '../../../node/clock.ts';
import { silentLog } from '../../../node/log.ts';
import type { Network } from '../../../node/net/network.ts';
import { Carriers } from '../../../node/replicate/carriers.ts';
import { parseFeedId } from '../../../protocols/ids.ts';

const feed = parseFeedId('0199b7c2-1f00-4000-8000-000000000001');

const has = (held: number, whole = held, size = 9) => ({ held, whole, size });

function carriersOn(connected: ReadonlySet<string>): Carriers {
  const host = { isConnected: (peerId: string) => connected.has(peerId) } as unknown as Network;
  return new Carriers(host, systemClock, systemTimers, silentLog);
}

describe('carriers of a feed', () => {
  it('are the fullest first, and only those that hold more than was asked', () => {
    const carriers = carriersOn(new Set(['a', 'b', 'c']));
    carriers.note(feed, 'a', has(5));
    carriers.note(feed, 'b', has(9));
    carriers.note(feed, 'c', has(2));
    expect(carriers.of(feed)).toEqual(['b', 'a', 'c']);
    expect(carriers.of(feed, 2)).toEqual(['b', 'a']);
    expect(carriers.of(feed, 9)).toEqual([]);
  });

  it('are not those that went away, also when one was noted after that', () => {
    const connected = new Set(['a', 'b']);
    const carriers = carriersOn(connected);
    carriers.note(feed, 'a', has(5));
    connected.delete('b');
    carriers.forget('b');
    carriers.note(feed, 'b', has(9));
    expect(carriers.of(feed)).toEqual(['a']);
    connected.delete('a');
    expect(carriers.of(feed)).toEqual([]);
  });
});
