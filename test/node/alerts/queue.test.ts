import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Message, testMessage } from '../../../node/alerts/message.ts';
import { MessageQueue } from '../../../node/alerts/queue.ts';
import { silentLog } from '../../../node/log.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { tempFolder } from '../temp-folder.ts';

const START_MS = 1_700_000_000_000;
const message = (n: number, changes: Partial<Message> = {}): Message => ({
  ...testMessage({
    ...{ id: n.toString(16).padStart(12, '0'), mesh: 'acme', from: 'library' },
    atMs: START_MS + n,
  }),
  ...changes,
});
const open = async (dir: string) => MessageQueue.open(dir, silentLog);

describe('the queue of a route', () => {
  it('gives messages in order of their time until they are done', async () => {
    const queue = await open(await tempFolder());
    for (const n of [3, 1, 2]) await queue.add(message(n));
    for (const n of [1, 2, 3]) {
      const first = (await queue.first(START_MS))!;
      expect(first).toEqual(message(n));
      await queue.done(first);
    }
    expect(await queue.first(START_MS)).toBeUndefined();
  });

  it('takes the same message once', async () => {
    const queue = await open(await tempFolder());
    await queue.add(message(1));
    await queue.add(message(1));
    expect(queue.size).toBe(1);
  });

  it('is whole after its process was killed while it wrote', async () => {
    const dir = join(await tempFolder(), 'queue');
    const child = fork(new URL('./queue-writer.ts', import.meta.url), [dir]);
    // Each number comes once that message is on the disk.
    let durable = 0;
    child.on('message', (n) => {
      durable = Number(n);
      if (durable === 20) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    const queue = await open(dir);
    expect(queue.size).toBeGreaterThanOrEqual(20);
    for (let n = 1; n <= durable; n += 1) {
      const first = (await queue.first(START_MS))!;
      expect(first.id).toBe(n.toString(16).padStart(12, '0'));
      await queue.done(first);
    }
    expect((await readdir(dir)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('passes over files that are damaged, and removes what is not its own', async () => {
    const dir = await tempFolder();
    await writeFile(join(dir, `${String(START_MS).padStart(15, '0')}-00000000000f.json`), '{"id":');
    await writeFile(join(dir, 'notes.txt'), 'mine');
    const queue = await open(dir);
    await queue.add(message(5));
    expect((await queue.first(START_MS))?.id).toBe(message(5).id);
    expect(queue.dropped).toBe(1);
    expect(await readdir(dir)).toHaveLength(1);
  });

  it('gives up the oldest when it is full, and counts them', async () => {
    const queue = await open(await tempFolder());
    for (let n = 0; n < LIMITS.alertsQueued + 3; n += 1) await queue.add(message(n));
    expect([queue.size, queue.dropped]).toEqual([LIMITS.alertsQueued, 3]);
    expect((await queue.first(START_MS))?.id).toBe(message(3).id);
  });

  it('holds no more bytes than it may', async () => {
    const queue = await open(await tempFolder());
    const lines = ['x'.repeat(LIMITS.alertMessageBytes - 1000)];
    const count = Math.ceil(LIMITS.alertQueueBytes / LIMITS.alertMessageBytes) + 5;
    for (let n = 0; n < count; n += 1) await queue.add(message(n, { lines }));
    expect(queue.size).toBeLessThan(count);
    expect(queue.dropped).toBe(count - queue.size);
  });

  it('takes no message that is too large', async () => {
    const queue = await open(await tempFolder());
    await queue.add(message(1, { lines: ['x'.repeat(LIMITS.alertMessageBytes)] }));
    expect([queue.size, queue.dropped]).toEqual([0, 1]);
  });

  it('gives up what has waited for a day', async () => {
    const queue = await open(await tempFolder());
    await queue.add(message(1));
    expect(await queue.first(START_MS + LIMITS.alertMessageAgeMs + 1)).toBeUndefined();
    expect([queue.size, queue.dropped]).toEqual([0, 1]);
  });
});
