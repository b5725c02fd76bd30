import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { systemClock, systemRandom, systemTimers } from '../../node/clock.ts';
import { openHome } from '../../node/home/home.ts';
import { silentLog } from '../../node/log.ts';
import { MeshNode } from '../../node/node.ts';
import { formatUuid, parseFeedId } from '../../protocols/ids.ts';
import { cleanUp } from './enrol/mesh.ts';
import { ITEMS, makeSampleHome, problemsOf } from './fsck/sample-home.ts';

afterAll(cleanUp);

it('makes views that were deleted again at its start, without any peer', async () => {
  const { dir, logs } = await makeSampleHome();
  for (const name of ['views', 'views.initialised']) {
    await rm(join(dir, 'store', name), { recursive: true });
  }
  const system = { clock: systemClock, timers: systemTimers, random: systemRandom };
  const node = await MeshNode.create({ ...system, home: await openHome(dir), log: silentLog });
  try {
    await node.start();
    const id = parseFeedId(formatUuid(logs.variables.subarray(0, 16)));
    const feed = await node.feeds.open(id);
    await vi.waitFor(() => expect(feed.view.applied).toBe(feed.log.size), { timeout: 10_000 });
    let count = 0;
    for await (const _ of feed.view.list({ withWithdrawn: true })) count++;
    expect(count).toBe(ITEMS);
  } finally {
    await node.stop();
  }
  expect(await problemsOf(dir)).toEqual([]);
});
