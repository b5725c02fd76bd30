import { execFileSync } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../protocols/errors.ts';
import { createOutput } from '../../tui/output.ts';
import { describeTerminal } from '../../tui/terminal.ts';
import { CLEAR_SCREEN, watch } from '../../tui/watch.ts';
import { brokenStream, testContext, textStream } from './streams.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odcm-output-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const toFile = (file: string) => createOutput({ stdout: textStream(), stderr: textStream(), file });

describe('output', () => {
  it('puts the result on standard output and talk on standard error', async () => {
    const [stdout, stderr] = [textStream(), textStream()];
    const output = createOutput({ stdout, stderr });
    await output.write('rows\n');
    output.say('pulled \x1b[31m3\n entries');
    expect(stdout.text).toBe('rows\n');
    expect(stderr.text).toBe('pulled [31m3 entries\n');
  });

  it('writes a file with the permissions of any new file', async () => {
    const file = join(folder, 'spaces.csv');
    await toFile(file).write('name\r\n');
    expect(await readFile(file, 'utf8')).toBe('name\r\n');
    expect((await stat(file)).mode & 0o777).toBe(0o666 & ~process.umask());
    expect(await readdir(folder)).toEqual(['spaces.csv']);
  });

  it('replaces a file and keeps its permissions', async () => {
    const file = join(folder, 'spaces.csv');
    await writeFile(file, 'old and longer');
    await chmod(file, 0o640);
    await toFile(file).writeAll(['n', Buffer.from('ew')]);
    expect(await readFile(file, 'utf8')).toBe('new');
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('writes through a link instead of replacing it', async () => {
    await writeFile(join(folder, 'target'), 'old');
    await symlink('target', join(folder, 'link'));
    await toFile(join(folder, 'link')).write('new');
    expect(await readFile(join(folder, 'target'), 'utf8')).toBe('new');
    expect((await readdir(folder)).sort()).toEqual(['link', 'target']);
  });

  it('writes into a named pipe instead of replacing it', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [text] = await Promise.all([readFile(pipe, 'utf8'), toFile(pipe).writeAll(['a', 'b'])]);
    expect(text).toBe('ab');
    expect((await lstat(pipe)).isFIFO()).toBe(true);
    expect(await readdir(folder)).toEqual(['pipe']);
  });

  it('writes through a link that has a file behind it but no name, as that of standard output', async () => {
    const link = join(folder, 'link');
    const handle = await open(join(folder, 'unnamed'), 'w+');
    try {
      await rm(join(folder, 'unnamed'));
      await symlink(`/dev/fd/${handle.fd}`, link);
      await toFile(link).write('rows');
      expect((await lstat(link)).isSymbolicLink()).toBe(true);
      expect(await readdir(folder)).toEqual(['link']);
      expect(await handle.readFile('utf8')).toBe('rows');
    } finally {
      await handle.close();
    }
  });

  it('refuses a link that leads nowhere and leaves it there', async () => {
    const link = join(folder, 'link');
    await symlink('nowhere', link);
    await expect(toFile(link).write('x')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    expect(await readdir(folder)).toEqual(['link']);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  it('leaves the old file and no other when the result breaks off', async () => {
    const file = join(folder, 'record.json');
    await writeFile(file, 'old');
    const broken = (async function* () {
      yield 'half';
      throw new MeshError('NODE_UNREACHABLE', 'the node went away');
    })();
    await expect(toFile(file).writeAll(broken)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    expect(await readFile(file, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['record.json']);
  });

  it('refuses a folder, a missing folder and a file in place of a folder', async () => {
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'file'), '');
    await expect(toFile(join(folder, 'sub')).write('')).rejects.toMatchObject({ code: 'USAGE' });
    for (const name of ['no/such', 'file/below']) {
      await expect(toFile(join(folder, name)).write('')).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
        message: expect.stringContaining(name),
      });
    }
  });

  it('says that the disk is full and leaves nothing behind', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' });
    const chunks = (async function* () {
      yield 'half';
      throw full;
    })();
    await expect(toFile(join(folder, 'rows')).writeAll(chunks)).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops quietly when the reader went away, and says so to the command', async () => {
    const output = createOutput({ stdout: brokenStream(), stderr: textStream() });
    let made = 0;
    await output.writeAll(
      (function* () {
        for (; made < 1000; made += 1) yield 'row\n';
      })(),
    );
    expect(made).toBeLessThan(10);
    expect(output.closed.aborted).toBe(true);
    await expect(output.write('more')).resolves.toBeUndefined();
  });
});

describe('a terminal', () => {
  it.each([
    [{}, { colour: true, ascii: false }],
    [{ NO_COLOR: '1' }, { colour: false, ascii: false }],
    [{ TERM: 'dumb' }, { colour: false, ascii: true }],
    [{ LANG: 'en_US.UTF-8' }, { colour: true, ascii: false }],
    [
      { LANG: 'en_US.UTF-8', LC_ALL: 'C' },
      { colour: true, ascii: true },
    ],
  ])('with %j shows %j', (env, expected) => {
    const terminal = describeTerminal(textStream(100), env);
    expect(terminal).toMatchObject({ isTerminal: true, maxColumns: 100, ...expected });
  });

  it('is not what a pipe is', () => {
    expect(describeTerminal(textStream(), { FORCE_COLOR: '1' })).toMatchObject({
      isTerminal: false,
      maxColumns: undefined,
      colour: false,
    });
  });
});

describe('watching', () => {
  /** Runs the rounds given as outcomes: true goes on, false ends, an error is thrown. */
  async function rounds(outcomes: (boolean | Error)[], aborted = false) {
    const stop = new AbortController();
    if (aborted) stop.abort();
    const waits: number[] = [];
    const troubles: string[] = [];
    let count = 0;
    const { delay } = testContext();
    await watch({
      everyMs: 5_000,
      signal: stop.signal,
      delay: async (ms, signal) => {
        waits.push(ms);
        if (count === outcomes.length) stop.abort();
        await delay(ms, signal);
      },
      round: async () => {
        const outcome = outcomes[count]!;
        count += 1;
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
      onTrouble: (error) => troubles.push(error.message),
    });
    return { count, waits, troubles };
  }
  const away = new MeshError('NODE_UNREACHABLE', 'away');

  it('goes round until it is told to stop', async () => {
    expect(await rounds([true, true, true])).toEqual({
      count: 3,
      waits: [5_000, 5_000, 5_000],
      troubles: [],
    });
  });

  it('ends when a round says so, and does not begin after the stop', async () => {
    expect((await rounds([true, false, true])).count).toBe(2);
    expect((await rounds([true], true)).count).toBe(0);
  });

  it('goes on while the node is away, once the first round went well', async () => {
    expect(await rounds([true, away, true])).toMatchObject({ count: 3, troubles: ['away'] });
    await expect(rounds([away, true])).rejects.toBe(away);
  });

  it('ends at any other fault', async () => {
    const fault = new MeshError('FEED_UNKNOWN', 'no such feed');
    await expect(rounds([true, fault, true])).rejects.toBe(fault);
  });

  it('clears the screen without erasing what scrolled away', () => {
    expect(CLEAR_SCREEN).not.toContain('3J');
  });
});
