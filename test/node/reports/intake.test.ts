import { appendFile, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Draft, Published } from '../../../node/feed/batch.ts';
import { silentLog } from '../../../node/log.ts';
import { Looker, startInbox } from '../../../node/reports/inbox.ts';
import { ReportIntake } from '../../../node/reports/intake.ts';
import { linesOf } from '../../../node/reports/lines.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { tempFolder } from '../temp-folder.ts';
import { VirtualTime } from '../virtual-time.ts';
import { sampleDeployments, sampleInventory } from './sample-reports.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const NEVER = new AbortController().signal;

/** A feed that keeps what it is given, and answers as a publisher does. */
class FakeFeed {
  readonly batches: (readonly Draft[])[] = [];
  readonly newest = new Map<string, string>();
  trouble: MeshError | undefined;
  beforePublishing: (() => Promise<void>) | undefined;
  asked = 0;

  readonly intake = new ReportIntake({
    nowMs: () => NOW,
    feedFor: async (context) => {
      this.asked++;
      if (this.trouble) throw this.trouble;
      return {
        path: `payments/${context}`,
        publisher: this,
        isNew: this.asked === 1,
        isShared: false,
      };
    },
  });

  async publish(drafts: readonly Draft[]): Promise<Published[]> {
    if (this.trouble) throw this.trouble;
    await this.beforePublishing?.();
    this.batches.push(drafts);
    return drafts.map(({ item, body }) => {
      const text = JSON.stringify(body);
      const status = this.newest.get(item) === text ? 'unchanged' : 'published';
      this.newest.set(item, text);
      return { item, status, version: 1, index: 0 };
    });
  }
}

const SPAN = { space: 'payments', seed: 3, fromMs: NOW - 7 * 86_400_000, toMs: NOW };
const deployments = (count: number) => [...sampleDeployments({ ...SPAN, count })];
const textOf = (values: readonly unknown[]) => values.map((v) => `${JSON.stringify(v)}\n`).join('');

async function* cut(text: string | Buffer, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('lines of a stream', () => {
  it.each([1, 2, 3, 7, 1000])('are the same in pieces of %i bytes', async (size) => {
    const lines = [];
    for await (const { number, bytes } of linesOf(cut('\ufeffa\r\n\n  \nbb\ncccc\nd', size), 3))
      lines.push([number, bytes?.toString().trim()]);
    expect(lines).toEqual([
      [1, undefined],
      [4, 'bb'],
      [5, undefined],
      [6, 'd'],
    ]);
  });

  it('lose the mark at their start', async () => {
    const lines = [];
    for await (const { bytes } of linesOf(cut('\ufeff{}\n', 2), 9)) lines.push(String(bytes));
    expect(lines).toEqual(['{}']);
  });
});

describe('the door for reports', () => {
  it('publishes one object, under its id and with its time', async () => {
    const feed = new FakeFeed();
    const [one] = deployments(1);
    const taken = await feed.intake.takeOne('deployments', cut(JSON.stringify(one, null, 2), 50));
    expect(taken).toMatchObject({ feed: 'payments/deployments', created: true, published: 1 });
    expect(taken.next).toContain('odcm grant SPACE payments/deployments');
    expect(feed.batches[0]).toMatchObject([{ item: one!.id, occurredTimeUtc: one!.endedAt }]);
  });

  it('publishes lines in batches, in their order', async () => {
    const feed = new FakeFeed();
    const all = deployments(2 * LIMITS.batchEntries + 1);
    const taken = await feed.intake.takeLines('deployments', cut(textOf(all), 10_000));
    expect(feed.batches.map((batch) => batch.length)).toEqual([1000, 1000, 1]);
    expect(feed.batches.flat().map(({ item }) => item)).toEqual(all.map(({ id }) => id));
    expect(taken).toMatchObject({ published: 2001, unchanged: 0, refusedCount: 0 });
  });

  it('publishes the same twice only once, however its fields are ordered', async () => {
    const feed = new FakeFeed();
    const [one] = deployments(1);
    const turned = Object.fromEntries(Object.entries(one!).reverse());
    await feed.intake.takeOne('deployments', cut(JSON.stringify(one), 999));
    const taken = await feed.intake.takeOne('deployments', cut(JSON.stringify(turned), 999));
    expect(taken).toMatchObject({ published: 0, unchanged: 1, created: false });
  });

  it('names refused lines with their codes, and takes the others', async () => {
    const feed = new FakeFeed();
    const [a, b] = deployments(2);
    const long = JSON.stringify({ ...b, reason: 'x'.repeat(LIMITS.reportBytes) });
    const lines = [
      JSON.stringify(a),
      '{"half":',
      long,
      '[]',
      JSON.stringify({ ...b, id: ' \u0000' }),
      JSON.stringify(b),
    ];
    const taken = await feed.intake.takeLines('deployments', cut(lines.join('\n'), 100));
    expect(taken).toMatchObject({ published: 2, refusedCount: 4 });
    expect(taken.refused.map(({ line, code }) => [line, code])).toEqual([
      [2, 'NOT_JSON'],
      [3, 'TOO_LARGE'],
      [4, 'EVENT_INVALID'],
      [5, 'EVENT_INVALID'],
    ]);
  });

  it('counts refused lines beyond those it names', async () => {
    const feed = new FakeFeed();
    const taken = await feed.intake.takeLines('inventory', cut('nonsense\n'.repeat(150), 64));
    expect([taken.refused.length, taken.refusedCount]).toEqual([LIMITS.reportRefusals, 150]);
    expect(feed.asked).toBe(0);
  });

  it.each([
    ['that is no JSON', '{', 'NOT_JSON'],
    ['that breaks the contract', '{}', 'EVENT_INVALID'],
    ['that is too large', ' '.repeat(LIMITS.reportBytes + 1), 'TOO_LARGE'],
  ])('refuses one object %s, and makes no feed for it', async (_, text, code) => {
    const feed = new FakeFeed();
    await expect(feed.intake.takeOne('inventory', cut(text, 999))).rejects.toMatchObject({ code });
    expect(feed.asked).toBe(0);
  });

  it('reads no further than it has published', async () => {
    const feed = new FakeFeed();
    let read = 0;
    const lines = async function* () {
      for (const one of deployments(3000)) {
        read++;
        yield Buffer.from(textOf([one]));
      }
    };
    feed.trouble = new MeshError('DISK_FULL', 'no room');
    await expect(feed.intake.takeLines('deployments', lines())).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(read).toBe(LIMITS.batchEntries);
  });
});

describe('the watched folder', () => {
  async function folderWith(files: Readonly<Record<string, string>>) {
    const folder = await tempFolder();
    for (const name of ['done', 'refused']) await mkdir(join(folder, name));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const feed = new FakeFeed();
    const looker = new Looker({ folder, intake: feed.intake, log: silentLog });
    const look = async (times: number) => {
      for (let i = 0; i < times; i++) await looker.look(NEVER);
    };
    const seen = async () => ({
      here: (await readdir(folder)).filter((name) => name !== 'done' && name !== 'refused').sort(),
      done: (await readdir(join(folder, 'done'))).sort(),
      refused: (await readdir(join(folder, 'refused'))).sort(),
    });
    return { folder, feed, look, seen };
  }

  it('takes each file once, in order of name, and leaves others alone', async () => {
    const { feed, look, seen } = await folderWith({
      'inventory.json': JSON.stringify(sampleInventory(NOW)),
      'deployments-1.jsonl': textOf(deployments(3)),
      'notes.json': '{}',
      '.deployments.json': '{}',
      'deployments.json.tmp': '{}',
    });
    await look(4);
    expect(feed.batches.map((batch) => batch.length)).toEqual([3, 1]);
    expect(await seen()).toEqual({
      here: ['.deployments.json', 'deployments.json.tmp', 'notes.json'],
      done: ['deployments-1.jsonl', 'inventory.json'],
      refused: [],
    });
  });

  it('does not read a file that still grows', async () => {
    const { folder, feed, look, seen } = await folderWith({ 'deployments.jsonl': '' });
    const all = deployments(3);
    for (const one of all) {
      await writeFile(join(folder, 'deployments.jsonl'), textOf([one]), { flag: 'a' });
      await look(1);
    }
    expect(feed.batches).toEqual([]);
    await look(1);
    expect(feed.batches.flat()).toHaveLength(3);
    expect((await seen()).done).toEqual(['deployments.jsonl']);
  });

  it('puts away a file with bad lines, and says which', async () => {
    const { folder, feed, look, seen } = await folderWith({
      'deployments.jsonl': `${textOf(deployments(2))}nonsense\n`,
    });
    await look(2);
    expect(feed.batches.flat()).toHaveLength(2);
    expect((await seen()).refused).toEqual(['deployments.jsonl', 'deployments.jsonl.why']);
    const why = await readFile(join(folder, 'refused', 'deployments.jsonl.why'), 'utf8');
    expect(why).toContain('1 lines were refused; 2 were published');
    expect(why).toContain('line 3: NOT_JSON');
  });

  it('refuses links, folders and empty files without reading them', async () => {
    const { folder, feed, look, seen } = await folderWith({ 'inventory-empty.json': '' });
    await writeFile(join(folder, 'secret'), JSON.stringify(sampleInventory(NOW)));
    await symlink(join(folder, 'secret'), join(folder, 'inventory-link.json'));
    await mkdir(join(folder, 'inventory-folder.json'));
    await look(2);
    expect(feed.batches).toEqual([]);
    const { here, refused } = await seen();
    expect(here).toEqual(['secret']);
    expect(refused.filter((name) => !name.endsWith('.why'))).toEqual([
      'inventory-empty.json',
      'inventory-folder.json',
      'inventory-link.json',
    ]);
    expect(await readFile(join(folder, 'refused', 'inventory-link.json.why'), 'utf8')).toContain(
      'FILE_UNREADABLE',
    );
    expect(await readFile(join(folder, 'secret'), 'utf8')).not.toBe('');
  });

  it('keeps a file that cannot be published yet, and takes it later', async () => {
    const { feed, look, seen } = await folderWith({
      'inventory.json': JSON.stringify(sampleInventory(NOW)),
    });
    feed.trouble = new MeshError('ODCM_UNREACHABLE', 'ODCM is not connected');
    await look(1);
    await expect(look(1)).rejects.toMatchObject({ code: 'ODCM_UNREACHABLE' });
    expect((await seen()).here).toEqual(['inventory.json']);
    feed.trouble = undefined;
    await look(1);
    expect((await seen()).done).toEqual(['inventory.json']);
  });

  it.each([
    ['another took its place', rename],
    ['it grew', async (from: string, to: string) => appendFile(to, await readFile(from))],
  ])('loses nothing of a file when %s while it was read', async (_, change) => {
    const [first, second] = [deployments(4).slice(0, 2), deployments(4).slice(2)];
    const { folder, feed, look, seen } = await folderWith({
      'deployments.jsonl': textOf(first),
      'next.tmp': textOf(second),
    });
    feed.beforePublishing = () =>
      change(join(folder, 'next.tmp'), join(folder, 'deployments.jsonl'));
    await look(2);
    feed.beforePublishing = undefined;
    await look(2);
    const ids = [...first, ...second].map(({ id }) => id);
    expect([...feed.newest.keys()].sort()).toEqual(ids.sort());
    expect((await seen()).done).toEqual(['deployments.jsonl']);
  });

  it('puts away files with the longest names there are', async () => {
    const name = `inventory-${'x'.repeat(255 - 'inventory-.json'.length)}.json`;
    const { folder, look, seen } = await folderWith({ [name]: 'nonsense' });
    await look(2);
    expect((await seen()).here).toEqual([]);
    const [put, why] = (await seen()).refused;
    expect(why).toBe(`${put}.why`);
    expect(await readFile(join(folder, 'refused', put!), 'utf8')).toBe('nonsense');
  });

  it('puts nothing away through a link: whoever writes there must not choose where files go', async () => {
    const { folder, look, seen } = await folderWith({
      'inventory.json': JSON.stringify(sampleInventory(NOW)),
      'deployments.json': 'nonsense',
    });
    const elsewhere = await tempFolder();
    for (const name of ['done', 'refused']) {
      await rename(join(folder, name), join(folder, `${name}-before`));
      await symlink(elsewhere, join(folder, name));
    }
    await look(1);
    await expect(look(1)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    expect(await readdir(elsewhere)).toEqual([]);
    expect((await seen()).here).toContain('inventory.json');
  });

  it('overwrites nothing that was put away before', async () => {
    const { folder, look, seen } = await folderWith({});
    for (const projects of [1, 2]) {
      const text = JSON.stringify(sampleInventory(NOW, { projects }));
      await writeFile(join(folder, 'new'), text);
      await rename(join(folder, 'new'), join(folder, 'inventory.json'));
      await look(2);
    }
    expect((await seen()).done).toEqual(['inventory.json', 'inventory.json.2']);
  });

  it('is made when it is not there, looked at again and again, and stopped', async () => {
    const folder = join(await tempFolder(), 'in', 'box');
    const [time, feed] = [new VirtualTime(), new FakeFeed()];
    const inbox = await startInbox({ folder, intake: feed.intake, timers: time, log: silentLog });
    await writeFile(join(folder, 'inventory.json'), JSON.stringify(sampleInventory(NOW)));
    await expect
      .poll(
        async () => {
          await time.advance(LIMITS.inboxLookMs);
          return readdir(join(folder, 'done'));
        },
        { timeout: 10_000 },
      )
      .toEqual(['inventory.json']);
    await inbox.stop();
    expect(time.waiting).toBe(0);
  });

  it('cannot be a file', async () => {
    const folder = join(await tempFolder(), 'inbox');
    await writeFile(folder, '');
    const options = {
      folder,
      intake: new FakeFeed().intake,
      timers: new VirtualTime(),
      log: silentLog,
    };
    await expect(startInbox(options)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
