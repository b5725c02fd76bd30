import { describe, expect, it } from 'vitest';
import { type Frame, renderOverview } from '../../../tui/demo/overview.ts';
import type { SpaceView, World } from '../../../tui/demo/world.ts';
import { displayWidth } from '../../../tui/format/width.ts';

const HOSTILE =
  'pay\u001b[2J\u202ements\nroot:\u200b 名前\u0301\u0301\u0301\u0301\u0301\u0301 \u009b31m';

const space = (name: string, changes: Partial<SpaceView> = {}): SpaceView => ({
  name,
  state: 'online',
  status: 'online',
  heardAgoMs: 1_200,
  peers: 5,
  feeds: 7,
  held: 26,
  rates: [0, 1, 3, null, 2],
  ...changes,
});

const world = (changes: Partial<World> = {}): World => ({
  meshName: 'acme',
  folder: '/tmp/odcm-demo-0',
  upMs: 61_000,
  spaces: [
    space('hq', { status: 'online, ODCM' }),
    space('platform'),
    space('payments', {
      state: 'ended',
      status: 'ended, SIGKILL',
      heardAgoMs: 9_000,
      peers: null,
      feeds: null,
      held: null,
    }),
    space('shipping', { state: 'silent', status: 'silent' }),
    space('identity'),
    space('ledger', { state: 'not started', status: 'not started', heardAgoMs: null }),
  ],
  feeds: ['hq/environments', 'identity/users', 'payments/releases', 'platform/step-templates'].map(
    (feed, index) => ({
      feed,
      context: feed.split('/')[1]!,
      size: 6 + index,
      carriers: 4,
      takers: index === 0 ? 4 : 5,
      root: 'ab'.repeat(32),
    }),
  ),
  events: Array.from({ length: 40 }, (_, index) => ({
    timeMs: Date.UTC(2026, 10, 20, 10, 42, 40 - index),
    feed: 'payments/releases',
    item: `web-shop-${index}`,
    version: 40 - index,
    entry: 100 - index,
    spaces: 5,
    withinMs: 12.4,
  })),
  outcomes: [
    { title: 'Shared variables reach every space', outcome: 'ok', summary: 'after 24 ms' },
    { title: 'Trust decides', outcome: 'failed', summary: 'shipping may subscribe' },
  ],
  ...changes,
});

const frame = (changes: Partial<Frame> = {}): Frame => ({
  columns: 100,
  rows: 30,
  colour: false,
  ascii: false,
  ...changes,
});

const hostileWorld = (): World =>
  world({
    meshName: HOSTILE,
    spaces: [space(HOSTILE, { held: Number.MAX_SAFE_INTEGER }), ...world().spaces],
    feeds: Array.from({ length: 60 }, (_, index) => ({
      feed: `${HOSTILE}/${index}`,
      context: HOSTILE,
      size: 10 ** 15,
      carriers: 0,
      takers: 1000,
      root: HOSTILE,
    })),
    events: world().events.map((event) => ({ ...event, feed: HOSTILE, item: HOSTILE.repeat(9) })),
    outcomes: [{ title: HOSTILE, outcome: 'failed', summary: HOSTILE.repeat(9) }],
  });

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away here.
const plain = (line: string): string => line.replaceAll(/\u001b\[\d+m/g, '');
// biome-ignore lint/suspicious/noControlCharactersInRegex: and anything else of that kind is what must not be there.
const ACTS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]/;

describe('overview of the demo', () => {
  const sizes = [60, 80, 100, 140, 200].flatMap((columns) =>
    [12, 20, 24, 30, 60].map((rows) => ({ columns, rows })),
  );

  it.each(sizes)('fits a terminal of $columns × $rows', (size) => {
    for (const shown of [world(), hostileWorld(), world({ feeds: [], events: [], outcomes: [] })]) {
      for (const colour of [false, true]) {
        const lines = renderOverview(shown, frame({ ...size, colour })).map(plain);
        expect(lines.length).toBeLessThanOrEqual(size.rows);
        expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(size.columns);
      }
    }
  });

  it('shows nothing that acts on a terminal, whatever nodes say', () => {
    for (const columns of [40, 60, 100, 200]) {
      for (const line of renderOverview(hostileWorld(), frame({ columns }))) {
        expect(line).not.toMatch(ACTS);
      }
    }
  });

  it('says of each space in words how it is', () => {
    const text = renderOverview(world(), frame()).join('\n');
    expect(text).toContain('● online, ODCM');
    expect(text).toContain('○ ended, SIGKILL');
    expect(text).toContain('◐ silent');
    expect(text).toContain('· not started');
    expect(text).toContain('3 of 6 nodes online');
  });

  it('says which promise is not kept, and why', () => {
    const text = renderOverview(world(), frame()).join('\n');
    expect(text).toMatch(/✗ Trust decides +FAILED: shipping may subscribe/);
    expect(text).toMatch(/✓ Shared variables reach every space +after 24 ms/);
  });

  it('counts promises where there is no room for each', () => {
    const text = renderOverview(world(), frame({ rows: 20 })).join('\n');
    expect(text).toContain('✗ 1 of 2 promises kept');
    expect(text).not.toContain('Trust decides');
  });

  it('names how many feeds found no room', () => {
    const text = renderOverview(hostileWorld(), frame({ rows: 30, columns: 200 })).join('\n');
    expect(text).toMatch(/FEED \(\d+ MORE\)/);
  });

  it('keeps room for the newest events and cuts the oldest', () => {
    const text = renderOverview(world(), frame()).join('\n');
    expect(text).toContain('web-shop-0 ');
    expect(text).not.toContain('web-shop-39');
  });

  it('has no sign beyond ASCII when asked', () => {
    const text = renderOverview(world(), frame({ ascii: true })).join('');
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(text).toContain('- ended, SIGKILL');
  });

  it('says that a terminal is too small, and how to leave', () => {
    for (const size of [
      { columns: 30, rows: 30 },
      { columns: 100, rows: 4 },
    ]) {
      const text = renderOverview(world(), frame(size)).join('\n');
      expect(text).toContain('3 of 6 nodes online');
      expect(text).toContain('q stops all');
    }
  });
});
