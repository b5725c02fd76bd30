import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { missingOf, NODE_FLAGS } from '../../node/v8-flags.ts';

describe('flags of a node', () => {
  it('are known to this Node', () => {
    expect(execFileSync(process.execPath, [...NODE_FLAGS, '-p', '1']).toString()).toBe('1\n');
  });

  it('are all added where nothing is said of them', () => {
    expect(missingOf(NODE_FLAGS, [])).toEqual(NODE_FLAGS);
    expect(missingOf(NODE_FLAGS, ['--cpu-prof'], '--max-old-space-size=128  ')).toEqual(NODE_FLAGS);
  });

  it.each([
    [['--max-semi-space-size=2'], ''],
    [[], '--trace-gc --max-semi-space-size=2'],
    [['--max_semi_space_size=2'], ''],
    [['--heap-growing-percent=10'], ''],
    [[], '--no-external-memory-accounted-in-global-limit'],
  ])('leave what somebody chose himself: %s %s', (execArgv, options) => {
    expect(missingOf(NODE_FLAGS, execArgv, options)).toHaveLength(NODE_FLAGS.length - 1);
  });

  it('are not added twice', () => {
    expect(missingOf(NODE_FLAGS, NODE_FLAGS)).toEqual([]);
  });
});
