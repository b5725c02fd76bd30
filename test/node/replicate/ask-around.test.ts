import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../node/clock.ts';
import { AskAround } from '../../../node/replicate/ask-around.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const PEERS = Array.from({ length: 50 }, (_, i) => `peer-${i}`);

function newRound() {
  const clock = { now: 1_000_000, nowMs: () => clock.now };
  return { clock, round: new AskAround(clock, systemRandom) };
}

describe('asking around', () => {
  it('reaches everybody within the time, spread over the second half of it', () => {
    const { clock, round } = newRound();
    for (const peer of PEERS) round.asked(peer);
    clock.now += LIMITS.antiEntropyMs / 2 - 1;
    expect(round.due(PEERS)).toEqual([]);
    clock.now += LIMITS.antiEntropyMs / 4;
    const inBetween = round.due(PEERS).length;
    expect(inBetween).toBeGreaterThan(0);
    expect(inBetween).toBeLessThan(PEERS.length);
    clock.now += LIMITS.antiEntropyMs / 4 + 1;
    expect(round.due(PEERS)).toEqual(PEERS);
  });

  it('leaves out who was asked for another reason, and does not wait for one who comes back', () => {
    const { clock, round } = newRound();
    expect(round.due(['peer-1'])).toEqual(['peer-1']);
    round.asked('peer-1');
    round.asked('peer-2');
    clock.now += 1;
    expect(round.due(['peer-1', 'peer-2'])).toEqual([]);
    expect(round.due(['peer-2'])).toEqual([]);
    expect(round.due(['peer-1', 'peer-2'])).toEqual(['peer-1']);
  });
});
