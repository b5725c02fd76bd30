import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CATALOGUE } from './catalogue.ts';
import { type Row, type RunRow, seedsUpTo } from './row.ts';
import { joinInTurn } from './rows/tokens.ts';
import { findRows, LONG, missingOf, picker, QUICK, runRow } from './suite.ts';

const about = { what: 'an attack', how: 'vectors', expected: 'nothing' } as const;
const row = (run: RunRow['run'], more: Partial<RunRow> = {}): RunRow => ({
  ...{ id: 'T01', ...about, run },
  ...more,
});

const folders: string[] = [];

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-rows-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

describe('a row of the catalogue', () => {
  it('passes when it says so, and fails when it says so or throws', async () => {
    const good = await runRow(
      row(async () => ({ measured: '0', pass: true })),
      QUICK,
    );
    expect(good).toMatchObject({ id: 'T01', measured: '0', pass: true, state: 'passed' });
    const bad = await runRow(
      row(async () => ({ measured: '1', pass: false })),
      QUICK,
    );
    expect(bad).toMatchObject({ measured: '1', pass: false, state: 'failed' });
    const thrown = await runRow(
      row(() => Promise.reject(new Error('out of order'))),
      QUICK,
    );
    expect(thrown).toMatchObject({ pass: false, state: 'failed' });
    expect(thrown.measured).toContain('out of order');
  });

  it('is not passed where it cannot run, and says why', async () => {
    const absent: Row = { id: 'C05', ...about, notHere: 'no such file system' };
    for (const size of [QUICK, LONG])
      expect(await runRow(absent, size)).toMatchObject({
        ...{ measured: 'no such file system', pass: false, state: 'not here' },
      });
    const slow = row(async () => ({ measured: '0', pass: true }), { onlyLong: '30 s pause' });
    expect(await runRow(slow, QUICK)).toMatchObject({ pass: false, state: 'not here' });
    expect(await runRow(slow, LONG)).toMatchObject({ pass: true, state: 'passed' });
  });

  it('tells how many seeds were run where that is fewer than were asked for', () => {
    expect(seedsUpTo(200, LONG)).toEqual({ count: 200, told: '200 seeds (never more)' });
    expect(seedsUpTo(200, { seeds: 200 })).toEqual({ count: 200, told: '200 seeds' });
    expect(seedsUpTo(200, { seeds: 3 })).toEqual({ count: 3, told: '3 seeds' });
  });

  it('has a folder of its own while it runs', async () => {
    let folder = '';
    await runRow(
      row(async (size) => {
        folder = size.folder;
        await writeFile(join(folder, 'left'), 'behind');
        return { measured: '', pass: true };
      }),
      QUICK,
    );
    await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is found in any file, in the order of the catalogue', async () => {
    const folder = await folderWith({
      'a.mjs.ts': `export const rows = [{ id: 'L01', notHere: 'x' }, { id: 'T02', notHere: 'x' }];`,
      'b.ts': `export const rows = [{ id: 'T01', notHere: 'x' }, { id: 'T02', notHere: 'y' }];`,
    });
    const { rows, broken } = await findRows(folder);
    expect(rows.map(({ id }) => id)).toEqual(['T01', 'T02', 'T02', 'L01']);
    expect(broken).toEqual([]);
    expect(missingOf(rows)).toHaveLength(CATALOGUE.length - 3);
  });

  it('fails with its file when that does not load or is in no catalogue', async () => {
    const folder = await folderWith({
      'empty.ts': 'export const rows = [];',
      'stray.ts': `export const rows = [{ id: 'Z99', notHere: 'x' }];`,
      'wrong.ts': 'throw new Error("out of order");',
    });
    const { rows, broken } = await findRows(folder);
    expect(rows).toEqual([]);
    expect(broken.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'empty.ts failed',
      'stray.ts failed',
      'wrong.ts failed',
    ]);
  });

  it('is picked by its id or the beginning of it', () => {
    const picked = (only: string | undefined) =>
      CATALOGUE.map(({ id }) => id).filter(picker(only)).length;
    expect(picked(undefined)).toBe(CATALOGUE.length);
    expect(picked('t01')).toBe(1);
    expect(picked('T01, G*')).toBe(9);
    expect(picked('T1*')).toBe(3);
    expect(picked('T')).toBe(0);
  });
});

describe('a racer for a token', () => {
  const answers = async (...codes: string[]) => {
    const left = [...codes];
    const last = await joinInTurn(async () => left.shift() ?? 'ODCM_UNREACHABLE', {
      ...{ tries: 3, pauseMs: 1 },
    });
    return { last, asked: codes.length - left.length };
  };

  it('comes again when it was turned away, until it has an answer', async () => {
    const away = 'ODCM_UNREACHABLE';
    expect(await answers('done', 'TOKEN_USED')).toEqual({ last: 'done', asked: 1 });
    expect(await answers(away, away, 'TOKEN_USED')).toEqual({ last: 'TOKEN_USED', asked: 3 });
  });

  it('gives up where nobody answers', async () => {
    expect((await answers(...Array(4).fill('ODCM_UNREACHABLE'))).asked).toBe(3);
  });
});
