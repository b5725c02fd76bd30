import { describe, expect, it } from 'vitest';
import type { Draft } from '../../../node/feed/batch.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { encodeEntry, KIND, type Kind } from '../../../protocols/entry.ts';
import { encodeEnvelope, formatSource, type Json } from '../../../protocols/envelope.ts';
import { parseFeedName } from '../../../protocols/ids.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { encodeAttachment, rawCid, structCid } from '../../../protocols/record.ts';
import type { Packed } from '../../../protocols/segment.ts';
import { FEED_BYTES } from '../../protocols/sample-log.ts';
import { sampleDeployments, sampleInventory } from '../reports/sample-reports.ts';
import { tempFolder } from '../temp-folder.ts';
import { event, IDENTITY, SampleFeed } from './sample-feed.ts';

const NOW = Date.parse('2023-11-14T00:00:00Z');
const SPAN = { space: 'payments', seed: 3, fromMs: NOW - 86_400_000, toMs: NOW };
const [GOOD] = [...sampleDeployments({ ...SPAN, count: 1 })];
const INVENTORY = sampleInventory(NOW);

function feedOf(context: 'deployments' | 'inventory'): typeof IDENTITY {
  const found = BUILT_IN_CONTEXTS.find(({ name }) => name === context)!;
  return { ...IDENTITY, feed: parseFeedName(context), context: found };
}

const open = async (context: 'deployments' | 'inventory') =>
  SampleFeed.open(await tempFolder(), feedOf(context));

const file: Draft = {
  item: 'bad',
  body: {
    ...{ sizeBytes: 2, sha256: sha256(Buffer.from('{}')), mediaType: 'application/json' },
    content: { inline: Buffer.from('{}') },
  },
};

const DEPLOYMENTS: [string, Draft][] = [
  ['a payload of another kind', event('bad', 1)],
  ['an outcome that there is not', event('bad', { ...GOOD, id: 'bad', outcome: 'fine' })],
  ['a field that there is not', event('bad', { ...GOOD, id: 'bad', extra: 1 })],
  ['the id of another item', event('bad', GOOD)],
  [
    'an end that is still to come',
    event('bad', { ...GOOD, id: 'bad', endedAt: '2024-01-01T00:00:00Z' }),
  ],
  ['a file for a payload', file],
];
const INVENTORIES: [string, Draft][] = [
  ['a payload of another kind', event('bad', [])],
  ['fewer targets than none', event('bad', { ...INVENTORY, projects: -1 })],
  ['a file for a payload', file],
];

/** The entry that other software might make of a draft. */
function packed(
  context: 'deployments' | 'inventory',
  { item, body }: Draft,
  kind: Kind = KIND.publish,
): Packed {
  const identity = feedOf(context);
  const type = `${identity.context.noun}PublishedV1Event`;
  const isFile = body !== null && 'sha256' in body;
  const envelope = encodeEnvelope({
    id: '0199b7c2-1f00-4000-8000-000000000009',
    activityId: '0199b7c2-1f00-4000-8000-000000000008',
    ...{ source: formatSource({ ...identity, item }), type, specVersion: '1.0' },
    occurredTimeUtc: '2023-11-14T00:00:00Z',
    payload: isFile ? { mediaType: body.mediaType } : ((body?.payload ?? {}) as Json),
  });
  const record = isFile ? encodeAttachment({ ...body, envelope }) : envelope;
  const leaf = encodeEntry({
    ...{ kind, event: type, item: sha256(Buffer.from(item)).subarray(0, 16), version: 1 },
    ...{ timeMs: NOW, feed: FEED_BYTES, keyEpoch: null, prev: null, expiresS: null },
    record: isFile ? structCid(record) : rawCid(record),
    sizeBytes: isFile ? body.sizeBytes : record.length,
  });
  return { leaf, record };
}

const SAMPLES = [
  ['deployments', event(GOOD!.id, GOOD), DEPLOYMENTS],
  ['inventory', event('server', INVENTORY), INVENTORIES],
] as const;

describe.each(SAMPLES)('the contract of %s', (context, good, all) => {
  it.each(all)('refuses to publish %s', async (_, bad) => {
    const f = await open(context);
    await f.publisher.publish([good]);
    await expect(f.publisher.publish([bad])).rejects.toMatchObject({ code: 'EVENT_INVALID' });
    expect(f.log.size).toBe(1);
  });

  it.each(all)('makes a dead letter of %s from other software', async (_, bad) => {
    const f = await open(context);
    const entries = [packed(context, good), packed(context, bad)];
    await f.log.exclusively(async () => f.log.commit(await f.log.grow(entries), undefined, false));
    expect(await f.view.catchUp()).toEqual([]);
    expect(await f.rows()).toEqual([`${good.item} v1 @0`]);
    expect(await f.view.deadLetters(10)).toMatchObject([{ index: 1, code: 'EVENT_INVALID' }]);
    expect(f.applied.map(({ item }) => item)).toEqual([good.item]);
  });

  it('asks nothing of a withdrawal', async () => {
    const f = await open(context);
    await f.publisher.publish([good]);
    expect(await f.publisher.publish([{ item: good.item, body: null }])).toMatchObject([
      { status: 'withdrawn' },
    ]);
    const other = await open(context);
    const entries = [packed(context, { item: 'gone', body: null }, KIND.withdraw)];
    await other.log.exclusively(async () =>
      other.log.commit(await other.log.grow(entries), undefined, false),
    );
    await other.view.catchUp();
    expect(other.view.deadLetterCount).toBe(0);
  });
});
