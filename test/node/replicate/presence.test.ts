import { type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { beforeEach, describe, expect, it } from 'vitest';
import { signEd25519 } from '../../../certs/ed25519.ts';
import { systemRandom, systemTimers } from '../../../node/clock.ts';
import type { Directory } from '../../../node/directory/directory.ts';
import type { Feeds } from '../../../node/feed/feeds.ts';
import { silentLog } from '../../../node/log.ts';
import type { Network } from '../../../node/net/network.ts';
import { PresenceBoard } from '../../../node/replicate/presence.ts';
import { encodePresence, presenceTopic } from '../../../protocols/gossip.ts';
import { parseMeshId, parseSpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { presenceBytes } from '../../../protocols/signable.ts';
import { KEY } from '../../protocols/sample-log.ts';

const MESH = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
const SPACE = parseSpaceId('0199b7c2-1f00-7000-8000-000000000001');
const START_MS = 1_795_000_000_000;

type Listener = (event: { detail: object }) => void;
type Judge = (peer: unknown, message: Message) => TopicValidatorResult;

describe('presence of others', () => {
  let nowMs: number;
  let hear: (timeMs: number) => TopicValidatorResult;

  beforeEach(() => {
    nowMs = START_MS;
    const topicValidators = new Map<string, Judge>();
    let listener: Listener = () => {};
    const gossip = {
      topicValidators,
      addEventListener: (_: string, added: Listener) => {
        listener = added;
      },
      subscribe: () => {},
    };
    const spaces = new Map([[SPACE, { id: SPACE, revoked: null, nodeKey: KEY.raw }]]);
    const board = new PresenceBoard({
      host: { gossip } as unknown as Network,
      directory: { state: { spaces } } as unknown as Directory,
      feeds: { opened: [] } as unknown as Feeds,
      ...{ mesh: MESH, self: SPACE, nodeKey: KEY.privateKey, clock: { nowMs: () => nowMs } },
      ...{ timers: systemTimers, random: systemRandom, log: silentLog },
      addresses: () => [],
      onRefused: () => {},
      onChanged: () => {},
    });
    board.start();
    board.stop();
    hear = (timeMs) => {
      const [incarnation, headsHash] = [Buffer.alloc(16), Buffer.alloc(32)];
      const said = { space: SPACE, incarnation, timeMs, headsHash, addresses: [] };
      const signature = signEd25519(KEY.privateKey, presenceBytes({ mesh: MESH, ...said }));
      const msg = { data: encodePresence({ ...said, signature }) } as unknown as Message;
      const verdict = topicValidators.get(presenceTopic(MESH))!(undefined, msg);
      if (verdict === TopicValidatorResult.Accept)
        listener({ detail: { msg, propagationSource: 'peer' } });
      return verdict;
    };
  });

  it('is taken again and again as time passes', () => {
    for (let i = 0; i < 3; i++) {
      expect(hear(nowMs)).toBe(TopicValidatorResult.Accept);
      nowMs += LIMITS.presenceMs;
    }
  });

  it('is passed over when it is played back, also by the first to be heard', () => {
    expect(hear(nowMs - LIMITS.clockSkewMs - 1)).toBe(TopicValidatorResult.Ignore);
    expect(hear(nowMs + LIMITS.clockSkewMs + 1)).toBe(TopicValidatorResult.Ignore);
    expect(hear(nowMs)).toBe(TopicValidatorResult.Accept);
    nowMs += LIMITS.presenceMs;
    expect(hear(START_MS)).toBe(TopicValidatorResult.Ignore);
  });

  it('is passed over while the last word of that space is still new', () => {
    expect(hear(nowMs)).toBe(TopicValidatorResult.Accept);
    expect(hear(nowMs + 1)).toBe(TopicValidatorResult.Ignore);
    nowMs += LIMITS.presenceMs / 2;
    expect(hear(nowMs)).toBe(TopicValidatorResult.Accept);
  });
});
