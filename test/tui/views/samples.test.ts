import { describe, expect, it } from 'vitest';
import { feedPanel, feedsView, lagPanel } from '../../../tui/views/feeds.ts';
import { FeedSamples, SlotRing } from '../../../tui/views/samples.ts';
import { answer, feed, NOW_MS } from './answers.ts';

const room = { columns: 60, ascii: false, nowMs: NOW_MS };
const textOf = (lines: readonly (readonly { text: string }[])[]): string =>
  lines.map((line) => line.map(({ text }) => text).join('')).join('\n');

describe('a ring of slots', () => {
  it('keeps the highest value of each slot and knows where nobody looked', () => {
    const ring = new SlotRing(4, 10);
    for (const [at, value] of [
      [0, 1],
      [5, 3],
      [9, 2],
      [20, 7],
      [25, 4],
    ] as const)
      ring.add(at, value);
    expect(ring.values()).toEqual([null, 3, null, 7]);
  });

  it('forgets what is older than it is long, and takes no value from before that', () => {
    const ring = new SlotRing(3, 10);
    ring.add(0, 1);
    ring.add(1_000_000_000, 2);
    ring.add(0, 9);
    expect(ring.values()).toEqual([null, null, 2]);
    expect(new SlotRing(2, 10).values()).toEqual([null, null]);
  });
});

describe('samples of feeds', () => {
  it('know no rate before the second look', () => {
    const samples = new FeedSamples();
    expect(samples.rate('feed-1')).toBeNull();
    samples.add(0, [feed({ size: 100, held: 0 })]);
    expect(samples.rate('feed-1')).toBeNull();
    samples.add(10_000, [feed({ size: 140, held: 0 })]);
    expect(samples.rate('feed-1')).toBe(4);
  });

  it('measure the rate over the last minute', () => {
    const samples = new FeedSamples();
    for (let at = 0; at <= 300; at += 1) {
      samples.add(at * 1000, [feed({ size: at < 200 ? 0 : (at - 200) * 5, held: 0 })]);
    }
    expect(samples.rate('feed-1')).toBeCloseTo(5, 1);
  });

  it('begin anew when a feed gets shorter or the clock goes back', () => {
    const samples = new FeedSamples();
    samples.add(0, [feed({ size: 100, held: 0 })]);
    samples.add(10_000, [feed({ size: 10, held: 0 })]);
    expect(samples.rate('feed-1')).toBeNull();
    samples.add(5_000, [feed({ size: 20, held: 0 })]);
    expect(samples.rate('feed-1')).toBeNull();
  });

  it('forget a feed that is gone', () => {
    const samples = new FeedSamples();
    samples.add(0, [feed()]);
    samples.add(1_000, []);
    expect(samples.trend('feed-1')).toEqual([]);
  });

  it('keep the worst lag of every minute', () => {
    const samples = new FeedSamples();
    samples.add(0, [feed({ behind: 3, lagMs: 2_000 }), feed({ id: 'b', lagMs: 0 })]);
    samples.add(30_000, [feed({ behind: 9, lagMs: 30_000 })]);
    samples.add(61_000, [feed({ lagMs: 0 })]);
    expect(samples.worstPerMinute().slice(-2)).toEqual([30_000, 0]);
    expect(textOf(lagPanel(samples, room).lines)).toContain(
      'now 0 s   worst 30 s   seen for 2 minutes',
    );
  });

  it('say that nobody looked yet', () => {
    expect(textOf(lagPanel(new FeedSamples(), room).lines)).toContain('not looked at yet');
  });
});

describe('the feeds', () => {
  it('show rates only where they were looked at more than once', () => {
    const plain = feedsView(answer(feed()));
    expect(plain.columns.filter(({ key, wide }) => key === 'rate' && wide)).toHaveLength(1);
    const samples = new FeedSamples();
    samples.add(0, [feed()]);
    const watched = feedsView(answer(feed()), samples);
    expect(watched.columns.filter(({ key, wide }) => key === 'rate' && !wide)).toHaveLength(1);
  });

  it('count what is missing, and leave the lag of closed feeds unknown', () => {
    const view = feedsView(
      answer(
        feed({ id: 'a', behind: 12, held: 368, lagMs: 58_000 }),
        feed({ id: 'b', behind: 0, deadLetters: 2 }),
        feed({ id: 'c', grant: null, size: null, held: 0, lagMs: null }),
      ),
    );
    expect(view.figures).toMatchObject({
      ...{ behind: 12, feedsBehind: 1, deadLetters: 2, frozen: 0 },
      lag: { value: 58_000, kind: 'duration' },
    });
    expect(view.rows[2]!.lagMs).toBeNull();
  });

  it('open to a panel with what is missing and for how long', () => {
    const [line] = feedsView(answer(feed({ behind: 12, held: 368, lagMs: 58_000 }))).rows;
    const text = textOf(feedPanel(line!, room).lines);
    expect(text).toContain('ours 368  head 380');
    expect(text).toContain('12 entries, for 58 s');
    expect(text).toContain('rate not measured yet');
  });
});
