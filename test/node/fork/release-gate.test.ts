import { beforeEach, describe, expect, it } from 'vitest';
import type { OpenFeed } from '../../../node/feed/feeds.ts';
import { ReleaseGate, type ReleaseGateOptions } from '../../../node/fork/release-gate.ts';
import { silentLog } from '../../../node/log.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { encodeAnswer } from '../../../protocols/sync.ts';
import { FEED_BYTES, MESH, ORIGIN } from '../../protocols/sample-log.ts';
import { VirtualTime } from '../virtual-time.ts';

const DAMAGE = new MeshError('STORE_DAMAGED', 'the head cannot be read');

describe('an own feed whose log was opened damaged', () => {
  let time: VirtualTime;
  let log: { size: number; damage: MeshError | undefined };
  let feed: OpenFeed;
  let asked: number;

  /** One member is connected, and has nothing of the feed. */
  const gateOf = (isEverybody: boolean): ReleaseGate => {
    const frames = [{ type: 'heads', heads: [] }, { type: 'done' }] as const;
    let read = 0;
    const channel = {
      ...{ heldBytes: 0, error: undefined, abort: () => {} },
      send: async () => void asked++,
      read: async () => Buffer.concat(encodeAnswer(frames[read++ % 2]!)),
      close: async () => {},
    };
    const gate = new ReleaseGate({
      ...{ mesh: MESH, clock: time, timers: time, log: silentLog },
      feeds: { opened: [feed] },
      host: { connectedPeers: () => ['peer'], open: async () => channel },
      odcmPeer: () => undefined,
      untried: () => 0,
      isEverybody: (peers: ReadonlySet<string>) => isEverybody && peers.size > 0,
      isTwice: () => false,
      onReleased: () => {},
    } as unknown as ReleaseGateOptions);
    gate.begin(false);
    return gate;
  };

  const heal = (size: number): void => {
    log.damage = undefined;
    log.size = size;
  };

  beforeEach(() => {
    time = new VirtualTime();
    asked = 0;
    log = { size: 0, damage: DAMAGE };
    feed = {
      ...{ log, id: FEED_BYTES, origin: ORIGIN, path: 'library/base', isFrozen: false },
      ...{ row: { continues: null }, publisher: {} },
    } as unknown as OpenFeed;
  });

  it('is asked about and released once it is mended, not before', async () => {
    const gate = gateOf(true);
    await time.advance(LIMITS.releaseAskMs * 2);
    expect([gate.isReleased(feed), asked]).toEqual([false, 0]);
    heal(5);
    await time.advance(1_000);
    expect([gate.isReleased(feed), asked]).toEqual([true, 1]);
    await gate.stop();
  });

  it('is not taken for one that never had an entry: its whole time runs from when it was mended', async () => {
    const gate = gateOf(false);
    await time.advance(LIMITS.releaseAskMs);
    heal(5);
    await time.advance(LIMITS.releaseAskMs - 1_000);
    expect([gate.isReleased(feed), gate.held(feed), asked]).toEqual([false, 0, 1]);
    log.size = 7;
    expect(gate.held(feed)).toBe(2);
    await time.advance(2_000);
    expect(gate.isReleased(feed)).toBe(true);
    await gate.stop();
  });

  it('is released at once where it never had an entry indeed', async () => {
    const gate = gateOf(false);
    heal(0);
    await time.advance(1_000);
    expect(gate.isReleased(feed)).toBe(true);
    await gate.stop();
  });

  it('takes nothing to publish before somebody could be asked', async () => {
    const gate = gateOf(false);
    await expect(gate.mayPublish(feed)).rejects.toBe(DAMAGE);
    await gate.stop();
  });
});
