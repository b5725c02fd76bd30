import { beforeEach, describe, expect, it } from 'vitest';
import type { Directory } from '../../../node/directory/directory.ts';
import { frozenDirectory } from '../../../node/directory/in-force.ts';
import { DirectoryGate } from '../../../node/fork/directory-gate.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { settle, VirtualTime } from '../virtual-time.ts';

const code = (name: string) => ({ code: name });

describe('ODCM', () => {
  let time: VirtualTime;
  let others: number;
  let untried: number;
  let connected: string[];
  const directory: { refusal: Directory['refusal']; isShort: boolean } = {
    refusal: undefined,
    isShort: false,
  };
  const begin = (options: { isFirst?: boolean; isAlone?: boolean } = {}) => {
    const gate = new DirectoryGate({
      ...{ clock: time, timers: time, directory },
      others: () => others,
      untried: () => untried,
      connected: () => connected,
    });
    gate.begin({ isFirst: false, isAlone: false, ...options });
    return gate;
  };

  beforeEach(() => {
    time = new VirtualTime();
    [others, untried, connected] = [5, 0, []];
    Object.assign(directory, { refusal: undefined, isShort: false });
  });

  it('writes at once after its first start, as the only member, and when it is told to', () => {
    expect(begin({ isFirst: true }).requireOpen()).toBeUndefined();
    expect(begin({ isAlone: true }).requireOpen()).toBeUndefined();
    others = 0;
    expect(begin().requireOpen()).toBeUndefined();
  });

  it('waits for two members, or for all that are reached', async () => {
    untried = 1;
    const gate = begin();
    const opened: string[] = [];
    gate.onOpened(() => opened.push('opened'));
    const writing = gate.mayWrite();
    gate.exchanged('library');
    await settle();
    expect(opened).toEqual([]);
    gate.exchanged('payments');
    await writing;
    expect(opened).toEqual(['opened']);
    untried = 0;
    connected = ['library'];
    const second = begin();
    second.exchanged('library');
    await second.mayWrite();
    expect(second.isOpen).toBe(true);
  });

  it('refuses when it reached nobody for long, and goes on when it does', async () => {
    const gate = begin();
    const refused = expect(gate.mayWrite()).rejects.toMatchObject(code('BUSY'));
    await time.advance(LIMITS.releaseAskMs + 1_000);
    await refused;
    gate.exchanged('library');
    await gate.mayWrite();
    gate.stop();
  });

  it('writes nothing over what others hold more, nor after two directories are proven', async () => {
    const gate = begin({ isFirst: true });
    directory.isShort = true;
    expect(() => gate.requireOpen()).toThrow(expect.objectContaining(code('BUSY')));
    Object.assign(directory, { refusal: frozenDirectory() });
    await expect(gate.mayWrite()).rejects.toMatchObject(code('CONFLICT'));
  });
});
