import { describe, expect, it } from 'vitest';
import { Rate } from '../../node/rate.ts';
import { VirtualTime } from './virtual-time.ts';

describe('a rate', () => {
  it('gives its burst at once, and then so many in a second', async () => {
    const clock = new VirtualTime();
    const rate = new Rate({ perSecond: 10, burst: 3, clock });
    for (let i = 0; i < 3; i++) {
      expect(rate.waitMs()).toBe(0);
      rate.take();
    }
    expect(rate.waitMs()).toBe(100);
    await clock.advance(99);
    expect(rate.waitMs()).toBe(1);
    await clock.advance(1);
    expect(rate.waitMs()).toBe(0);
    await clock.advance(60_000);
    for (let i = 0; i < 3; i++) rate.take();
    expect(rate.waitMs()).toBe(100);
  });

  it('puts those that do not wait for it into a row', () => {
    const rate = new Rate({ perSecond: 10, burst: 1, clock: new VirtualTime() });
    rate.take();
    expect(rate.waitMs()).toBe(100);
    rate.take();
    expect(rate.waitMs()).toBe(200);
  });

  it('gives nothing for a clock that is set back', () => {
    let nowMs = 10_000;
    const rate = new Rate({ perSecond: 10, burst: 1, clock: { nowMs: () => nowMs } });
    rate.take();
    nowMs = 0;
    expect(rate.waitMs()).toBe(100);
    nowMs = 100;
    expect(rate.waitMs()).toBe(0);
  });
});
