import { describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { Members } from '../../node/members.ts';
import { peerIdOfPublicKey } from '../../node/net/keys.ts';
import type { DirectoryState, SpaceRow } from '../../protocols/directory.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { codeOf } from '../certs/fixtures.ts';
import { SPACE } from '../protocols/sample-log.ts';

const SINCE_MS = Date.UTC(2026, 10, 21);
const [oldest, former, newest, stranger] = Array.from({ length: 4 }, () =>
  ed25519Raw(generateEd25519()),
) as [Buffer, Buffer, Buffer, Buffer];
const peers = [oldest, former, newest, stranger].map(peerIdOfPublicKey) as [
  string,
  string,
  string,
  string,
];

/** A member that changed its key twice. */
function scene({ isRevoked = false } = {}) {
  const keys = [oldest, former, newest].map((nodeKey) => ({
    ...{ nodeKey, exchangeKey: nodeKey, from: {}, entry: 1 },
    since: new Date(SINCE_MS).toISOString(),
  }));
  const row = {
    ...{ id: SPACE, name: 'library', nodeKey: newest, keys, addresses: [] },
    revoked: isRevoked ? { reason: '', lastGood: {} } : null,
  } as unknown as SpaceRow;
  const time = { nowMs: SINCE_MS };
  const members = new Members(() => time.nowMs);
  members.update({ spaces: new Map([[SPACE, row]]) } as unknown as DirectoryState);
  return { members, row, time };
}

describe('a member with new keys', () => {
  it('is let in under its newest key and, for a while, the one before, and under no other', () => {
    const { members, time } = scene();
    const areMembers = () => peers.map((peerId) => members.isMember(peerId));
    expect(areMembers()).toEqual([false, true, true, false]);
    time.nowMs += LIMITS.keyOverlapMs - 1;
    expect(areMembers()).toEqual([false, true, true, false]);
    time.nowMs += 1;
    expect(areMembers()).toEqual([false, false, true, false]);
    expect(codeOf(() => members.requireMember(peers[1]))).toBe('NOT_A_MEMBER');
    expect(members.requireMember(peers[2]).id).toBe(SPACE);
  });

  it('is reached under the identity that is connected, else under the newest', () => {
    const { members, row, time } = scene();
    expect(members.peerIdsOf(row)).toEqual([peers[2], peers[1]]);
    expect(members.peerIdOf(row)).toBe(peers[2]);
    members.isConnected = (peerId) => peerId === peers[1];
    expect(members.peerIdOf(row)).toBe(peers[1]);
    time.nowMs += LIMITS.keyOverlapMs;
    expect(members.peerIdOf(row)).toBe(peers[2]);
  });

  it('is shut out under both when it is revoked', () => {
    const { members } = scene({ isRevoked: true });
    for (const peerId of peers.slice(1, 3)) {
      expect(members.isRevoked(peerId)).toBe(true);
      expect(codeOf(() => members.requireMember(peerId))).toBe('REVOKED');
    }
    expect(members.isRevoked(peers[3])).toBe(false);
  });

  it('counts as there under either identity that is in force, and not at all once it is revoked', () => {
    const state = ({ row }: ReturnType<typeof scene>) =>
      ({ spaces: new Map([[SPACE, row]]) }) as unknown as DirectoryState;
    const here = scene();
    const isThere = (...who: string[]) =>
      here.members.areAllAmong(state(here), new Set(who), 'another' as SpaceId);
    expect([[], ...peers.map((peerId) => [peerId])].map((who) => isThere(...who))).toEqual([
      ...[false, false, true, true, false],
    ]);
    expect(here.members.areAllAmong(state(here), new Set(), SPACE)).toBe(true);
    const gone = scene({ isRevoked: true });
    expect(gone.members.areAllAmong(state(gone), new Set(), 'another' as SpaceId)).toBe(true);
  });
});
