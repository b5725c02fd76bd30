import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../node/alerts/message.ts';
import type { Log } from '../../../node/log.ts';
import { tempFolder } from '../temp-folder.ts';
import { type Receiver, receive } from './receiver.ts';
import { GIB, openWatch, spaceFact, type WatchedNode } from './sample-facts.ts';

const OFFLINE = { spaces: [spaceFact('payments', 'offline')] };
const MINUTE = 60_000;
/** Long enough for the default rule and for the message to be put together. */
const TOLD_MS = 40_000;

async function watched(settings: object = {}, log?: Log) {
  const home = await tempFolder();
  const receiver = await receive();
  const routes = [
    { name: 'chat', kind: 'webhook', url: receiver.url, keyEnv: 'KEY', minLevel: 'info' },
  ];
  await writeFile(join(home, 'alerts.json'), JSON.stringify({ routes, ...settings }));
  const options = { home, env: { KEY: 'k1' }, ...(log ? { log } : {}) };
  const node = await openWatch(options);
  await node.watch.start();
  return { home, receiver, node, options };
}

const titles = (receiver: Receiver): string[] =>
  receiver.received.map(({ body }) => (JSON.parse(body) as Message).title);

async function outage(node: WatchedNode): Promise<void> {
  node.facts = OFFLINE;
  await node.pass(TOLD_MS);
}

describe('the watch', () => {
  it('sends one message for an outage and one when it is over', async () => {
    const { node, receiver } = await watched();
    await outage(node);
    await receiver.until(1);
    await node.pass(10 * MINUTE);
    node.facts = {};
    await node.pass(2 * MINUTE);
    await receiver.until(2);
    expect(titles(receiver)).toEqual([
      '1 space offline: payments',
      'over: 1 space offline: payments',
    ]);
    expect(node.watch.list('open')).toEqual([]);
    expect(node.watch.list('all')).toMatchObject([
      { subject: 'payments', state: 'closed', bell: false },
    ]);
  });

  it('makes one message of five hundred spaces that go away within the window, and one of their return', async () => {
    const { node, receiver } = await watched();
    const names = Array.from({ length: 500 }, (_, n) => `space-${n}`);
    // They do not go all in the same moment.
    for (const gone of [180, 350, 500]) {
      node.facts = {
        spaces: names.map((name, n) => spaceFact(name, n < gone ? 'offline' : 'online')),
      };
      await node.pass(5000);
    }
    await node.pass(TOLD_MS);
    await receiver.until(1);
    node.facts = { spaces: names.map((name) => spaceFact(name)) };
    await node.pass(5 * MINUTE);
    await receiver.until(2);
    expect(titles(receiver).map((title) => title.slice(0, 24))).toEqual([
      '500 spaces offline: spac',
      'over: 500 spaces offline',
    ]);
  });

  it('neither repeats nor forgets after a restart', async () => {
    const { node, receiver, options } = await watched();
    await outage(node);
    await receiver.until(1);
    await node.watch.stop();
    const again = await openWatch({ ...options, time: node.time, seed: 8 });
    await again.watch.start();
    again.facts = OFFLINE;
    await again.pass(10 * MINUTE);
    expect(again.watch.list('open')).toMatchObject([{ subject: 'payments', state: 'open' }]);
    again.facts = {};
    await again.pass(2 * MINUTE);
    await receiver.until(2);
    expect(titles(receiver)).toEqual([
      '1 space offline: payments',
      'over: 1 space offline: payments',
    ]);
  });

  it('sends after a restart what was not sent before it', async () => {
    const { node, receiver, options } = await watched();
    node.facts = OFFLINE;
    await node.pass(20_000);
    await node.watch.stop();
    expect(receiver.received).toEqual([]);
    const again = await openWatch({ ...options, time: node.time, seed: 8 });
    await again.watch.start();
    again.facts = OFFLINE;
    await again.pass(MINUTE);
    await receiver.until(1);
    expect(titles(receiver)).toEqual(['1 space offline: payments']);
  });

  it('begins anew when what it remembered is damaged, and puts that aside', async () => {
    const { home, node, options } = await watched();
    await outage(node);
    await node.watch.stop();
    const path = join(home, 'alerts', 'state.json');
    await writeFile(path, '{"version":1,"alerts":[{"id":1}]}');
    const again = await openWatch({ ...options, time: node.time });
    expect(again.watch.list('all')).toEqual([]);
    expect(await readFile(`${path}.damaged`, 'utf8')).toContain('"id":1');
  });

  it('tells nobody of what is silenced, and tells it once the silence ends before the trouble', async () => {
    const { node, receiver } = await watched();
    const untilMs = node.time.nowMs() + 10 * MINUTE;
    await node.watch.silence({
      rule: 'space-*',
      subject: 'pay*',
      untilMs,
      by: 'Lisa',
      why: 'moving',
    });
    await outage(node);
    await node.pass(5 * MINUTE);
    expect(node.watch.list('open')).toMatchObject([{ state: 'silenced', bell: false }]);
    expect(receiver.received).toEqual([]);
    await node.pass(10 * MINUTE);
    await receiver.until(1);
    expect(node.watch.silences).toEqual([]);
  });

  it('says nothing at all of what began and ended in silence', async () => {
    const { node, receiver } = await watched();
    const untilMs = node.time.nowMs() + 60 * MINUTE;
    await node.watch.silence({
      rule: '*',
      subject: 'payments',
      untilMs,
      by: 'Lisa',
      why: 'moving',
    });
    await outage(node);
    node.facts = {};
    await node.pass(5 * MINUTE);
    node.facts = { disk: { path: '/data', freeBytes: GIB, sizeBytes: 100 * GIB } };
    await node.pass(2 * MINUTE);
    await receiver.until(1);
    expect(titles(receiver)).toEqual(['1 disk nearly full: /data']);
  });

  it.each([
    ['has passed', -1, 'USAGE'],
    ['is too far away', 91 * 24 * 60 * MINUTE, 'USAGE'],
  ])('refuses a silence whose end %s', async (_, aheadMs, code) => {
    const { node } = await watched();
    const untilMs = node.time.nowMs() + aheadMs;
    const wanted = { rule: '*', subject: '*', untilMs, by: 'Lisa', why: 'x' };
    await expect(node.watch.silence(wanted)).rejects.toMatchObject({ code });
  });

  it('ends a silence by its id, and refuses one that is not there', async () => {
    const { node } = await watched();
    const untilMs = node.time.nowMs() + MINUTE;
    const { id } = await node.watch.silence({
      rule: '*',
      subject: '*',
      untilMs,
      by: 'Bob',
      why: 'x',
    });
    await node.watch.unsilence(id);
    await expect(node.watch.unsilence(id)).rejects.toMatchObject({ code: 'SILENCE_UNKNOWN' });
  });

  it('keeps who looks after an alert, over a restart too', async () => {
    const { node, options } = await watched();
    await outage(node);
    const [alert] = node.watch.list('open');
    await node.watch.acknowledge(alert!.id, 'Geoff', 'on it');
    await node.watch.stop();
    const again = await openWatch({ ...options, time: node.time });
    expect(again.watch.list('open')).toMatchObject([{ state: 'acked', ack: { by: 'Geoff' } }]);
    await expect(again.watch.acknowledge('nope', 'Geoff', '')).rejects.toMatchObject({
      code: 'ALERT_UNKNOWN',
    });
  });

  it('tells of an acknowledged alert no more until it is over', async () => {
    const { node, receiver } = await watched();
    const disk = (freeGiB: number) => ({
      disk: { path: '/data', freeBytes: freeGiB * GIB, sizeBytes: 100 * GIB },
    });
    node.facts = disk(8);
    await node.pass(2 * MINUTE);
    await receiver.until(1);
    await node.watch.acknowledge(node.watch.list('open')[0]!.id, 'Geoff', '');
    node.facts = disk(1);
    await node.pass(5 * MINUTE);
    node.facts = disk(50);
    await node.pass(5 * MINUTE);
    await receiver.until(2);
    expect(titles(receiver)).toEqual([
      '1 disk nearly full: /data',
      'over: 1 disk nearly full: /data',
    ]);
  });

  it('tells once more when it gets worse', async () => {
    const { node, receiver } = await watched();
    node.facts = { disk: { path: '/data', freeBytes: 8 * GIB, sizeBytes: 100 * GIB } };
    await node.pass(2 * MINUTE);
    node.facts = { disk: { path: '/data', freeBytes: GIB, sizeBytes: 100 * GIB } };
    await node.pass(5 * MINUTE);
    await receiver.until(2);
    expect(titles(receiver)[1]).toBe('worse: 1 disk nearly full: /data');
  });

  it('rings for what is urgent, from the level that is asked for', async () => {
    const { node } = await watched({ bell: 'warn' });
    await outage(node);
    expect(node.watch.list('open')).toMatchObject([{ level: 'warn', bell: true }]);
    const quiet = await watched({ bell: 'off', critical: { spaces: ['payments'] } });
    await outage(quiet.node);
    expect(quiet.node.watch.list('open')).toMatchObject([{ level: 'crit', bell: false }]);
  });

  it('raises an alert when a route fails, and ends it when the route works', async () => {
    const { node, receiver } = await watched();
    receiver.answer = 500;
    await outage(node);
    await receiver.until(1);
    await node.pass(2 * MINUTE);
    expect(node.watch.list('open').map(({ rule }) => rule)).toContain('route-failing');
    expect(node.watch.routes).toMatchObject([
      {
        state: 'failing',
        lastError: expect.stringMatching(/^the receiver answers 500\. See /),
        queued: 2,
      },
    ]);
    receiver.answer = 200;
    await node.watch.testRoutes('chat');
    await receiver.accepted(3);
    await node.pass(MINUTE);
    expect(node.watch.list('open').map(({ rule }) => rule)).toEqual(['space-offline']);
  });

  it('takes a new alerts.json as it comes, keeps the old one while the new one is wrong, and says so', async () => {
    const { home, node } = await watched();
    const path = join(home, 'alerts.json');
    const put = async (text: string, atS: number) => {
      await writeFile(path, text);
      await utimes(path, atS, atS);
    };
    await put('{"bell":"loud"}', 1);
    await node.pass(5000);
    expect(node.watch.problem).toMatch(/^bell: /);
    expect(node.watch.list('open')).toMatchObject([
      { rule: 'configuration-broken', level: 'crit', subject: 'alerts.json' },
    ]);
    expect(node.watch.routes).toHaveLength(1);
    expect(await node.watch.check()).toMatchObject([{ path: 'bell' }]);
    await put('{}', 2);
    await node.pass(5000);
    expect([node.watch.problem, node.watch.list('open'), node.watch.routes]).toEqual([
      null,
      [],
      [],
    ]);
    expect(await node.watch.check()).toEqual([]);
  });

  it('keeps over a restart what was in force before alerts.json went wrong, and tells of it', async () => {
    const { home, node, receiver, options } = await watched();
    await node.watch.stop();
    await writeFile(join(home, 'alerts.json'), '{');
    const again = await openWatch(options);
    await again.watch.start();
    expect(again.watch.problem).toMatch(/^the file: is not JSON/);
    await again.pass(TOLD_MS);
    await receiver.accepted(1);
    expect(titles(receiver)).toEqual(['1 broken alert configuration: alerts.json']);
  });

  it('keeps nothing of a file that was taken away', async () => {
    const { home, node, options } = await watched();
    await rm(join(home, 'alerts.json'));
    await node.pass(5000);
    await node.watch.stop();
    await writeFile(join(home, 'alerts.json'), '{');
    const again = await openWatch(options);
    await again.watch.start();
    expect(again.watch.routes).toEqual([]);
  });

  it('writes one line in the log for each change, however long it lasts', async () => {
    const lines: string[] = [];
    const write = (detail: object, text: string) => {
      if ('alert' in detail) lines.push(text);
    };
    const { node } = await watched({}, { debug: write, info: write, warn: write, error: write });
    await outage(node);
    await node.pass(10 * MINUTE);
    node.facts = {};
    await node.pass(10 * MINUTE);
    expect(lines).toEqual(['alert', 'alert is over']);
  });
});
