import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { History } from '../../../node/fork/directory-histories.ts';
import { chosenKeys, newKeysOf } from '../../../node/fork/directory-keys.ts';
import type { DirectoryState } from '../../../protocols/directory.ts';
import { type Event, FEED, folded, id, key, LIBRARY, POINT } from './folded.ts';

const rotated = (n: number, from: object = {}): Event => [
  'SpaceKeyRotatedV1Event',
  { space: LIBRARY, nodeKey: key(n), exchangeKey: key(n), from },
];
const REVOKED: Event = ['SpaceRevokedV1Event', { space: LIBRARY, reason: 'gone', lastGood: {} }];

const base = folded(...POINT);
const newKeys = (histories: Readonly<Record<string, readonly Event[]>>, state?: DirectoryState) =>
  newKeysOf(
    {
      base,
      histories: Object.entries(histories).map(([name, events]): History => {
        const end = folded(...POINT, ...events);
        return { from: [name], size: end.size, entries: [], state: end, revoked: new Map() };
      }),
    },
    state && { isWaiting: false, state },
  );
const nodeKey = (n: number) => hash('sha256', Buffer.alloc(32, n), 'hex');
const written = (found: ReturnType<typeof newKeysOf>) =>
  found.flatMap(({ drafts }) => drafts.map(({ body }) => (body as { payload: object }).payload));

describe('new keys of spaces behind the point', () => {
  it('are told once, with who shows them, and written as they were, one after the other', () => {
    const events = [rotated(31, { [FEED]: 7, [id(77)]: 3 }), rotated(32, { [FEED]: 9 })];
    const found = newKeys({ odcm: events, payments: [...events] });
    expect(found).toMatchObject([
      { space: 'library', nodeKey: nodeKey(32), from: ['odcm', 'payments'], isOwn: true },
    ]);
    const rest = (n: number) => ({ space: LIBRARY, nodeKey: key(n), exchangeKey: key(n) });
    expect(written(found)).toEqual([
      { ...rest(31), from: { [FEED]: 7 } },
      { ...rest(32), from: { [FEED]: 9 } },
    ]);
    const again = written(found).map((one): Event => ['SpaceKeyRotatedV1Event', one]);
    expect(folded(...POINT, ...again).spaces.get(LIBRARY as never)?.keys).toHaveLength(3);
  });

  it('are none where the point, or the epoch by now, has them, or the space is shut out', () => {
    const histories = { odcm: [rotated(31)] };
    expect(newKeys({ odcm: [], payments: [REVOKED] })).toEqual([]);
    expect(newKeys(histories, base)).toHaveLength(1);
    expect(newKeys(histories, folded(...POINT, rotated(33)))).toEqual([]);
    expect(newKeys(histories, folded(...POINT, REVOKED))).toEqual([]);
  });

  it('are chosen by the name of the space: those of ODCM, or the only ones', () => {
    const both = newKeys({ odcm: [rotated(31)], payments: [rotated(32)] });
    expect(both.map((one) => [one.nodeKey, one.isOwn])).toEqual([
      [nodeKey(31), true],
      [nodeKey(32), false],
    ]);
    expect(chosenKeys(both, ['library', 'library'])).toEqual([both[0]]);
    const [only] = newKeys({ odcm: [], payments: [rotated(32)] });
    expect(chosenKeys([only!], ['library'])).toEqual([only]);
    expect(chosenKeys(both, [])).toEqual([]);
  });

  it('are refused for a space that has none, and where nobody knows which are right', () => {
    const found = newKeys({ odcm: [], payments: [rotated(31)], shipping: [rotated(32)] });
    const choose = (name: string) => () => chosenKeys(found, [name]);
    expect(choose('library')).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    expect(choose('payments')).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(choose('nobody')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('are refused for a space that is shut out with the same entries', () => {
    const found = newKeys({ odcm: [rotated(31)], payments: [REVOKED] });
    expect(() => chosenKeys(found, ['library'], ['library'])).toThrow(
      expect.objectContaining({ code: 'CONFLICT' }),
    );
    expect(chosenKeys(found, ['library'], ['payments'])).toHaveLength(1);
  });
});
