import { beforeEach, describe, expect, it } from 'vitest';
import { HealthBoard, type HeardState } from '../../../node/health/health-board.ts';
import { parseSpaceId, type SpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const { suspectMs: SUSPECT, suspicionMinMs: MIN, suspicionMaxMs: MAX } = LIMITS;
const spaceOf = (n: number) =>
  parseSpaceId(`0199b7c2-1f00-4000-8000-${String(n).padStart(12, '0')}`);
const [SELF, VICTIM] = [spaceOf(0), spaceOf(1)];
const WITNESSES = [2, 3, 4, 5].map(spaceOf);
const STATED = 1_795_000_000_000;

describe('board of health', () => {
  let board: HealthBoard;
  let nowMs: number;
  let changes: [SpaceId, HeardState][];

  /** Time passes; everybody but the victim goes on speaking. */
  const pass = (ms: number, multiplier = 1) => {
    for (const untilMs = nowMs + ms; nowMs < untilMs; ) {
      nowMs += LIMITS.healthMs;
      for (const space of WITNESSES) board.hear(space, STATED + nowMs, nowMs);
      board.look({ nowMs, multiplier });
    }
  };
  const state = () => board.of(VICTIM)?.state;
  const suspicion = { space: VICTIM, timeMs: STATED };
  const accuse = (...observers: SpaceId[]) =>
    observers.map((observer) => board.accuse(observer, [suspicion]));

  beforeEach(() => {
    board = new HealthBoard(SELF);
    nowMs = 0;
    changes = [];
    for (const space of WITNESSES) board.hear(space, STATED - 1, -LIMITS.presenceMs);
    board.hear(VICTIM, STATED, nowMs);
    board.onChange((space, to) => changes.push([space, to]));
  });

  it('knows nothing of a space that was never heard', () => {
    expect(board.of(spaceOf(99))).toBeUndefined();
    pass(MAX);
    expect(board.of(spaceOf(99))).toBeUndefined();
  });

  it('suspects the silent, and without confirmation waits the longest time', () => {
    pass(SUSPECT);
    expect(state()).toBe('online');
    pass(LIMITS.healthMs);
    expect(board.of(VICTIM)).toEqual({ state: 'suspected', timeMs: STATED, suspectedBy: 1 });
    pass(MAX - LIMITS.healthMs);
    expect(state()).toBe('suspected');
    pass(LIMITS.healthMs);
    expect(state()).toBe('offline');
    expect(changes).toEqual([
      [VICTIM, 'suspected'],
      [VICTIM, 'offline'],
    ]);
  });

  it('waits less with each independent confirmation', () => {
    pass(SUSPECT + LIMITS.healthMs);
    accuse(...WITNESSES.slice(0, 3));
    expect(board.of(VICTIM)?.suspectedBy).toBe(4);
    pass(MIN - LIMITS.healthMs);
    expect(state()).toBe('suspected');
    pass(LIMITS.healthMs);
    expect(state()).toBe('offline');
  });

  it('counts nobody twice, not itself, and not the suspect', () => {
    pass(SUSPECT + LIMITS.healthMs);
    accuse(WITNESSES[0]!, WITNESSES[0]!, WITNESSES[0]!, SELF, VICTIM);
    expect(board.of(VICTIM)?.suspectedBy).toBe(2);
    pass(MIN + LIMITS.healthMs);
    expect(state()).toBe('suspected');
  });

  it('suspects nobody because others do', () => {
    accuse(...WITNESSES);
    pass(SUSPECT);
    expect(board.of(VICTIM)).toMatchObject({ state: 'online', suspectedBy: 4 });
  });

  it('takes no suspicion that is older than the last word of the suspect, and says who lacks it', () => {
    board.hear(VICTIM, STATED + 1, nowMs);
    expect(accuse(WITNESSES[0]!)).toEqual([[VICTIM]]);
    expect(board.of(VICTIM)?.suspectedBy).toBe(0);
  });

  it('takes no suspicion of a space that it never heard', () => {
    const unknown = spaceOf(99);
    expect(board.accuse(WITNESSES[0]!, [{ space: unknown, timeMs: 0 }])).toEqual([]);
    expect(board.of(unknown)).toBeUndefined();
  });

  it('acquits the suspect by its own newer statement, and by nothing older', () => {
    pass(SUSPECT + LIMITS.healthMs);
    accuse(...WITNESSES);
    board.hear(VICTIM, STATED, nowMs);
    board.hear(VICTIM, STATED - 1, nowMs);
    expect(state()).toBe('suspected');
    board.hear(VICTIM, STATED + 1, nowMs);
    expect(board.of(VICTIM)).toEqual({ state: 'online', timeMs: STATED + 1, suspectedBy: 0 });
  });

  it('takes back what was offline as soon as it speaks', () => {
    pass(SUSPECT + MAX + 2 * LIMITS.healthMs);
    expect(state()).toBe('offline');
    board.hear(VICTIM, STATED + 1, nowMs);
    expect(state()).toBe('online');
  });

  it('waits longer in every state when the observer is not well', () => {
    pass(2 * SUSPECT, 2);
    expect(state()).toBe('online');
    pass(LIMITS.healthMs, 2);
    accuse(...WITNESSES);
    pass(2 * MIN - LIMITS.healthMs, 2);
    expect(state()).toBe('suspected');
    pass(LIMITS.healthMs, 2);
    expect(state()).toBe('offline');
  });

  it('does not wait for witnesses that came too late to hear the suspect', () => {
    board = new HealthBoard(SELF);
    board.hear(VICTIM, STATED, 0);
    for (const space of WITNESSES) board.hear(space, STATED - 1, 1 - LIMITS.presenceMs);
    pass(SUSPECT + LIMITS.healthMs + MIN - LIMITS.healthMs);
    expect(state()).toBe('suspected');
    pass(LIMITS.healthMs);
    expect(state()).toBe('offline');
  });

  it('does not wait for witnesses that were started anew since; one that was not is waited for', () => {
    const [first, ...others] = WITNESSES;
    for (const space of [...others, spaceOf(99)]) board.startedAnew(space, 0);
    pass(SUSPECT + LIMITS.healthMs);
    pass(MIN + LIMITS.healthMs);
    expect(state()).toBe('suspected');
    accuse(first!);
    pass(LIMITS.healthMs);
    expect(state()).toBe('offline');
  });

  it('does not wait for witnesses that are silent themselves', () => {
    const silent = (ms: number) => {
      for (const untilMs = nowMs + ms; nowMs < untilMs; ) {
        nowMs += LIMITS.healthMs;
        board.look({ nowMs, multiplier: 1 });
      }
    };
    silent(SUSPECT + LIMITS.healthMs + MIN);
    expect(state()).toBe('offline');
  });

  it('counts a statement that was passed on from when it was said', () => {
    pass(SUSPECT + LIMITS.healthMs);
    const saidMs = 3_000;
    expect(board.hear(VICTIM, STATED + saidMs, nowMs, true)).toBe(nowMs - saidMs);
    expect(state()).toBe('online');
    pass(saidMs + SUSPECT - nowMs + LIMITS.healthMs);
    expect(state()).toBe('suspected');
  });

  it('leaves the silent suspected when old news of it comes late', () => {
    pass(SUSPECT + 2_500);
    board.hear(VICTIM, STATED + 1_000, nowMs, true);
    expect(state()).toBe('suspected');
    accuse(...WITNESSES);
    board.accuse(WITNESSES[0]!, [{ space: VICTIM, timeMs: STATED + 1_000 }]);
    expect(board.of(VICTIM)?.suspectedBy).toBe(2);
  });

  it('names its suspects in order, and of too many others each time', () => {
    for (let n = 100; n < 110; n++) board.hear(spaceOf(n), STATED, nowMs);
    pass(SUSPECT + LIMITS.healthMs);
    expect(board.suspicions().map(({ space }) => space)).toEqual(
      [VICTIM, ...Array.from({ length: 10 }, (_, i) => spaceOf(100 + i))].sort(),
    );
    const named = [board.suspicions(4), board.suspicions(4), board.suspicions(4)];
    for (const some of named) {
      expect(some).toHaveLength(4);
      expect(some).toEqual(some.toSorted((a, b) => (a.space < b.space ? -1 : 1)));
    }
    expect(new Set(named.flat().map(({ space }) => space)).size).toBe(11);
  });

  it('names neither the living nor the dead', () => {
    expect(board.suspicions()).toEqual([]);
    pass(SUSPECT + MAX + 2 * LIMITS.healthMs);
    expect(board.suspicions()).toEqual([]);
  });

  it('remembers no more observers of one suspect than it must', () => {
    for (let n = 0; n < LIMITS.witnessesPerSuspect + 10; n++) accuse(spaceOf(1000 + n));
    expect(board.of(VICTIM)?.suspectedBy).toBe(LIMITS.witnessesPerSuspect);
  });

  it('drops who is no member any more, as suspect and as witness', () => {
    accuse(...WITNESSES);
    board.keep((space) => space !== WITNESSES[0]);
    expect(board.of(WITNESSES[0]!)).toBeUndefined();
    expect(board.of(VICTIM)?.suspectedBy).toBe(3);
    board.keep((space) => space !== VICTIM);
    expect(board.of(VICTIM)).toBeUndefined();
  });

  it('has no opinion of its own space', () => {
    board.hear(SELF, STATED, nowMs);
    expect(board.of(SELF)).toBeUndefined();
  });
});
