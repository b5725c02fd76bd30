import { sign } from 'node:crypto';
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Directory } from '../../../node/directory/directory.ts';
import type { Feeds } from '../../../node/feed/feeds.ts';
import { NodeHealth } from '../../../node/health/node-health.ts';
import { silentLog } from '../../../node/log.ts';
import type { Network } from '../../../node/net/network.ts';
import { PresenceBoard } from '../../../node/replicate/presence.ts';
import { VERSION } from '../../../node/version.ts';
import { asMeshError, type Code } from '../../../protocols/errors.ts';
import { presenceTopic } from '../../../protocols/gossip.ts';
import { parseMeshId, parseSpaceId, type SpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import {
  decodePresences,
  encodePresences,
  type Presence,
  verifyPresence,
} from '../../../protocols/presence.ts';
import { presenceBytes } from '../../../protocols/signable.ts';
import { KEY, keyOf } from '../../protocols/sample-log.ts';
import { seededRandom, VirtualTime } from '../virtual-time.ts';

const MESH = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
const spaceOf = (n: number) =>
  parseSpaceId(`0199b7c2-1f00-7000-8000-${String(n).padStart(12, '0')}`);
const [SELF, LIBRARY, PLATFORM, REVOKED, STRANGER] = [0, 1, 2, 3, 4].map(spaceOf) as [
  SpaceId,
  SpaceId,
  SpaceId,
  SpaceId,
  SpaceId,
];
const { Accept, Ignore, Reject } = TopicValidatorResult;
const APPLIED = { size: 7, root: Buffer.alloc(32, 7) };

type Listener = (event: { detail: object }) => void;
type Judge = (peer: unknown, message: Message) => TopicValidatorResult;

describe('presence', () => {
  let time: VirtualTime;
  const nowMs = () => Math.floor(time.nowMs());
  let board: PresenceBoard;
  let health: NodeHealth;
  let said: Presence[][];
  let refused: Code[];
  let changed: [SpaceId, string][];
  let receipts: Presence[];
  let times: [SpaceId, number][];
  let trustedAheadMs: number;
  let spaces: Map<SpaceId, object>;
  let hearBytes: (data: Uint8Array, via?: string) => TopicValidatorResult;

  const statement = (space: SpaceId, changes: Partial<Presence> = {}, key = KEY): Presence => {
    const fields = {
      ...{ space, incarnation: Buffer.alloc(16), timeMs: nowMs(), version: '1.2.3' },
      ...{ headsHash: Buffer.alloc(32), addresses: [], suspicions: [] },
      ...{ directory: { size: 0, root: Buffer.alloc(32) }, ...changes },
    };
    return {
      ...fields,
      signature: sign(null, presenceBytes({ mesh: MESH, ...fields }), key.privateKey),
    };
  };
  const hear = (...statements: Presence[]) => hearBytes(encodePresences(statements));
  const suspecting = (space: SpaceId, timeMs: number) => ({ suspicions: [{ space, timeMs }] });
  const stateOf = (space: SpaceId) => health.board.of(space);

  beforeEach(() => {
    time = new VirtualTime();
    [said, refused, changed, receipts, times] = [[], [], [], [], []];
    trustedAheadMs = 0;
    const topicValidators = new Map<string, Judge>();
    let listener: Listener = () => {};
    const gossip = {
      topicValidators,
      addEventListener: (_: string, added: Listener) => {
        listener = added;
      },
      subscribe: () => {},
      publish: async (_: string, data: Uint8Array) => {
        said.push(decodePresences(data));
      },
    };
    const member = (id: SpaceId) =>
      [id, { id, revoked: null, nodeKey: KEY.raw, keys: [] }] as const;
    spaces = new Map<SpaceId, object>([SELF, LIBRARY, PLATFORM].map(member));
    spaces.set(REVOKED, { id: REVOKED, revoked: { reason: '' }, nodeKey: KEY.raw, keys: [] });
    health = new NodeHealth({
      ...{ self: SELF, clock: { nowMs }, timers: time, taken: () => [] },
      isMember: (space) => spaces.has(space) && space !== REVOKED,
      connected: () => new Set([LIBRARY, PLATFORM]),
    });
    board = new PresenceBoard({
      host: { gossip } as unknown as Network,
      directory: { state: { spaces }, applied: APPLIED } as unknown as Directory,
      receipts: { keep: (kept) => void receipts.push(kept) },
      trusted: {
        nowMs: () => nowMs() + trustedAheadMs,
        hearPeer: (...told) => void times.push(told),
      },
      peerOf: (space) => `peer of ${space}`,
      feeds: { opened: [] } as unknown as Feeds,
      ...{
        mesh: MESH,
        self: SELF,
        nodeKey: KEY.privateKey,
        health,
        clock: { nowMs },
        timers: time,
      },
      ...{ random: seededRandom(1), log: silentLog, addresses: () => ['/ip4/192.0.2.1/tcp/1'] },
      onRefused: (code) => refused.push(code),
      onChanged: (space, via) => changed.push([space, via]),
    });
    health.start();
    board.start();
    hearBytes = (data, via = 'peer') => {
      const msg = { data } as unknown as Message;
      const verdict = topicValidators.get(presenceTopic(MESH))!(via, msg);
      if (verdict === Accept) listener({ detail: { msg, propagationSource: via } });
      return verdict;
    };
  });

  describe('of others', () => {
    it('is taken again and again as time passes', async () => {
      for (let i = 0; i < 3; i++) {
        expect(hear(statement(LIBRARY))).toBe(Accept);
        await time.advance(LIMITS.presenceMs);
      }
      expect(stateOf(LIBRARY)?.state).toBe('online');
      expect(board.heard(LIBRARY)).toMatchObject({ via: 'peer', presence: { version: '1.2.3' } });
    });

    it('tells of other heads once', async () => {
      hear(statement(LIBRARY));
      await time.advance(LIMITS.presenceMs);
      hear(statement(LIBRARY));
      await time.advance(LIMITS.presenceMs);
      hear(statement(LIBRARY, { headsHash: Buffer.alloc(32, 1) }));
      expect(changed).toEqual([
        [LIBRARY, 'peer'],
        [LIBRARY, 'peer'],
      ]);
    });

    it('is passed over when it is played back, also by the first to be heard', async () => {
      const skew = LIMITS.clockSkewMs + 1;
      expect(hear(statement(LIBRARY, { timeMs: nowMs() - skew }))).toBe(Ignore);
      expect(hear(statement(LIBRARY, { timeMs: nowMs() + skew }))).toBe(Ignore);
      const old = statement(LIBRARY);
      expect(hear(old)).toBe(Accept);
      await time.advance(LIMITS.presenceMs);
      expect(hear(old)).toBe(Ignore);
      expect(
        hear(statement(LIBRARY, { timeMs: old.timeMs, addresses: ['/ip4/192.0.2.9/tcp/1'] })),
      ).toBe(Ignore);
      expect(refused).toEqual([]);
    });

    it('is passed over while the last word of that space is still new', async () => {
      expect(hear(statement(LIBRARY))).toBe(Accept);
      expect(hear(statement(LIBRARY, { timeMs: nowMs() + 1 }))).toBe(Ignore);
      await time.advance(LIMITS.presenceMs / 2);
      expect(hear(statement(LIBRARY))).toBe(Accept);
    });

    it('is passed over when its space is unknown or revoked', () => {
      expect(hear(statement(STRANGER))).toBe(Ignore);
      expect(hear(statement(REVOKED))).toBe(Ignore);
      expect(stateOf(STRANGER)).toBeUndefined();
      expect(stateOf(REVOKED)).toBeUndefined();
    });

    it('is no proof of a forgery while somebody knows a newer directory, hence maybe a newer key', () => {
      const newer = { directory: { ...APPLIED, size: APPLIED.size + 1 } };
      expect(hear(statement(LIBRARY, newer, keyOf(0x44)))).toBe(Ignore);
      expect(hear(statement(LIBRARY, { directory: APPLIED }, keyOf(0x44)))).toBe(Reject);
      expect(refused).toEqual(['BAD_SIGNATURE', 'BAD_SIGNATURE']);
    });

    it('is refused when it is forged, cut or too large', () => {
      expect(hear(statement(LIBRARY, {}, keyOf(0x43)))).toBe(Reject);
      expect(hear({ ...statement(LIBRARY), timeMs: nowMs() + 1 })).toBe(Reject);
      expect(hearBytes(encodePresences([statement(LIBRARY)]).subarray(0, 100))).toBe(Reject);
      expect(hearBytes(Buffer.alloc(LIMITS.presenceMessageBytes + 1))).toBe(Reject);
      expect(refused).toEqual(['BAD_SIGNATURE', 'BAD_SIGNATURE', 'MALFORMED', 'TOO_LARGE']);
      expect(stateOf(LIBRARY)).toBeUndefined();
    });
  });

  describe('that others pass on', () => {
    it('is taken where it is news, and passed over where it is not', async () => {
      const old = statement(LIBRARY);
      hear(old);
      await time.advance(LIMITS.presenceMs);
      expect(hear(statement(PLATFORM), old)).toBe(Accept);
      expect(board.heard(LIBRARY)!.presence.timeMs).toBe(old.timeMs);
      const newer = statement(LIBRARY, { timeMs: nowMs() - 1_000 });
      await time.advance(LIMITS.presenceMs);
      expect(hear(statement(PLATFORM), newer)).toBe(Accept);
      const heard = board.heard(LIBRARY)!;
      expect(heard.presence.timeMs).toBe(newer.timeMs);
      expect(heard.heardMs).toBe(newer.timeMs);
    });

    it('makes the whole message a forgery when it is one, also where it is no news', () => {
      const forged = statement(LIBRARY, {}, keyOf(0x43));
      expect(hear(statement(PLATFORM), forged)).toBe(Reject);
      expect(stateOf(PLATFORM)).toBeUndefined();
      hear(statement(LIBRARY));
      // Passed on from here, it would be this node that others blame for it.
      expect(hear(statement(PLATFORM), forged)).toBe(Reject);
      expect(hear(statement(PLATFORM), { ...forged, timeMs: 0 })).toBe(Reject);
      expect(stateOf(PLATFORM)).toBeUndefined();
      expect(refused).toEqual(['BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_SIGNATURE']);
    });

    it('goes no further when its space is unknown or revoked: nobody here can vouch for it', () => {
      for (const space of [STRANGER, REVOKED]) {
        expect(hear(statement(PLATFORM), statement(space))).toBe(Ignore);
        expect(board.heard(space)).toBeUndefined();
      }
      expect(stateOf(PLATFORM)).toBeUndefined();
      expect(refused).toEqual([]);
    });
  });

  describe('with suspicions', () => {
    it('confirms what this node suspects itself', async () => {
      const last = nowMs();
      hear(statement(LIBRARY));
      hear(statement(PLATFORM));
      while (stateOf(LIBRARY)?.state !== 'suspected') {
        await time.advance(LIMITS.presenceMs / 2);
        hear(statement(PLATFORM));
      }
      expect(stateOf(LIBRARY)?.suspectedBy).toBe(1);
      await time.advance(LIMITS.presenceMs / 2);
      hear(statement(PLATFORM, suspecting(LIBRARY, last)));
      expect(stateOf(LIBRARY)?.suspectedBy).toBe(2);
    });

    it('counts for nothing when it is forged or played back, or is of a space unknown or revoked', async () => {
      hear(statement(LIBRARY));
      const { timeMs } = board.heard(LIBRARY)!.presence;
      const wary = statement(PLATFORM, suspecting(LIBRARY, timeMs));
      expect(hear({ ...statement(PLATFORM), suspicions: wary.suspicions })).toBe(Reject);
      expect(stateOf(LIBRARY)?.suspectedBy).toBe(0);
      hear(statement(PLATFORM));
      await time.advance(LIMITS.presenceMs);
      expect(hear(wary)).toBe(Ignore);
      expect(stateOf(LIBRARY)?.suspectedBy).toBe(0);
      const strange = [REVOKED, STRANGER].map((space) => ({ space, timeMs }));
      expect(hear(statement(PLATFORM, { suspicions: strange }))).toBe(Accept);
      expect([stateOf(REVOKED), stateOf(STRANGER)]).toEqual([undefined, undefined]);
    });

    it('is refused when it has more of them than the limit, a suspect twice, or the speaker', () => {
      const many = Array.from({ length: LIMITS.suspicions + 1 }, (_, i) => ({
        space: spaceOf(100 + i),
        timeMs: 0,
      }));
      expect(hear(statement(PLATFORM, { suspicions: many }))).toBe(Reject);
      expect(hear(statement(PLATFORM, { suspicions: [many[0]!, many[0]!] }))).toBe(Reject);
      expect(hear(statement(PLATFORM, suspecting(PLATFORM, 0)))).toBe(Reject);
      expect(refused).toEqual(['TOO_LARGE', 'NOT_CANONICAL', 'MALFORMED']);
    });

    it('brings the last word of the suspect to whoever lacks it, once', async () => {
      const lacked = nowMs() - 60_000;
      const newest = statement(LIBRARY);
      hear(newest);
      hear(statement(PLATFORM, suspecting(LIBRARY, lacked)));
      said.length = 0;
      await time.advance(2.5 * LIMITS.presenceMs);
      const [first, ...later] = said.map((message) => message.map(({ space }) => space));
      expect(first).toEqual([SELF, LIBRARY]);
      expect(later).toEqual(later.map(() => [SELF]));
      expect(later.length).toBeGreaterThan(0);
      expect(said[0]![1]).toEqual(newest);
    });

    it('brings nothing when somebody else was faster', async () => {
      const newest = statement(LIBRARY);
      hear(newest);
      hear(statement(PLATFORM, suspecting(LIBRARY, newest.timeMs - 60_000)));
      const third = spaceOf(5);
      spaces.set(third, { id: third, revoked: null, nodeKey: KEY.raw, keys: [] });
      expect(hear(statement(third), newest)).toBe(Accept);
      said.length = 0;
      await time.advance(1.5 * LIMITS.presenceMs);
      expect(said.map((message) => message.length)).toEqual([1, 1]);
    });

    it('brings no word of a space that was revoked meanwhile', async () => {
      hear(statement(LIBRARY));
      hear(statement(PLATFORM, suspecting(LIBRARY, nowMs() - 60_000)));
      spaces.set(LIBRARY, { id: LIBRARY, revoked: { reason: '' }, nodeKey: KEY.raw, keys: [] });
      said.length = 0;
      await time.advance(1.5 * LIMITS.presenceMs);
      expect(said.map((message) => message.length)).toEqual([1, 1]);
    });
  });

  describe('of the time', () => {
    const direct = (statement: Presence) =>
      hearBytes(encodePresences([statement]), `peer of ${statement.space}`);

    it('counts when a space says it itself, also when it is far from this clock', async () => {
      expect(direct(statement(LIBRARY))).toBe(Accept);
      const far = nowMs() + 10 * LIMITS.clockSkewMs;
      expect(direct(statement(PLATFORM, { timeMs: far }))).toBe(Ignore);
      expect(times).toEqual([
        [LIBRARY, nowMs()],
        [PLATFORM, far],
      ]);
      expect(board.heard(PLATFORM)).toBeUndefined();
    });

    it('does not count when it was passed on, played back, forged, or is no member', async () => {
      expect(hear(statement(LIBRARY))).toBe(Accept);
      const old = statement(PLATFORM, { timeMs: nowMs() - 1 });
      await time.advance(LIMITS.presenceMs);
      direct(statement(PLATFORM));
      times.length = 0;
      await time.advance(LIMITS.presenceMs);
      direct(old);
      direct(statement(REVOKED));
      expect(direct(statement(LIBRARY, {}, keyOf(0x43)))).toBe(Reject);
      expect(times).toEqual([]);
    });

    it('decides whether a former key still counts, and the wall clock does not', async () => {
      const newest = keyOf(0x77);
      const keys = [KEY, newest].map(({ raw }) => ({
        ...{ nodeKey: raw, since: new Date(nowMs()).toISOString() },
      }));
      const row = spaces.get(LIBRARY)!;
      spaces.set(LIBRARY, { ...row, nodeKey: newest.raw, keys });
      trustedAheadMs = LIMITS.keyOverlapMs;
      const said = () => statement(LIBRARY, { timeMs: nowMs() + trustedAheadMs });
      expect(hear(said())).toBe(Reject);
      await time.advance(LIMITS.presenceMs);
      trustedAheadMs = -2 * LIMITS.presenceMs;
      expect(hear(said())).toBe(Accept);
    });

    it('is that which trust goes by, not the wall clock, for what is taken', () => {
      trustedAheadMs = 10 * LIMITS.clockSkewMs;
      expect(hear(statement(LIBRARY))).toBe(Ignore);
      expect(hear(statement(LIBRARY, { timeMs: nowMs() + trustedAheadMs }))).toBe(Accept);
    });
  });

  describe('on a stream of its own', () => {
    const tell = (statement: Presence, space = statement.space) =>
      board.told(space, [statement], 'peer');
    const codeOfTelling = (statement: Presence, space?: SpaceId) => {
      try {
        tell(statement, space);
        return 'taken';
      } catch (error) {
        return asMeshError(error).code;
      }
    };
    /** Of statements whose signature fits none, only those are told so that were verified. */
    const forged = (timeMs: number) => statement(LIBRARY, { timeMs }, keyOf(0x43));

    it('is taken, and not verified again when it is said again', () => {
      const once = statement(LIBRARY);
      for (let i = 0; i < 10; i++) expect(tell(once)).toEqual(once);
      expect(board.heard(LIBRARY)?.presence).toEqual(once);
      expect(codeOfTelling(statement(LIBRARY, { timeMs: nowMs() + 1 }))).toBe('taken');
    });

    it('is verified at most twice in a while, whether it is new, played back or forged', async () => {
      const old = statement(LIBRARY, { timeMs: nowMs() - 1_000 });
      tell(statement(LIBRARY));
      tell(old);
      for (const more of [old, forged(nowMs()), statement(LIBRARY, { timeMs: nowMs() + 1 })])
        expect(codeOfTelling(more)).toBe('BUSY');
      expect(codeOfTelling(statement(PLATFORM))).toBe('taken');
      await time.advance(LIMITS.presenceMs / 4);
      expect(codeOfTelling(forged(nowMs()))).toBe('BAD_SIGNATURE');
      expect(codeOfTelling(old)).toBe('taken');
      expect(codeOfTelling(old)).toBe('BUSY');
    });

    it('is heard of two machines under one key, as often as both speak', async () => {
      for (let beat = 0; beat < 4; beat++) {
        for (const start of [1, 2]) {
          const one = statement(LIBRARY, { incarnation: Buffer.alloc(16, start) });
          expect(codeOfTelling(one)).toBe('taken');
        }
        await time.advance(LIMITS.presenceMs / 2);
      }
    });

    it('is refused when it is of another space, forged, or of no member', () => {
      expect(codeOfTelling(statement(LIBRARY), PLATFORM)).toBe('MALFORMED');
      expect(codeOfTelling(forged(nowMs()))).toBe('BAD_SIGNATURE');
      expect(codeOfTelling(statement(REVOKED))).toBe('NOT_A_MEMBER');
    });
  });

  describe('as a receipt', () => {
    it('says which directory this space acts on, and is kept, as those of others are', async () => {
      await time.advance(LIMITS.presenceMs);
      expect(said[0]![0]!.directory).toEqual(APPLIED);
      const other = statement(LIBRARY, { directory: { size: 9, root: Buffer.alloc(32, 9) } });
      hear(other);
      expect(receipts).toContainEqual(said[0]![0]);
      expect(receipts).toContainEqual(other);
    });

    it('is said at once when something was taken away, and by who has just spoken half a turn later', async () => {
      await time.advance(LIMITS.presenceMs * 0.2);
      const count = said.length;
      board.speakSoon();
      await time.advance(LIMITS.presenceMs * 0.06);
      expect(said.length).toBe(count);
      await time.advance(LIMITS.presenceMs * 0.5);
      expect(said.length).toBe(count + 1);
      await time.advance(LIMITS.presenceMs * 0.6);
      board.speakSoon();
      board.speakSoon();
      await time.advance(LIMITS.presenceMs * 0.06);
      expect(said.length).toBe(count + 2);
    });
  });

  describe('of this space', () => {
    it('is said every few seconds, signed, with version and addresses', async () => {
      await time.advance(4 * LIMITS.presenceMs);
      expect(said.length).toBeGreaterThanOrEqual(4);
      expect(said.length).toBeLessThanOrEqual(5);
      const [own] = said[0]!;
      expect(own).toMatchObject({ space: SELF, version: VERSION, suspicions: [] });
      expect(own!.addresses).toEqual(['/ip4/192.0.2.1/tcp/1']);
      expect(() => verifyPresence(MESH, own!, KEY.publicKey)).not.toThrow();
      const times = said.map(([statement]) => statement!.timeMs);
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    });

    it('names the silent, and nobody when this node is not well', async () => {
      hear(statement(LIBRARY));
      const { timeMs } = board.heard(LIBRARY)!.presence;
      await time.advance(LIMITS.suspectMs + LIMITS.presenceMs * 1.2);
      expect(said.at(-1)![0]!.suspicions).toEqual([{ space: LIBRARY, timeMs }]);
      health.local.look(10_000, { others: 0, connected: 0, formerly: 0, broken: 0, silenceMs: 0 });
      await time.advance(LIMITS.presenceMs * 1.2);
      expect(said.at(-1)![0]!.suspicions).toEqual([]);
    });

    it('comes at once, and newer, when somebody suspects it', async () => {
      await time.advance(LIMITS.presenceMs);
      const before = said.length;
      const last = said.at(-1)![0]!.timeMs;
      await time.advance(last + LIMITS.presenceMs / 2 - nowMs());
      const accusedMs = nowMs() + 20_000;
      hear(statement(PLATFORM, suspecting(SELF, accusedMs)));
      await time.advance(LIMITS.presenceMs * 0.05);
      expect(said.length).toBe(before + 1);
      expect(said.at(-1)![0]!.timeMs).toBe(accusedMs + 1);
    });

    it('is not pushed out of the bounds of time by a liar, nor said more often than it may be', async () => {
      await time.advance(LIMITS.presenceMs);
      const before = said.length;
      const [last] = said.at(-1)!;
      expect(last!.timeMs).toBeGreaterThan(nowMs() - LIMITS.presenceMs);
      for (const liar of [LIBRARY, PLATFORM])
        hear(statement(liar, suspecting(SELF, Number.MAX_SAFE_INTEGER)));
      await time.advance(3 * LIMITS.presenceMs);
      expect(said.length - before).toBeLessThanOrEqual(5);
      for (const [own] of said) expect(own!.timeMs).toBeLessThanOrEqual(nowMs());
    });

    it('is newer than what an earlier start said under a clock that was ahead', async () => {
      const earlier = statement(SELF, { timeMs: nowMs() + 40_000 });
      expect(hear(statement(PLATFORM), earlier)).toBe(Accept);
      await time.advance(LIMITS.presenceMs);
      expect(said[0]![0]!.timeMs).toBe(earlier.timeMs + 1);
    });
  });
});
