import { describe, expect, it } from 'vitest';
import { WatchTime } from '../../../tui/demo/watch-time.ts';

function watched() {
  let nowMs = 1_000;
  const watch = new WatchTime(() => nowMs);
  return async (afterMs: number, waits: readonly (number | undefined)[], tookMs = 0) => {
    nowMs += afterMs;
    return watch.look(async () => {
      nowMs += tookMs;
      return waits.map((times) => (times === undefined ? {} : { waits: times }));
    });
  };
}

describe('the time that a space was watched', () => {
  it('counts while all observers are well, those that say nothing of it included', async () => {
    const look = watched();
    expect(await look(400, [1, 1])).toBe(400);
    expect(await look(300, [1, undefined])).toBe(700);
  });

  it('does not count while one of them is not well', async () => {
    const look = watched();
    expect(await look(400, [1, 2])).toBe(0);
    expect(await look(300, [1, 1])).toBe(300);
  });

  it('does not count while one of them is held up', async () => {
    const look = watched();
    expect(await look(100, [1], 499)).toBe(599);
    expect(await look(100, [1], 500)).toBe(599);
  });
});
