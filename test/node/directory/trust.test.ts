import { describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import type { Clock } from '../../../node/clock.ts';
import { Trust, type TrustOptions } from '../../../node/directory/trust.ts';
import type { FeedRow, SpaceRow } from '../../../protocols/directory.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { type FeedId, parseContextName, parseFeedName } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { signPetition, type Wish } from '../../../protocols/petition.ts';
import { MESH, SPACE } from '../../protocols/sample-log.ts';
import { seededRandom, VirtualTime } from '../virtual-time.ts';

const key = generateEd25519();
const speaker = {
  id: SPACE,
  name: 'library',
  nodeKey: ed25519Raw(key),
  keys: [],
} as unknown as SpaceRow;
const random = seededRandom(1);

interface Written {
  readonly type: string;
  readonly body: { readonly payload: { readonly feed: FeedId; readonly name: string } };
}

/** Trust over a directory in memory that knows every space by its name. */
function newTrust({ feeds = 0, clock = new VirtualTime() as Clock } = {}) {
  const rows = new Map<string, Pick<FeedRow, 'space' | 'name'>>();
  const add = (name: string) => rows.set(name, { space: SPACE, name: parseFeedName(name) });
  for (let i = 0; i < feeds; i++) add(`feed-${i}`);
  const written: string[] = [];
  const state = {
    ...{ contexts: new Map([['variables', {}]]), feeds: rows },
    feedNamed: (_: string, name: string) => rows.get(name),
    resolveSpace: (name: string) => ({
      id: `0199b7c2-1f00-4000-8000-${name.slice(1).padStart(12, '0')}`,
    }),
  };
  const writer = {
    append: async (type: string) => written.push(type),
    appendAll: async (drafts: Written[]) => {
      for (const { type, body } of drafts) {
        written.push(type);
        if (type === 'FeedCreatedV1Event') add(body.payload.name);
      }
    },
  };
  const options = { mesh: MESH, directory: { state }, writer, clock, random };
  return { trust: new Trust(options as unknown as TrustOptions), written };
}

const feedWish = (name: string, to: 'all' | string[] = 'all'): Wish => ({
  ...({ wish: 'feed', sync: 'chosen', to } as const),
  name: parseFeedName(name),
  context: parseContextName('variables'),
});
const addresses: Wish = { wish: 'addresses', addresses: ['/ip4/192.0.2.1/tcp/4001'] };
const sign = (wish: Wish, nonce: Uint8Array = random.bytes(16)) =>
  signPetition(MESH, SPACE, wish, nonce, key);
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof MeshError ? error.code : String(error)),
  );
const names = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`);

describe('petitions of one space', () => {
  it('are taken a number at once, then one a second', async () => {
    const time = new VirtualTime();
    const { trust, written } = newTrust({ clock: time });
    const codes = [];
    for (let i = 0; i < LIMITS.petitionBurst + 1; i++)
      codes.push(await codeOf(trust.petition(speaker, sign(addresses))));
    expect(codes).toEqual([...Array(LIMITS.petitionBurst).fill('done'), 'BUSY']);
    await time.advance(LIMITS.petitionEveryMs);
    expect(await codeOf(trust.petition(speaker, sign(addresses)))).toBe('done');
    expect(await codeOf(trust.petition(speaker, sign(addresses)))).toBe('BUSY');
    expect(written).toHaveLength(LIMITS.petitionBurst + 1);
  });

  it('do not use up what another space may ask', async () => {
    const { trust } = newTrust();
    for (let i = 0; i < LIMITS.petitionBurst + 1; i++)
      await codeOf(trust.petition(speaker, sign(addresses)));
    const other = { ...speaker, id: 'another' } as unknown as SpaceRow;
    // Past the bucket: what is refused is that it speaks for somebody else.
    expect(await codeOf(trust.petition(other, sign(addresses)))).toBe('BAD_SIGNATURE');
  });

  it('are paid for also when they are refused', async () => {
    const { trust } = newTrust();
    for (let i = 0; i < LIMITS.petitionBurst; i++)
      expect(await codeOf(trust.petition(speaker, Buffer.of(1)))).not.toBe('BUSY');
    expect(await codeOf(trust.petition(speaker, sign(addresses)))).toBe('BUSY');
  });

  it('are carried out once: the same one again gets the earlier result', async () => {
    const { trust, written } = newTrust();
    const petition = sign(feedWish('prices'));
    const both = [trust.petition(speaker, petition), trust.petition(speaker, petition)];
    const [first, second] = await Promise.all(both);
    expect(second).toBe(first);
    expect(await trust.petition(speaker, petition)).toBe(first);
    expect(written).toEqual(['FeedCreatedV1Event', 'GrantIssuedV1Event']);
  });

  it('with the nonce of another one are refused', async () => {
    const { trust, written } = newTrust();
    const nonce = random.bytes(16);
    await trust.petition(speaker, sign(addresses, nonce));
    const other = sign(feedWish('prices'), nonce);
    expect(await codeOf(trust.petition(speaker, other))).toBe('CONFLICT');
    expect(written).toEqual(['SpaceAddressesV1Event']);
  });

  it('that were refused may be asked again', async () => {
    const { trust } = newTrust({ feeds: 1 });
    const petition = sign(feedWish('feed-0'));
    expect(await codeOf(trust.petition(speaker, petition))).toBe('FEED_EXISTS');
    expect(await codeOf(trust.petition(speaker, petition))).toBe('FEED_EXISTS');
  });

  it('are remembered up to a number', async () => {
    const time = new VirtualTime();
    const { trust, written } = newTrust({ clock: time });
    const first = sign(addresses);
    await trust.petition(speaker, first);
    for (let i = 1; i < LIMITS.petitionsRemembered; i++) {
      await trust.petition(speaker, sign(addresses));
      if (i % 20 === 0) await time.advance(20 * LIMITS.petitionEveryMs);
    }
    await trust.petition(speaker, first);
    expect(written).toHaveLength(LIMITS.petitionsRemembered);
    await trust.petition(speaker, sign(addresses));
    await trust.petition(speaker, first);
    expect(written).toHaveLength(LIMITS.petitionsRemembered + 2);
  });
});

describe('a new feed', () => {
  it('is refused to a space that has as many as it may', async () => {
    const { trust, written } = newTrust({ feeds: LIMITS.feedsPerSpace - 1 });
    expect(await codeOf(trust.carryOut(SPACE, feedWish('last')))).toBe('done');
    expect(await codeOf(trust.carryOut(SPACE, feedWish('more')))).toBe('TOO_LARGE');
    expect(written).toEqual(['FeedCreatedV1Event', 'GrantIssuedV1Event']);
  });

  it('fits one batch with the grants to those that it names', async () => {
    const { trust, written } = newTrust();
    const most = names(LIMITS.batchEntries - 1);
    expect(await codeOf(trust.petition(speaker, sign(feedWish('most', most))))).toBe('done');
    expect(written).toHaveLength(LIMITS.batchEntries);
    const more = names(LIMITS.batchEntries);
    expect(await codeOf(trust.petition(speaker, sign(feedWish('more', more))))).toBe('MALFORMED');
    expect(await codeOf(trust.carryOut(SPACE, feedWish('more', more)))).toBe('TOO_LARGE');
    expect(written).toHaveLength(LIMITS.batchEntries);
  });

  it('is granted once to a space that is named twice', async () => {
    const { trust, written } = newTrust();
    await trust.carryOut(SPACE, feedWish('twice', ['s1', 's1']));
    expect(written).toEqual(['FeedCreatedV1Event', 'GrantIssuedV1Event']);
  });
});
