import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DemoFolder, demoDir, MARKER, openDemoFolder } from '../../../tui/demo/folder.ts';
import { testContext } from '../streams.ts';

let base: string;
let open: DemoFolder[];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'odcm-folder-'));
  open = [];
});
afterEach(async () => {
  for (const folder of open) await folder.release();
  await rm(base, { recursive: true, force: true });
});

async function openAt(dir: string): Promise<DemoFolder> {
  const folder = await openDemoFolder(dir, testContext());
  open.push(folder);
  return folder;
}

describe('folder of the demo', () => {
  it('is made with a marker, also where nothing is yet', async () => {
    const dir = join(base, 'deep', 'demo');
    const { spaces, logs } = await openAt(dir);
    expect(await readdir(dir)).toEqual([...['lock', 'logs'], MARKER, 'spaces']);
    expect(await readdir(spaces)).toEqual(['.credentials']);
    expect(await readdir(logs)).toEqual([]);
  });

  it('loses the spaces and logs of an earlier demo, and nothing else', async () => {
    const first = await openAt(base);
    await mkdir(join(first.spaces, 'hq'));
    await writeFile(join(first.logs, 'hq.log'), 'old');
    await writeFile(join(base, 'notes.txt'), 'mine');
    await first.release();
    const second = await openAt(base);
    expect(await readdir(second.spaces)).toEqual(['.credentials']);
    expect(await readdir(second.logs)).toEqual([]);
    expect(await readFile(join(base, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('holds a passphrase of its own for each demo, which its owner alone may read', async () => {
    const passphrase = async ({ credentials }: DemoFolder) => {
      const file = join(credentials, 'odcm-passphrase');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      return readFile(file, 'utf8');
    };
    const first = await openAt(base);
    const before = await passphrase(first);
    expect(before).toMatch(/^[\w-]{32}\n$/);
    await first.release();
    expect(await passphrase(await openAt(base))).not.toBe(before);
  });

  it('is refused while another demo has it', async () => {
    const first = await openAt(base);
    await mkdir(join(first.spaces, 'hq'));
    await expect(openAt(base)).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await readdir(first.spaces)).toEqual(['.credentials', 'hq']);
    await first.release();
    await openAt(base);
  });

  it('is refused, and left alone, when it holds something else', async () => {
    await mkdir(join(base, 'spaces'));
    await writeFile(join(base, 'spaces', 'thesis.txt'), 'years of work');
    await expect(openAt(base)).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readdir(base)).toEqual(['spaces']);
    expect(await readdir(join(base, 'spaces'))).toEqual(['thesis.txt']);
  });

  it('is refused when its marker says something else', async () => {
    await writeFile(join(base, MARKER), '{}');
    await expect(openAt(base)).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readdir(base)).toEqual([MARKER]);
  });

  it('is refused when it is a file', async () => {
    const file = join(base, 'file');
    await writeFile(file, '');
    await expect(openAt(file)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('is refused when sockets in it would have too long a name', async () => {
    const dir = join(base, 'x'.repeat(90));
    await expect(openAt(dir)).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readdir(base)).toEqual([]);
  });

  it('is what was typed, then what the environment names, then one for each user', () => {
    expect(demoDir('/a', { ODCM_DEMO_HOME: '/b' })).toBe('/a');
    expect(demoDir(undefined, { ODCM_DEMO_HOME: '/b' })).toBe('/b');
    expect(demoDir(undefined, {})).toMatch(/^\/.*odcm-demo-\w+$/);
  });
});
