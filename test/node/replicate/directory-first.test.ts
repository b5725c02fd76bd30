import { beforeEach, describe, expect, it } from 'vitest';
import { DirectoryFirst } from '../../../node/replicate/directory-first.ts';
import { asMeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { settle, VirtualTime } from '../virtual-time.ts';

describe('data', () => {
  let time: VirtualTime;
  let others: number;
  let isFresh: boolean;
  let first: DirectoryFirst;
  const make = (isOdcm = false) =>
    new DirectoryFirst({
      ...{ clock: time, timers: time, isOdcm },
      odcmPeer: () => 'odcm',
      others: () => others,
      isFresh: () => isFresh,
    });
  /** Whether the wait for this peer is over. */
  const watch = (peerId: string) => {
    const seen: { isOver: boolean; code?: string } = { isOver: false };
    void first.settled(peerId).then(
      () => {
        seen.isOver = true;
      },
      (error: unknown) => {
        seen.code = asMeshError(error).code;
      },
    );
    return seen;
  };

  beforeEach(() => {
    time = new VirtualTime();
    [others, isFresh] = [5, false];
    first = make();
  });

  it('waits until ODCM, or somebody else than the peer, has shown its directory', async () => {
    for (const teacher of ['odcm', 'library']) {
      first = make();
      for (const peerId of [teacher, 'payments']) first.connected(peerId);
      const wait = watch('payments');
      first.exchanged('payments');
      await settle();
      expect([wait.isOver, first.isSettled('payments')]).toEqual([false, false]);
      first.exchanged(teacher);
      await settle();
      expect([wait.isOver, first.isSettled('payments')]).toEqual([true, true]);
    }
  });

  it('waits for the exchange with the very peer, on each connection anew', async () => {
    for (const peerId of ['odcm', 'payments']) first.connected(peerId);
    first.exchanged('odcm');
    expect(first.isSettled('payments')).toBe(false);
    first.exchanged('payments');
    expect(first.isSettled('payments')).toBe(true);
    first.disconnected('payments');
    first.connected('payments');
    expect(first.isSettled('payments')).toBe(false);
    first.exchanged('payments');
    expect(first.isSettled('payments')).toBe(true);
  });

  it('waits again after the node was alone', () => {
    for (const peerId of ['odcm', 'payments']) {
      first.connected(peerId);
      first.exchanged(peerId);
    }
    for (const peerId of ['odcm', 'payments']) first.disconnected(peerId);
    first.connected('payments');
    first.exchanged('payments');
    expect(first.isSettled('payments')).toBe(false);
  });

  it('is refused after its limit where nobody shows a directory, until somebody does', async () => {
    first.connected('payments');
    const wait = watch('payments');
    await time.advance(LIMITS.directoryFirstMs);
    expect(wait).toEqual({ isOver: false, code: 'BUSY' });
    await time.advance(10 * LIMITS.directoryFirstMs);
    expect(first.isSettled('payments')).toBe(false);
    await expect(first.settled('payments')).rejects.toMatchObject({ code: 'BUSY' });
    first.connected('library');
    first.exchanged('library');
    expect(first.isSettled('payments')).toBe(true);
    await first.settled('payments');
    for (const peerId of ['payments', 'library']) first.disconnected(peerId);
    first.connected('payments');
    await time.advance(LIMITS.directoryFirstMs);
    expect(first.isSettled('payments')).toBe(false);
  });

  it('goes on the word of the only one that answers, once nobody else did in time', async () => {
    for (const peerId of ['odcm', 'payments']) first.connected(peerId);
    first.exchanged('payments');
    const wait = watch('payments');
    await time.advance(LIMITS.directoryFirstMs);
    expect(wait).toEqual({ isOver: true });
  });

  it('never waits longer than its limit where ODCM has just vouched for what is here', async () => {
    isFresh = true;
    first.connected('payments');
    const wait = watch('payments');
    await time.advance(LIMITS.directoryFirstMs - 1);
    expect(wait.isOver).toBe(false);
    await time.advance(1);
    expect([wait.isOver, first.isSettled('payments')]).toEqual([true, true]);
    expect(time.waiting).toBe(0);
  });

  it('goes at once from ODCM itself, to ODCM, and where nobody else is', () => {
    first = make(true);
    first.connected('payments');
    expect(first.isSettled('payments')).toBe(true);
    first = make();
    first.connected('odcm');
    first.exchanged('odcm');
    expect(first.isSettled('odcm')).toBe(true);
    others = 1;
    first = make();
    first.connected('payments');
    first.exchanged('payments');
    expect(first.isSettled('payments')).toBe(true);
  });

  it('is waited for no more when the node stops', async () => {
    first.connected('payments');
    const wait = watch('payments');
    first.stop();
    await settle();
    expect([wait.isOver, time.waiting]).toEqual([true, 0]);
  });
});
