import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateLocalKey, wrapLocalKey } from '../../certs/local-key.ts';
import { registerRun } from '../../node/commands/run.ts';
import { openHome } from '../../node/home/home.ts';
import type { LogLevel } from '../../node/log.ts';
import { runNode } from '../../node/run.ts';
import { invoke, type Register } from '../../tui/command-context.ts';
import { createProgram, GROUPS } from '../../tui/program.ts';
import { testContext } from '../tui/streams.ts';
import { cleanUp, init, newFolder } from './enrol/mesh.ts';

let dir: string;
beforeAll(async () => {
  dir = join(await newFolder(), 'odcm');
  await init({ dir });
});
afterAll(cleanUp);

async function odcm(...args: string[]) {
  const context = testContext();
  const run: Register = (program, at) =>
    registerRun(program, { group: GROUPS.running, invoke: (command) => invoke(command, at) });
  const exitCode = await createProgram({ version: '1', context, commands: [run] }).run(args);
  return { exitCode, err: context.stderr.text };
}

interface Started {
  readonly said: string[];
  readonly lines: () => Promise<Record<string, unknown>[]>;
  ask(path: string): Promise<{ rows: Record<string, unknown>[] }>;
  stop(): Promise<void>;
}

/** The whole node in this process, as `odcm run` starts it. */
async function start(level: LogLevel, flags: { metrics?: string } = {}): Promise<Started> {
  const logPath = join(await newFolder(), 'node.log');
  const stopping = new AbortController();
  const said: string[] = [];
  const ready = Promise.withResolvers<void>();
  const running = runNode({
    ...{ home: await openHome(dir), flags, logPath, level, signal: stopping.signal },
    say: (line) => {
      said.push(line);
      if (line.includes('is ready')) ready.resolve();
    },
  });
  await Promise.race([ready.promise, running]);
  return {
    said,
    lines: async () =>
      (await readFile(logPath, 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    ask: (path) =>
      new Promise((resolve, reject) => {
        const asking = request({ socketPath: join(dir, 'control.sock'), path }, (response) => {
          json(response).then((value) => resolve(value as never), reject);
        });
        asking.once('error', reject).end();
      }),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

describe('a running node', () => {
  it('watches over itself, serves metrics where it is told to, and logs each change once', async () => {
    const node = await start('info', { metrics: '127.0.0.1:0' });
    try {
      expect((await node.ask('/v1/alerts')).rows).toEqual([]);
      const lines = await node.lines();
      const url = lines.find(({ msg }) => msg === 'metrics are served')?.['url'];
      const text = await (await fetch(String(url))).text();
      expect(text).toMatch(/^odcm_alerts\{level="crit"\} 0$/m);
      expect(text).not.toContain('PRIVATE KEY');
    } finally {
      await node.stop();
    }
    const messages = (await node.lines()).map(({ msg }) => msg);
    expect(messages.filter((msg) => msg === 'ready')).toHaveLength(1);
    expect(messages.at(-1)).toBe('stopped');
  });

  it('starts with an alerts.json that is wrong, and says so', async () => {
    const path = join(dir, 'alerts.json');
    await writeFile(path, '{"bell": "loud"}');
    const node = await start('warn');
    try {
      expect(node.said[0]).toMatch(
        /^odcm: alerts\.json is not in force: bell: .* Look with: odcm alerts check$/,
      );
      expect((await node.ask('/v1/alerts/configuration')).rows).toMatchObject([{ path: 'bell' }]);
    } finally {
      await node.stop();
      await writeFile(path, '{}');
    }
    const levels = new Set((await node.lines()).map(({ level }) => level));
    expect(levels.has('info')).toBe(false);
    expect(levels.has('error')).toBe(true);
  });
});

describe('odcm run', () => {
  it.each([
    ['a level that does not exist', ['--log-level', 'loud'], 'Allowed choices are'],
    ['metrics for everybody', ['--metrics', '0.0.0.0:9464'], '--metrics-open'],
    ['metrics without a port', ['--metrics', 'localhost'], '127.0.0.1:9464'],
  ])('refuses %s before it opens anything', async (_, args, hint) => {
    const { exitCode, err } = await odcm('run', '--home', '/nowhere/odcm', ...args);
    expect([exitCode, err.includes(hint)]).toEqual([2, true]);
  });

  it('encrypts what a stopped `keys protect` left in the clear, and nothing under another passphrase', async () => {
    const folder = await newFolder();
    const [home, passphrase] = [join(folder, 'node'), join(folder, 'passphrase')];
    await cp(dir, home, { recursive: true });
    // What starts afterwards ends at once, with nothing to start from.
    await rm(join(home, 'store'), { recursive: true });
    const { keys, paths } = await openHome(home);
    const pair = { key: generateLocalKey(), former: await keys.localKey() };
    await writeFile(paths.localKey, await wrapLocalKey(pair, Buffer.from('the passphrase')));
    for (const [text, state] of [
      ['another passphrase', 'plain'],
      ['the passphrase', 'encrypted'],
    ] as const) {
      await writeFile(passphrase, text, { mode: 0o600 });
      const { err } = await odcm('run', '--home', home, '--passphrase-file', passphrase);
      expect(await keys.state('nodeKey')).toBe(state);
      expect(err.includes('KEYS_LOCKED')).toBe(state === 'plain');
    }
  });

  it('does not begin anew where the whole folder of the store is gone', async () => {
    const home = join(await newFolder(), 'node');
    await cp(dir, home, { recursive: true });
    await rm(join(home, 'store'), { recursive: true });
    const { exitCode, err } = await odcm('run', '--home', home);
    expect([exitCode, err]).toEqual([1, expect.stringContaining('STORE_MISSING')]);
    expect(err).toContain('odcm fsck --set-aside');
    await expect(stat(join(home, 'store'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('goes on to the folder when all of it is sound', async () => {
    const { exitCode, err } = await odcm(
      ...['run', '--home', '/nowhere/odcm', '--log-level', 'debug', '--metrics', '[::1]:9464'],
    );
    expect([exitCode, err.includes('NOT_INITIALISED')]).toEqual([4, true]);
  });
});
