import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleDeployments, sampleInventory } from '../node/reports/sample-reports.ts';
import { TestMesh, until } from './mesh.ts';

const mesh = new TestMesh();
const toMs = Date.now() - 60_000;
const COUNT = 2500;
const deployments = [
  ...sampleDeployments({ space: 'odcm', count: COUNT, fromMs: toMs - 86_400_000, toMs, seed: 1 }),
];
const lines = deployments.map((one) => `${JSON.stringify(one)}\n`).join('');

beforeAll(async () => {
  await mesh.init();
});
afterAll(() => mesh.close());

/** What a program of any make sends; the answer's status and body. */
function post(path: string, body: string, headers: Record<string, string> = {}) {
  const socketPath = join(mesh.home('odcm'), 'control.sock');
  return new Promise<{ status: number; json: Record<string, unknown> }>((resolve, reject) => {
    const outgoing = request({ socketPath, path, method: 'POST', headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      answer.on('end', () => {
        const json = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        resolve({ status: answer.statusCode ?? 0, json });
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

describe('deployments of a space', () => {
  it('come in by lines, make their feed, and are counted', async () => {
    const ran = await mesh.run(['deployments', 'add', '-', '--home', mesh.home('odcm')], {
      input: lines,
    });
    expect([ran.code, ran.stdout]).toEqual([
      0,
      `created odcm/deployments: published ${COUNT}, unchanged 0, refused 0\n`,
    ]);
    expect(ran.stderr).toContain('odcm grant SPACE odcm/deployments');
    const { total } = await mesh.ask('odcm', 'reportDeployments', { query: { since: '2d' } });
    expect(total.ok + total.failed + total.cancelled).toBe(COUNT);
  });

  it('are published once, however often they come', async () => {
    const again = await post('/v1/deployments', lines, { 'content-type': 'application/x-ndjson' });
    expect(again).toMatchObject({ status: 200, json: { published: 0, unchanged: COUNT } });
  });

  it('are the same after the node was killed', async () => {
    const query = {
      since: new Date(toMs - 86_400_000).toISOString(),
      until: new Date(toMs).toISOString(),
    };
    const before = await mesh.ask('odcm', 'reportDeployments', { query });
    await mesh.kill('odcm');
    const checked = await mesh.odcm('odcm', 'fsck', '--json');
    expect(JSON.parse(checked.stdout).problems).toEqual([]);
    await mesh.start('odcm', '--inbox', join(mesh.dir, 'inbox'));
    expect(await mesh.ask('odcm', 'reportDeployments', { query })).toEqual(before);
  });

  it.each([
    ['one that is no JSON', '{', {}, 422, 'NOT_JSON'],
    ['one that breaks the contract', '{}', { 'content-type': 'text/plain' }, 422, 'EVENT_INVALID'],
    ['one that is too large', `"${'x'.repeat(100_000)}"`, {}, 413, 'TOO_LARGE'],
    ['nothing', '', {}, 422, 'NOT_JSON'],
  ])('are refused: %s', async (_, body, headers, status, code) => {
    expect(await post('/v1/deployments', body, headers)).toMatchObject({ status, json: { code } });
  });
});

describe('the watched folder of a node', () => {
  it('brings the inventory into the reports', async () => {
    const inbox = join(mesh.dir, 'inbox');
    await mkdir(inbox, { recursive: true });
    await writeFile(join(inbox, 'new'), JSON.stringify(sampleInventory(Date.now())));
    await rename(join(inbox, 'new'), join(inbox, 'inventory.json'));
    const rows = await until('the inventory is reported', async () => {
      const found = await mesh.ask('odcm', 'reportInventory');
      return found.length > 0 && found;
    });
    expect(rows).toMatchObject([{ space: 'odcm', projects: 42, targets: 124, isStale: false }]);
    await until('the file is put away', async () =>
      (await readdir(join(inbox, 'done'))).includes('inventory.json'),
    );
  });
});
