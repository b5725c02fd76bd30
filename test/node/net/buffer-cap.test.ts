import { describe, expect, it } from 'vitest';
import { createBufferCap, dropNewest } from '../../../node/net/buffer-cap.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { VirtualTime } from '../virtual-time.ts';

class Connection {
  readonly openedMs: number;
  bufferedBytes: number;
  code: string | undefined;
  constructor(openedMs: number, bufferedBytes: number) {
    this.openedMs = openedMs;
    this.bufferedBytes = bufferedBytes;
  }
  abort(error: Error): void {
    this.code = (error as Error & { code: string }).code;
  }
}

describe('what all connections hold in memory', () => {
  it('is left alone up to the cap', () => {
    const connections = [new Connection(1, 60), new Connection(2, 40)];
    expect(dropNewest(connections, 100)).toBe(0);
    expect(connections.map(({ code }) => code)).toEqual([undefined, undefined]);
  });

  it('is brought below the cap by dropping the newest, but none that holds nothing', () => {
    const connections = [50, 60, 0, 70].map((bytes, i) => new Connection(i, bytes));
    expect(dropNewest(connections, 100)).toBe(2);
    expect(connections.map(({ code }) => code)).toEqual([undefined, 'BUSY', undefined, 'BUSY']);
  });

  it('is looked at from start to stop', async () => {
    const timers = new VirtualTime();
    const big = new Connection(1, LIMITS.bufferedBytes + 1);
    const dropped: number[] = [];
    const connections = () => (big.code ? [] : [big]);
    const cap = createBufferCap({ connections, timers, onDropped: (count) => dropped.push(count) });
    cap.start();
    await timers.advance(3 * LIMITS.bufferedLookMs);
    expect(dropped).toEqual([1]);
    cap.stop();
    expect(timers.waiting).toBe(0);
  });
});
