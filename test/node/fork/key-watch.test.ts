import { beforeEach, describe, expect, it } from 'vitest';
import { KeyWatch } from '../../../node/fork/key-watch.ts';
import { silentLog } from '../../../node/log.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { parseSpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { decodePresences, encodePresences, type Presence } from '../../../protocols/presence.ts';

const [SELF, LIBRARY] = [1, 2].map((n) => parseSpaceId(`0199b7c2-1f00-7000-8000-00000000000${n}`));

const said = (start: number, timeMs: number, space = LIBRARY!): Presence => ({
  ...{ space, incarnation: Buffer.alloc(16, start), timeMs, version: '1.2.3', addresses: [] },
  ...{ headsHash: Buffer.alloc(32), suspicions: [], signature: Buffer.alloc(64) },
  directory: { size: 0, root: Buffer.alloc(32) },
});

describe('what a peer knows of the starts of a space', () => {
  let nowMs: number;
  let watch: KeyWatch;
  let peers: string[];
  let told: string[];
  let answer: () => Promise<Buffer | undefined>;
  let others: Presence[];
  let isGenuine: boolean;

  beforeEach(() => {
    nowMs = 1_000;
    [peers, told, others, isGenuine] = [[], [], [], true];
    answer = () => Promise.resolve(undefined);
    watch = new KeyWatch({
      ...{ self: SELF!, clock: { nowMs: () => nowMs }, log: silentLog },
      connectedPeers: () => peers,
      tell: (peerId) => {
        told.push(peerId);
        return answer();
      },
      verify: () => {
        if (!isGenuine) throw new MeshError('BAD_SIGNATURE', 'forged');
      },
      onOther: (statement) => others.push(statement),
    });
  });

  const hear = (start: number, timeMs: number): Presence | undefined => {
    nowMs += 1_000;
    const statement = said(start, timeMs);
    watch.note(statement);
    const other = watch.other(statement);
    return other && decodePresences(other)[0];
  };

  it('is given to each of two that speak by turns, within one turn of each', () => {
    expect(hear(1, 10)).toBeUndefined();
    expect(hear(2, 11)).toBeUndefined();
    expect(hear(1, 12)?.incarnation[0]).toBe(2);
    expect(hear(2, 13)).toMatchObject({ timeMs: 12 });
  });

  it('is nothing after a new start, however often what the one before said is passed on', () => {
    hear(1, 10);
    hear(1, 20);
    expect(hear(2, 30)).toBeUndefined();
    watch.note(said(1, 20));
    watch.note(said(1, 10));
    expect(hear(2, 40)).toBeUndefined();
  });

  it('is nothing once the other machine has been silent for long', () => {
    hear(1, 10);
    hear(2, 11);
    hear(1, 12);
    nowMs += LIMITS.presenceMs * 10;
    expect(hear(2, 13)).toBeUndefined();
  });

  it('is asked of the same peer by whoever has the same peers, and of another when that one fails', async () => {
    await watch.ask(said(1, 1, SELF));
    expect(told).toEqual([]);
    peers = ['a', 'b', 'c'];
    await watch.ask(said(1, 1, SELF));
    peers.reverse();
    await watch.ask(said(1, 2, SELF));
    expect(told[1]).toBe(told[0]);
    answer = () => Promise.reject(new MeshError('TIMEOUT', 'no answer'));
    await watch.ask(said(1, 3, SELF));
    answer = () => Promise.resolve(undefined);
    await watch.ask(said(1, 4, SELF));
    expect(told[3]).not.toBe(told[0]);
  });

  it('counts when it is of this space and signed, and never otherwise', async () => {
    peers = ['a'];
    answer = () => Promise.resolve(encodePresences([said(2, 5, SELF)]));
    await watch.ask(said(1, 4, SELF));
    expect(others).toHaveLength(1);
    isGenuine = false;
    await watch.ask(said(1, 5, SELF));
    nowMs += LIMITS.replicateMs;
    isGenuine = true;
    answer = () => Promise.resolve(encodePresences([said(2, 6)]));
    await watch.ask(said(1, 6, SELF));
    expect(told).toHaveLength(3);
    expect(others).toHaveLength(1);
  });
});
