import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildMessage, type Message, testMessage } from '../../../node/alerts/message.ts';
import { MessageQueue } from '../../../node/alerts/queue.ts';
import { AlertRoute } from '../../../node/alerts/route.ts';
import { faultLine } from '../../../node/alerts/route-fault.ts';
import type { WebhookSettings } from '../../../node/alerts/route-settings.ts';
import type { Send } from '../../../node/alerts/sender.ts';
import { createWebhookSender } from '../../../node/alerts/webhook.ts';
import { silentLog } from '../../../node/log.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { tempFolder } from '../temp-folder.ts';
import { seededRandom, VirtualTime } from '../virtual-time.ts';
import { receive } from './receiver.ts';
import { settingsOf } from './sample-facts.ts';

const NOW_MS = 1_700_000_000_123;
const message = (id = 'abcdef012345'): Message =>
  testMessage({ id, mesh: 'acme', from: 'library', atMs: NOW_MS });
const settingsFor = (url: string, changes: object = {}): WebhookSettings => {
  const route = { name: 'chat', kind: 'webhook', url, keyEnv: 'KEY', ...changes };
  return settingsOf({ routes: [route] }).routes[0] as WebhookSettings;
};
const attempt = () => ({ signal: AbortSignal.timeout(10_000), secrets: [] as string[] });

async function bench(changes: object = {}) {
  const receiver = await receive();
  const send = createWebhookSender(settingsFor(receiver.url, changes), {
    env: { KEY: 'key-1' },
    nowMs: () => NOW_MS,
  });
  return { receiver, send };
}

describe('a webhook', () => {
  it('gets JSON with its id, the time, and a signature over both', async () => {
    const { receiver, send } = await bench();
    expect(await send(message(), attempt())).toBeNull();
    await receiver.until(1);
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
    expect(JSON.parse(body)).toMatchObject({
      version: 1,
      id: 'abcdef012345',
      mesh: 'acme',
      groups: [],
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'odcm-id': 'abcdef012345',
      'odcm-timestamp': '1700000000',
      'odcm-signature': `v1=${createHmac('sha256', 'key-1').update(`1700000000.${body}`).digest('hex')}`,
    });
  });

  it('is signed with the key in a file where that is asked for', async () => {
    const keyFile = join(await tempFolder(), 'key');
    await writeFile(keyFile, 'key-2\n');
    const { receiver, send } = await bench({ keyEnv: undefined, keyFile });
    await send(message(), attempt());
    await receiver.until(1);
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
    const expected = createHmac('sha256', 'key-2').update(`1700000000.${body}`).digest('hex');
    expect(headers).toMatchObject({ 'odcm-signature': `v1=${expected}` });
  });

  it.each([
    [401, 'See that it checks with the key of this route.'],
    [308, 'Redirects are not followed: write where it leads as "url" of the route.'],
    [404, 'Correct "url" of the route in alerts.json.'],
    [500, 'See what the receiver says in its log.'],
  ])('that are answered %i say what to do', async (answer, advice) => {
    const { receiver, send } = await bench();
    receiver.answer = answer;
    const error = await send(message(), attempt()).catch((thrown: unknown) => thrown);
    const line = faultLine(error, settingsFor(receiver.url));
    expect(line).toBe(`the receiver answers ${answer}. ${advice}`);
  });

  it('that nobody takes say where to look', async () => {
    const { receiver, send } = await bench();
    await receiver.stop();
    const error = await send(message(), attempt()).catch((thrown: unknown) => thrown);
    expect(faultLine(error, settingsFor(receiver.url))).toMatch(
      /^fetch failed: ECONNREFUSED .*\. See that "url" of the route is right/,
    );
  });

  it.each([301, 302, 307, 400, 401, 404, 413, 429, 500, 503])(
    'does not take %i for success',
    async (answer) => {
      const { receiver, send } = await bench();
      receiver.answer = answer;
      await expect(send(message(), attempt())).rejects.toThrow(`the receiver answers ${answer}`);
      expect(receiver.received.length).toBeLessThanOrEqual(1);
    },
  );

  it('fails when the connection is cut, when nobody listens, and without its key', async () => {
    const { receiver, send } = await bench();
    receiver.answer = 0;
    await expect(send(message(), attempt())).rejects.toThrow();
    await receiver.stop();
    await expect(send(message(), attempt())).rejects.toThrow();
    const keyless = createWebhookSender(settingsFor(receiver.url), { env: {}, nowMs: () => 0 });
    await expect(keyless(message(), attempt())).rejects.toMatchObject({ code: 'USAGE' });
  });
});

async function openRoute(send: Send, dir?: string) {
  const time = new VirtualTime();
  const queue = await MessageQueue.open(dir ?? (await tempFolder()), silentLog);
  const route = new AlertRoute({
    ...{ settings: settingsFor('https://chat.example/'), queue, send, log: silentLog },
    ...{ clock: time, timers: time, random: seededRandom(3) },
  });
  const advance = async (ms: number) => {
    await time.advance(ms);
    await route.idle();
  };
  return { time, route, advance };
}
/** Fits the virtual clock. */
const freshMessage = (n: number): Message =>
  buildMessage(
    {
      id: n.toString(16).padStart(12, '0'),
      mesh: 'acme',
      from: 'library',
      atMs: 1_700_000_000_000 + n,
    },
    [
      {
        ...{ alert: 'a', kind: 'raised', rule: 'fork-seen', level: 'crit', subject: 'library/a' },
        ...{ what: 'a fork', sinceMs: 0, atMs: 0 },
      },
    ],
    'info',
  )!;

describe('an alert route', () => {
  it('was not tried before its first message', async () => {
    const { route } = await openRoute(async () => null);
    expect(route.state).toMatchObject({ state: 'untried', lastError: null, queued: 0 });
  });

  it('tries again with growing pauses, under the same id, until the message is taken', async () => {
    const tries: { id: string; atMs: number }[] = [];
    const { time, route, advance } = await openRoute(async ({ id }) => {
      tries.push({ id, atMs: time.nowMs() });
      if (tries.length < 6) throw new Error('not now');
      return null;
    });
    await route.take(freshMessage(1));
    await route.idle();
    for (let n = 0; n < 200; n += 1) await advance(1000);
    expect(tries).toHaveLength(6);
    expect(new Set(tries.map(({ id }) => id)).size).toBe(1);
    const pauses = tries.slice(1).map(({ atMs }, n) => atMs - tries[n]!.atMs);
    for (const [n, pause] of pauses.entries()) {
      const baseMs = LIMITS.alertRetryMinMs * 2 ** n;
      expect(pause).toBeGreaterThanOrEqual(0.75 * baseMs);
      expect(pause).toBeLessThanOrEqual(1.25 * baseMs);
    }
    expect(route.state).toMatchObject({ state: 'ok', queued: 0 });
  });

  it('never pauses for longer than it may', async () => {
    const tries: number[] = [];
    const { time, route, advance } = await openRoute(async () => {
      tries.push(time.nowMs());
      throw new Error('never');
    });
    await route.take(freshMessage(1));
    await route.idle();
    for (let n = 0; n < 200; n += 1) await advance(30_000);
    const longest = Math.max(...tries.slice(1).map((atMs, n) => atMs - tries[n]!));
    expect(longest).toBeLessThanOrEqual(1.25 * LIMITS.alertRetryMaxMs + 30_000);
    expect(longest).toBeGreaterThan(0.7 * LIMITS.alertRetryMaxMs);
    expect(route.state).toMatchObject({ state: 'failing', lastError: 'never', queued: 1 });
  });

  it('keeps the order of messages, and a failing one keeps the next from being tried', async () => {
    const sent: string[] = [];
    let isDown = true;
    const { route, advance } = await openRoute(async ({ id }) => {
      if (isDown) throw new Error('down');
      sent.push(id);
      return null;
    });
    for (const n of [1, 2, 3]) await route.take(freshMessage(n));
    await route.idle();
    isDown = false;
    await advance(60_000);
    expect(sent).toEqual([1, 2, 3].map((n) => freshMessage(n).id));
  });

  it('gives up an attempt that takes too long, and sends the message later', async () => {
    let tries = 0;
    const { time, route } = await openRoute(() => {
      tries += 1;
      return tries === 1 ? new Promise<null>(() => undefined) : Promise.resolve(null);
    });
    await route.take(freshMessage(1));
    while (tries === 0) await time.advance(0);
    await time.advance(LIMITS.alertSendTimeoutMs);
    await route.idle();
    expect(route.state).toMatchObject({ state: 'failing', lastError: 'it took too long' });
    await time.advance(10_000);
    await route.idle();
    expect(route.state).toMatchObject({ state: 'ok', queued: 0 });
  });

  it('sends after a restart what waited before it', async () => {
    const dir = await tempFolder();
    const before = await openRoute(async () => {
      throw new Error('down');
    }, dir);
    await before.route.take(freshMessage(1));
    await before.route.stop();
    const sent: string[] = [];
    const after = await openRoute(async ({ id }) => {
      sent.push(id);
      return null;
    }, dir);
    after.route.start();
    await after.route.idle();
    expect(sent).toEqual([freshMessage(1).id]);
  });

  it('has the message taken and says what is wrong all the same', async () => {
    const { route } = await openRoute(async () => 'the server refuses bob@acme.example');
    await route.take(freshMessage(1));
    await route.idle();
    expect(route.state).toMatchObject({
      ...{ state: 'failing', queued: 0, lastError: 'the server refuses bob@acme.example' },
    });
  });
});
