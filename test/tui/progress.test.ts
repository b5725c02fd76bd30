import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../tui/format/width.ts';
import { countBytes, createProgress, type ProgressOptions } from '../../tui/progress.ts';
import { textStream } from './streams.ts';

function setUp(changes: Partial<ProgressOptions> = {}, columns: number | undefined = 100) {
  const stderr = textStream(columns);
  const clock = { ms: 0 };
  const progress = createProgress({
    stderr,
    env: {},
    now: () => clock.ms,
    label: 'publishing',
    unit: 'bytes',
    ...changes,
  });
  const drawings = () => stderr.text.split('\r\x1b[K').slice(1);
  return { stderr, clock, progress, drawings };
}

describe('progress', () => {
  it('shows share, amount, rate and time left', () => {
    const { clock, progress, drawings } = setUp({ total: 4 * 1024 * 1024 });
    clock.ms = 1_000;
    progress.update(1024 * 1024);
    expect(drawings()).toEqual([
      'publishing  ██████░░░░░░░░░░░░░░░░░░  25%  1 MiB of 4 MiB  1 MiB/s  3 s left',
    ]);
  });

  it('shows counts, and no bar while the total is unknown', () => {
    const { clock, progress, drawings } = setUp({ unit: 'count' });
    clock.ms = 2_000;
    progress.update(5_000);
    clock.ms = 3_000;
    progress.update(6_000, 8_000);
    expect(drawings()[0]).toBe('publishing  5,000  2,500/s');
    expect(drawings()[1]).toContain('75%  6,000 of 8,000');
  });

  it('draws at most ten times a second', () => {
    const { clock, progress, drawings } = setUp();
    for (; clock.ms < 1_000; clock.ms += 1) progress.update(clock.ms);
    expect(drawings()).toHaveLength(10);
  });

  it('shows the rate of the last seconds, so that a stall is seen', () => {
    const { clock, progress, drawings } = setUp();
    for (; clock.ms < 10_000; clock.ms += 500) progress.update(clock.ms * 1024);
    for (; clock.ms < 20_000; clock.ms += 500) progress.update(9_500 * 1024);
    expect(drawings().at(-1)).toContain(' 0 B/s');
  });

  it('never wraps, whatever the label', () => {
    const { clock, progress, drawings } = setUp({ label: '日本\x1b[2J'.repeat(99), total: 10 }, 30);
    clock.ms = 500;
    progress.update(5);
    expect(drawings()).toHaveLength(1);
    expect(displayWidth(drawings()[0]!)).toBeLessThan(30);
    expect(drawings()[0]).not.toContain('\x1b');
  });

  it('ends with one line, once', () => {
    const { clock, progress, drawings } = setUp();
    clock.ms = 2_000;
    progress.update(4 * 1024 * 1024);
    progress.finish();
    progress.finish();
    progress.update(1);
    expect(drawings().slice(1)).toEqual(['publishing  4 MiB in 2 s (2 MiB/s)\n']);
  });

  it('goes away when the work fails', () => {
    const { progress, stderr } = setUp();
    progress.update(1);
    progress.clear();
    expect(stderr.text.endsWith('\r\x1b[K')).toBe(true);
  });

  it('uses ASCII where blocks cannot be shown', () => {
    const { progress, clock, drawings } = setUp({ env: { LC_ALL: 'C' }, total: 2 });
    clock.ms = 100;
    progress.update(1);
    expect(drawings()[0]).toContain('############------------  50%');
  });

  it('is silent where there is no terminal', () => {
    const stderr = textStream();
    const progress = createProgress({ stderr, env: {}, now: () => 0, label: 'x', unit: 'bytes' });
    progress.update(1, 2);
    progress.finish();
    expect(stderr.text).toBe('');
  });

  it('counts bytes on their way without changing them', async () => {
    const { progress, drawings } = setUp({ total: 6 });
    async function* source() {
      yield Buffer.from('abc');
      yield Buffer.from('def');
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of countBytes(source(), progress)) chunks.push(chunk);
    progress.finish();
    expect(Buffer.concat(chunks).toString()).toBe('abcdef');
    expect(drawings().at(-1)).toContain('6 B in');
  });
});
