import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerFsck } from '../../../node/commands/fsck.ts';
import { lockHome } from '../../../node/home/lock.ts';
import { blockKey, tileKey } from '../../../node/store/keys.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { invoke } from '../../../tui/command-context.ts';
import { createProgram, GROUPS } from '../../../tui/program.ts';
import { testContext, textStream } from '../../tui/streams.ts';
import { cleanUp, newFolder } from '../enrol/mesh.ts';
import { copyOf, forge, makeSampleHome, type SampleHome } from '../fsck/sample-home.ts';

let sample: SampleHome;
beforeAll(async () => {
  sample = await makeSampleHome();
}, 30_000);
afterAll(cleanUp);

async function run(args: readonly string[], context = testContext()) {
  const program = createProgram({
    version: '1',
    context,
    commands: [
      (command) =>
        registerFsck(command, { group: GROUPS.running, invoke: (c) => invoke(c, context) }),
    ],
  });
  const exitCode = await program.run(['fsck', ...args]);
  return { exitCode, out: context.stdout.text, err: context.stderr.text };
}

describe('odcm fsck', () => {
  it('says what it checked and ends with 0 when there is nothing to say', async () => {
    const dir = await copyOf(sample);
    const { exitCode, out, err } = await run(['--home', dir]);
    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toMatch(/^odcm in .*\/home: no problems, checked in \d+\.\d s\n/);
    expect(out).toContain('  odcm/variables: 606 entries, 600 items\n');
    expect(out).toContain('  the directory: 7 entries');
    expect(out).toMatch(/ {2}store\/blocks: \d+ values, 0\.\d MiB in 2 files\n/);
  });

  it('counts and names blocks that no entry names, as text and as JSON, and ends with 0', async () => {
    const dir = await copyOf(sample);
    const hashes: string[] = [];
    for (let i = 0; i < 7; i++) {
      const bytes = Buffer.alloc(1_000, i);
      hashes.push(sha256(bytes).toString('hex'));
      await forge(dir, 'blocks', blockKey(sha256(bytes)), () => bytes);
    }
    hashes.sort();
    const { exitCode, out } = await run(['--home', dir]);
    expect(exitCode).toBe(0);
    expect(out).toContain(
      [
        '  7 blocks that no entry names, 7,000 bytes: the node takes them away by itself',
        ...hashes.slice(0, 5).map((hash) => `    ${hash}`),
        '    and 2 others',
      ].join('\n'),
    );
    const json = JSON.parse((await run(['--home', dir, '--json'])).out);
    expect(json.orphans).toEqual({ blocks: 7, bytes: 7_000, hashes });
  });

  it('lists each problem in the report, one line each, and ends with 1 and one line', async () => {
    const dir = await copyOf(sample);
    const spoil = (value: Buffer) => value.fill(1);
    await forge(dir, 'log', tileKey(sample.logs.variables, 0, 0), spoil);
    await rm(join(dir, 'store', 'blocks', 'CURRENT'));
    const { exitCode, out, err } = await run(['--home', dir]);
    expect(exitCode).toBe(1);
    expect(out.split('\n').filter((line) => /^[A-Z_]+: /.test(line))).toEqual([
      'STORE_MISSING: store/blocks/CURRENT is gone. Restore the folder store/blocks from a backup.',
      'HASH_MISMATCH: the tile 0/0 of odcm/variables is not what its entries give. Restore the folder store from a backup before the node publishes again.',
    ]);
    expect(err).toBe(
      `odcm: STORE_DAMAGED: 2 problems in ${dir}. Each stands in the report, with what to do.\n`,
    );
  });

  it('says the same as JSON', async () => {
    const dir = await copyOf(sample);
    await rm(join(dir, 'store', 'blocks', 'CURRENT'));
    const { exitCode, out } = await run(['--home', dir, '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      home: dir,
      name: 'odcm',
      problemCount: 1,
      problems: [{ code: 'STORE_MISSING', message: 'store/blocks/CURRENT is gone' }],
      databases: [{ name: 'store/log' }, { name: 'store/views' }],
    });
  });

  it('shows how far it is where standard error is a terminal, and leaves nothing of that', async () => {
    const dir = await copyOf(sample);
    const context = testContext({ stderr: textStream(80) });
    const { exitCode, err } = await run(['--home', dir], context);
    expect(exitCode).toBe(0);
    expect(err).toContain('Checking');
    expect(err.endsWith('\r\x1b[K')).toBe(true);
  });

  it('refuses a folder that is in use, one that is no node, and rows where there are none', async () => {
    const dir = await copyOf(sample);
    const lock = await lockHome(dir);
    expect(await run(['--home', dir])).toMatchObject({
      exitCode: 1,
      out: '',
      err: expect.stringMatching(/^odcm: LOCKED: process \d+ works on /),
    });
    await lock.release();
    expect(await run(['--home', await newFolder()])).toMatchObject({
      exitCode: 4,
      err: expect.stringMatching(/^odcm: NOT_INITIALISED: /),
    });
    expect((await run(['--home', dir, '--format', 'csv'])).exitCode).toBe(2);
  });
});
