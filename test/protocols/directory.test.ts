import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DirectoryState } from '../../protocols/directory.ts';
import { checkDirectoryEvent, type DirectoryEvent } from '../../protocols/directory-events.ts';
import type { Envelope, Json } from '../../protocols/envelope.ts';
import type { FeedId, GrantId, SpaceId } from '../../protocols/ids.ts';
import { codeOf } from '../certs/fixtures.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const id = (n: number) => `0199b7c2-1f00-4000-8000-${n.toString(16).padStart(12, '0')}`;
const space = (n: number) => id(n) as SpaceId;
const feed = (n: number) => id(0xf00 + n) as FeedId;
const grant = (n: number) => id(0xa00 + n) as GrantId;
const key = (n: number) => Buffer.alloc(32, n).toString('base64');

function event(type: string, payload: Json): Envelope {
  return {
    id: randomUUID(),
    source: 'odcm://odcm/directory#x',
    type,
    occurredTimeUtc: '2026-11-21T10:00:00Z',
    activityId: randomUUID(),
    specVersion: '1.0',
    payload,
  };
}

const enrolled = (n: number, name: string, more: Record<string, Json> = {}) => ({
  space: space(n),
  name,
  nodeKey: key(n),
  exchangeKey: key(n + 100),
  certificateSha256: 'ab'.repeat(32),
  addresses: ['/ip4/127.0.0.1/tcp/4001'],
  ...more,
});
const created = (n: number, publisher: number, name: string, more: Record<string, Json> = {}) => ({
  ...{ feed: feed(n), space: space(publisher), name, context: 'variables', sync: 'chosen' },
  ...more,
});
const issued = (
  n: number,
  subscriber: string,
  publisher: number,
  of: string,
  until: string | null = null,
) => ({
  ...{ grant: grant(n), subscriber, publisher: space(publisher), feed: of, until },
});

class Sample {
  readonly state = new DirectoryState();

  /** Applies the event and says whether it was folded or passed over. */
  apply(type: DirectoryEvent | string, payload: Json): boolean {
    const { passedOver, size } = this.state;
    this.state.apply(event(type, payload));
    expect(this.state.size).toBe(size + 1);
    return this.state.passedOver === passedOver;
  }
}

/** library (1) with two feeds, payments (2), shipping (3). */
function sample(): Sample {
  const s = new Sample();
  for (const [n, name] of ['library', 'payments', 'shipping'].entries()) {
    expect(s.apply('SpaceEnrolledV1Event', enrolled(n + 1, name))).toBe(true);
  }
  expect(s.apply('FeedCreatedV1Event', created(1, 1, 'variables/base'))).toBe(true);
  expect(s.apply('FeedCreatedV1Event', created(2, 1, 'templates'))).toBe(true);
  return s;
}

const may = (s: Sample, subscriber: number, of = 1, nowMs = NOW_MS) =>
  s.state.grantFor(space(subscriber), s.state.feeds.get(feed(of))!, nowMs);

const certified = (n: number, more: Record<string, Json> = {}) => ({
  ...{ space: space(n), sha256: 'cd'.repeat(32), serial: '4F00AA' },
  ...{ notBefore: '2026-11-01T00:00:00.000Z', notAfter: '2026-12-01T00:00:00.000Z', ...more },
});

describe('certificates of the directory', () => {
  it('are those that ODCM named last, and unknown before', () => {
    const s = sample();
    expect(s.state.spaces.get(space(1))!.certificate).toBeNull();
    expect(s.apply('SpaceCertificateV1Event', certified(1))).toBe(true);
    const later = { serial: '4F00AB', notAfter: '2026-12-31T00:00:00.000Z' };
    expect(
      s.apply('SpaceCertificateV1Event', certified(1, { ...later, sha256: 'ef'.repeat(32) })),
    ).toBe(true);
    expect(s.state.spaces.get(space(1))).toMatchObject({
      certificateSha256: 'ef'.repeat(32),
      certificate: { ...later, notBefore: '2026-11-01T00:00:00.000Z' },
      entry: 0,
    });
    expect(s.state.spaces.get(space(2))!.certificate).toBeNull();
  });

  it.each<[string, Json]>([
    ['of a space that is unknown', certified(9)],
    ['that end before they begin', certified(1, { notAfter: '2026-10-01T00:00:00.000Z' })],
    ['with a serial in small letters', certified(1, { serial: '4f00aa' })],
    ['with a serial of 21 bytes', certified(1, { serial: 'A'.repeat(42) })],
    ['with a fingerprint too short', certified(1, { sha256: 'cd' })],
    ['with a date that is none', certified(1, { notAfter: 'soon' })],
    ['with a field too many', certified(1, { trusted: true })],
  ])('are not taken %s', (_, payload) => {
    const s = sample();
    expect(s.apply('SpaceCertificateV1Event', payload)).toBe(false);
    expect(s.state.spaces.get(space(1))!.certificate).toBeNull();
  });

  it('are not taken of a space that was revoked', () => {
    const s = sample();
    s.apply('SpaceRevokedV1Event', { space: space(1), reason: '', lastGood: {} });
    expect(s.apply('SpaceCertificateV1Event', certified(1))).toBe(false);
  });
});

describe('spaces of the directory', () => {
  it('are found by id, name and key', () => {
    const { state } = sample();
    const row = state.spaces.get(space(1))!;
    expect(row).toMatchObject({ name: 'library', entry: 0, revoked: null });
    expect(state.spaceNamed('library')).toBe(row);
    expect(state.spaceWithKey(Buffer.alloc(32, 1))).toBe(row);
    expect(state.resolveSpace('library')).toBe(row);
    expect(state.resolveSpace(space(1))).toBe(row);
    expect(codeOf(() => state.resolveSpace('ledger'))).toBe('SPACE_UNKNOWN');
    expect(state.spaceWithKey(Buffer.alloc(32, 9))).toBeUndefined();
  });

  it.each<[string, Json]>([
    ['an id that is taken', enrolled(1, 'ledger', { nodeKey: key(9) })],
    ['a name that is taken', enrolled(9, 'library')],
    ['a key that is taken', enrolled(9, 'ledger', { nodeKey: key(1) })],
    [
      'a key that is taken in another spelling',
      enrolled(9, 'ledger', { nodeKey: key(1).replace(/E=$/, 'F=') }),
    ],
    ['a key of 31 bytes', enrolled(9, 'ledger', { nodeKey: Buffer.alloc(31).toString('base64') })],
    ['a name in capitals', enrolled(9, 'Ledger')],
    ['a field too many', enrolled(9, 'ledger', { admin: true })],
    ['nine addresses', enrolled(9, 'ledger', { addresses: Array(9).fill('/ip4/10.0.0.1/tcp/1') })],
    ['a fingerprint in capitals', enrolled(9, 'ledger', { certificateSha256: 'AB'.repeat(32) })],
    ['a text', 'ledger'],
    ['nothing', null],
  ])('are not enrolled with %s', (_, payload) => {
    const s = sample();
    expect(s.apply('SpaceEnrolledV1Event', payload)).toBe(false);
    expect(s.state.spaces.size).toBe(3);
    expect(s.state.spaceNamed('library')!.id).toBe(space(1));
    expect(s.state.spaceWithKey(Buffer.alloc(32, 1))!.id).toBe(space(1));
  });

  it('change their addresses, and only when they are there', () => {
    const s = sample();
    const addresses = ['/ip4/10.0.0.1/tcp/4001'];
    expect(s.apply('SpaceAddressesV1Event', { space: space(2), addresses })).toBe(true);
    expect(s.state.spaces.get(space(2))!.addresses).toEqual(addresses);
    expect(s.apply('SpaceAddressesV1Event', { space: space(9), addresses })).toBe(false);
  });

  it('stay revoked, with their name and key taken', () => {
    const s = sample();
    const lastGood = { [feed(1)]: 7 };
    expect(s.apply('SpaceRevokedV1Event', { space: space(1), reason: 'lost', lastGood })).toBe(
      true,
    );
    expect(s.state.spaceNamed('library')!.revoked).toEqual({ reason: 'lost', lastGood });
    expect(s.apply('SpaceEnrolledV1Event', enrolled(1, 'library'))).toBe(false);
    expect(s.apply('SpaceEnrolledV1Event', enrolled(9, 'library'))).toBe(false);
    expect(s.apply('SpaceAddressesV1Event', { space: space(1), addresses: [] })).toBe(true);
    expect(s.state.spaceNamed('library')!.revoked).not.toBeNull();
    const unknown = { space: space(9), reason: '', lastGood: {} };
    expect(s.apply('SpaceRevokedV1Event', unknown)).toBe(false);
  });
});

describe('feeds of the directory', () => {
  it('are found by the path that people write', () => {
    const { state } = sample();
    const row = state.feeds.get(feed(1))!;
    expect(state.resolveFeed('library/variables/base')).toBe(row);
    expect(state.resolveFeed('variables/base', space(1))).toBe(row);
    expect(state.feedPath(row)).toBe('library/variables/base');
    for (const [text, own] of [
      ['variables/base', undefined],
      ['variables/base', space(2)],
      ['payments/variables/base', space(2)],
      ['ledger/templates', undefined],
      ['', undefined],
      ['/templates', space(2)],
    ] as const) {
      expect(codeOf(() => state.resolveFeed(text, own))).toBe('FEED_UNKNOWN');
    }
  });

  it.each<[string, Json]>([
    ['an id that is taken', created(1, 2, 'other')],
    ['a name that is taken in its space', created(9, 1, 'templates')],
    ['a space that is not there', created(9, 9, 'other')],
    ['a context that is not there', created(9, 1, 'other', { context: 'notes' })],
    [
      'the id of the directory',
      created(9, 1, 'other', { feed: '00000000-0000-0000-0000-000000000000' }),
    ],
    ['a name of five labels', created(9, 1, 'a/b/c/d/e')],
    ['another kind of sync', created(9, 1, 'other', { sync: 'never' })],
  ])('are not created with %s', (_, payload) => {
    const s = sample();
    expect(s.apply('FeedCreatedV1Event', payload)).toBe(false);
    expect([...s.state.feeds.keys()]).toEqual([feed(1), feed(2)]);
    expect(s.state.feeds.get(feed(1))!.name).toBe('variables/base');
  });

  it('may have one name in two spaces', () => {
    const s = sample();
    expect(s.apply('FeedCreatedV1Event', created(9, 2, 'templates'))).toBe(true);
    expect(s.state.resolveFeed('payments/templates').id).toBe(feed(9));
    expect(s.state.resolveFeed('library/templates').id).toBe(feed(2));
  });

  it('take contexts that an organisation adds, each once', () => {
    const s = sample();
    expect(s.apply('ContextAddedV1Event', { context: 'team-notes', content: 'any' })).toBe(true);
    expect(s.apply('FeedCreatedV1Event', created(9, 1, 'notes', { context: 'team-notes' }))).toBe(
      true,
    );
    expect([...s.state.contexts.values()].at(-1)).toEqual({
      ...{ name: 'team-notes', noun: 'TeamNotes', content: 'any' },
    });
    for (const context of ['team-notes', 'variables', 'Team', 'x'.repeat(49)]) {
      expect(s.apply('ContextAddedV1Event', { context, content: 'json' })).toBe(false);
    }
    expect(s.state.contexts.get('variables' as never)!.content).toBe('json');
    expect(s.apply('ContextAddedV1Event', { context: 'x'.repeat(48), content: 'json' })).toBe(true);
  });
});

describe('grants of the directory', () => {
  it('are needed by everybody but the publisher', () => {
    const s = sample();
    expect(may(s, 1)).toBe('own');
    expect(may(s, 2)).toBeUndefined();
    expect(may(s, 9)).toBeUndefined();
    expect(s.state.isForAll(s.state.feeds.get(feed(1))!, NOW_MS)).toBe(false);
  });

  it('hold for one subscriber and one feed', () => {
    const s = sample();
    expect(s.apply('GrantIssuedV1Event', issued(1, space(2), 1, feed(1)))).toBe(true);
    expect(may(s, 2)).toMatchObject({ id: grant(1), entry: 5 });
    expect(may(s, 3)).toBeUndefined();
    expect(may(s, 2, 2)).toBeUndefined();
  });

  it('hold for all feeds of one publisher, also future ones, and of no other', () => {
    const s = sample();
    s.apply('GrantIssuedV1Event', issued(1, space(2), 1, '*'));
    s.apply('FeedCreatedV1Event', created(3, 1, 'later'));
    s.apply('FeedCreatedV1Event', created(4, 3, 'other'));
    expect([1, 2, 3].map((n) => may(s, 2, n) !== undefined)).toEqual([true, true, true]);
    expect(may(s, 2, 4)).toBeUndefined();
  });

  it("for '*' hold for all spaces, also future ones, but not for strangers", () => {
    const s = sample();
    s.apply('GrantIssuedV1Event', issued(1, '*', 1, feed(1)));
    s.apply('SpaceEnrolledV1Event', enrolled(4, 'ledger'));
    expect([2, 3, 4].map((n) => may(s, n) !== undefined)).toEqual([true, true, true]);
    expect(may(s, 9)).toBeUndefined();
    expect(s.state.isForAll(s.state.feeds.get(feed(1))!, NOW_MS)).toBe(true);
    expect(s.state.isForAll(s.state.feeds.get(feed(2))!, NOW_MS)).toBe(false);
  });

  it('to every space one by one are not a grant for all', () => {
    const s = sample();
    for (const n of [2, 3]) s.apply('GrantIssuedV1Event', issued(n, space(n), 1, feed(1)));
    expect(s.state.isForAll(s.state.feeds.get(feed(1))!, NOW_MS)).toBe(false);
  });

  it('end at their instant', () => {
    const s = sample();
    const until = new Date(NOW_MS).toISOString();
    s.apply('GrantIssuedV1Event', issued(1, '*', 1, '*', until));
    expect(may(s, 2, 1, NOW_MS - 1)).toBeDefined();
    expect(may(s, 2, 1, NOW_MS)).toBeUndefined();
    expect(s.state.isForAll(s.state.feeds.get(feed(1))!, NOW_MS)).toBe(false);
    expect(s.state.isForAll(s.state.feeds.get(feed(1))!, NOW_MS - 1)).toBe(true);
  });

  it('end when they are revoked, each for itself', () => {
    const s = sample();
    s.apply('GrantIssuedV1Event', issued(1, space(2), 1, feed(1)));
    s.apply('GrantIssuedV1Event', issued(2, '*', 1, feed(1)));
    expect(s.apply('GrantRevokedV1Event', { grant: grant(1) })).toBe(true);
    expect(may(s, 2)).toMatchObject({ id: grant(2) });
    expect(s.apply('GrantRevokedV1Event', { grant: grant(2) })).toBe(true);
    expect(may(s, 2)).toBeUndefined();
    expect(s.apply('GrantRevokedV1Event', { grant: grant(2) })).toBe(false);
  });

  it('give a revoked space nothing, not even its own feeds', () => {
    const s = sample();
    s.apply('GrantIssuedV1Event', issued(1, '*', 1, '*'));
    s.apply('SpaceRevokedV1Event', { space: space(2), reason: 'lost', lastGood: {} });
    s.apply('SpaceRevokedV1Event', { space: space(1), reason: 'lost', lastGood: {} });
    expect(may(s, 2)).toBeUndefined();
    expect(may(s, 1)).toBeUndefined();
    expect(may(s, 3)).toBeDefined();
  });

  it.each<[string, Json]>([
    ['an id that is taken', issued(1, '*', 1, '*')],
    ['a publisher that is not there', issued(2, '*', 9, '*')],
    ['a time that is none', issued(2, '*', 1, '*', 'tomorrow')],
    ['a time with an offset', issued(2, '*', 1, '*', '2026-11-21T10:00:00+01:00')],
    ['no time', { grant: grant(2), subscriber: '*', publisher: space(1), feed: '*' }],
    ['a pattern as subscriber', issued(2, 'pay*', 1, '*')],
    ["'*' as publisher", { ...issued(2, '*', 1, '*'), publisher: '*' }],
  ])('are not issued with %s', (_, payload) => {
    const s = sample();
    s.apply('GrantIssuedV1Event', issued(1, space(2), 1, feed(1)));
    expect(s.apply('GrantIssuedV1Event', payload)).toBe(false);
    expect(may(s, 3)).toBeUndefined();
  });
});

describe('keys of the directory', () => {
  const rotated = (n: number, more: Record<string, Json> = {}) => ({
    ...{ space: space(n), nodeKey: key(50), exchangeKey: key(51), from: { [feed(1)]: 7 } },
    ...more,
  });

  it('are replaced, and those before them stay with their space', () => {
    const s = sample();
    expect(s.apply('SpaceKeyRotatedV1Event', rotated(1))).toBe(true);
    const row = s.state.spaces.get(space(1))!;
    expect(row.nodeKey).toEqual(Buffer.alloc(32, 50));
    expect(row.exchangeKey).toEqual(Buffer.alloc(32, 51));
    expect(row.keys.map(({ nodeKey, from, entry }) => [nodeKey[0], from, entry])).toEqual([
      [1, {}, 0],
      [50, { [feed(1)]: 7 }, 5],
    ]);
    expect(s.state.spaceWithKey(Buffer.alloc(32, 50))).toBe(row);
    expect(s.state.spaceWithKey(Buffer.alloc(32, 1))).toBe(row);
    expect(s.apply('SpaceEnrolledV1Event', enrolled(9, 'ledger', { nodeKey: key(1) }))).toBe(false);
  });

  it.each<[string, Json]>([
    ['of a space that is unknown', rotated(9)],
    ['that another space has', rotated(1, { nodeKey: key(2) })],
    ['that the space has already', rotated(1, { nodeKey: key(1) })],
    ['that are not 32 bytes', rotated(1, { exchangeKey: 'AAAA' })],
    ['from a size below nothing', rotated(1, { from: { [feed(1)]: -1 } })],
    ['from a size that is not whole', rotated(1, { from: { [feed(1)]: 0.5 } })],
    ['with a field too many', rotated(1, { to: {} })],
  ])('are not replaced by keys %s', (_, payload) => {
    const s = sample();
    expect(s.apply('SpaceKeyRotatedV1Event', payload)).toBe(false);
    expect(s.state.spaces.get(space(1))!.keys).toHaveLength(1);
    expect(s.state.spaces.get(space(1))!.nodeKey).toEqual(Buffer.alloc(32, 1));
  });

  it('name more feeds in the entries that follow at once, and never another size, or later', () => {
    const s = sample();
    const more = (from: Record<string, number>, change = {}) =>
      s.apply('SpaceKeyRotatedV1Event', rotated(1, { from, ...change }));
    expect(more({ [feed(1)]: 7 })).toBe(true);
    expect(more({ [feed(1)]: 8 })).toBe(false);
    expect(more({ [feed(2)]: 8, [feed(1)]: 7 })).toBe(false);
    expect(more({ [feed(2)]: 8 }, { exchangeKey: key(52) })).toBe(false);
    const row = s.state.spaces.get(space(1))!;
    expect(row.keys.at(-1)!.from).toEqual({ [feed(1)]: 7 });
    const t = sample();
    t.apply('SpaceKeyRotatedV1Event', rotated(1));
    for (const n of [2, 3, 4])
      expect(t.apply('SpaceKeyRotatedV1Event', rotated(1, { from: { [feed(n)]: n } }))).toBe(true);
    expect(t.apply('SpaceKeyRotatedV1Event', rotated(1, { from: { [feed(5)]: 5 } }))).toBe(false);
    const { keys } = t.state.spaces.get(space(1))!;
    expect(keys.map(({ from, entry }) => [from, entry])).toEqual([
      [{}, 0],
      [{ [feed(1)]: 7, [feed(2)]: 2, [feed(3)]: 3, [feed(4)]: 4 }, 5],
    ]);
    expect(
      t.apply('SpaceKeyRotatedV1Event', rotated(1, { nodeKey: key(1), exchangeKey: key(1) })),
    ).toBe(false);
  });

  it('are not replaced for a space that was revoked', () => {
    const s = sample();
    s.apply('SpaceRevokedV1Event', { space: space(1), reason: '', lastGood: {} });
    expect(s.apply('SpaceKeyRotatedV1Event', rotated(1))).toBe(false);
  });
});

describe('epochs of feeds in the directory', () => {
  const root = key(77);
  const started = (epoch: number, more: Record<string, Json> = {}) => ({
    ...{ feed: feed(1), epoch, continues: { size: 9, root } },
    ...more,
  });

  it('follow each other, each exactly from a point of the last', () => {
    const s = sample();
    expect(s.state.feeds.get(feed(1))).toMatchObject({ epoch: 1, continues: null });
    expect(s.apply('FeedEpochStartedV1Event', started(2))).toBe(true);
    const continues = { size: 9, root: Buffer.alloc(32, 77) };
    expect(s.state.feeds.get(feed(1))).toMatchObject({ epoch: 2, continues, entry: 5 });
    expect(s.apply('FeedEpochStartedV1Event', started(3))).toBe(true);
    expect(s.state.feeds.get(feed(2))).toMatchObject({ epoch: 1, continues: null });
  });

  it.each<[string, Json]>([
    ['before the first', started(1)],
    ['with one left out', started(3)],
    ['of a feed that is unknown', started(2, { feed: feed(9) })],
    ['from a root that is none', started(2, { continues: { size: 9, root: 'AAAA' } })],
    ['from a size below nothing', started(2, { continues: { size: -1, root } })],
  ])('are not started %s', (_, payload) => {
    const s = sample();
    expect(s.apply('FeedEpochStartedV1Event', payload)).toBe(false);
    expect(s.state.feeds.get(feed(1))!.epoch).toBe(1);
  });
});

describe('feeds of the directory that are sealed or carried', () => {
  it('say so from the start, and carriers may be wanted otherwise later', () => {
    const s = sample();
    expect(s.state.feeds.get(feed(1))).toMatchObject({ isSealed: false, carriersWanted: null });
    const more = { sealed: true, carriers: 2 };
    expect(s.apply('FeedCreatedV1Event', created(3, 1, 'secrets', more))).toBe(true);
    expect(s.state.feeds.get(feed(3))).toMatchObject({ isSealed: true, carriersWanted: 2 });
    expect(s.apply('FeedPolicyV1Event', { feed: feed(3), carriers: 0 })).toBe(true);
    expect(s.state.feeds.get(feed(3))).toMatchObject({ isSealed: true, carriersWanted: 0 });
  });

  it.each<[string, string, Json]>([
    ['unsealed in so many words', 'FeedCreatedV1Event', created(3, 1, 'x', { sealed: false })],
    [
      'carried by more than there may be',
      'FeedCreatedV1Event',
      created(3, 1, 'x', { carriers: 65 }),
    ],
    ['carried by a part of a space', 'FeedPolicyV1Event', { feed: feed(1), carriers: 1.5 }],
    ['unknown', 'FeedPolicyV1Event', { feed: feed(9), carriers: 1 }],
  ])('are not taken when %s', (_, type, payload) => {
    expect(sample().apply(type, payload)).toBe(false);
  });
});

describe('entries of the directory', () => {
  it('of a kind that is not known are passed over, also those named like a property of every object', () => {
    const s = sample();
    for (const type of ['MoonRoseV1Event', 'toString', '__proto__', 'constructor', '']) {
      expect(s.apply(type, {})).toBe(false);
    }
    expect(s.state.passedOver).toBe(5);
    expect(s.state.spaces.size).toBe(3);
  });

  it('are checked before ODCM writes them', () => {
    const payload = { context: 'team-notes' as never, content: 'any' } as const;
    expect(checkDirectoryEvent('ContextAddedV1Event', payload)).toEqual(payload);
    const check = (more: object) => () =>
      checkDirectoryEvent('ContextAddedV1Event', { ...payload, ...more });
    expect(codeOf(check({ content: 'xml' }))).toBe('EVENT_INVALID');
    expect(codeOf(check({ extra: 1 }))).toBe('EVENT_INVALID');
    expect(codeOf(check({ context: 'x'.repeat(49) }))).toBe('EVENT_INVALID');
    expect(codeOf(check({ context: 'Team' }))).toBe('NAME_INVALID');
  });
});
