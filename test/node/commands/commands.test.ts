import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerInit } from '../../../node/commands/init.ts';
import { registerJoin } from '../../../node/commands/join.ts';
import type { Shell } from '../../../node/commands/shell.ts';
import { invoke, type Register } from '../../../tui/command-context.ts';
import { createProgram, GROUPS } from '../../../tui/program.ts';
import { testContext } from '../../tui/streams.ts';
import { cleanUp, init, newFolder, type Odcm, startOdcm } from '../enrol/mesh.ts';

let folder: string;
let odcm: Odcm;
beforeAll(async () => {
  folder = await newFolder();
  await init({ dir: join(folder, 'odcm') });
  odcm = await startOdcm(join(folder, 'odcm'));
});
afterAll(cleanUp);

const local =
  (register: (program: Parameters<Register>[0], shell: Shell) => void): Register =>
  (program, context) =>
    register(program, { group: GROUPS.trust, invoke: (command) => invoke(command, context) });

async function run(...args: string[]) {
  const context = testContext();
  const commands = [local(registerInit), local(registerJoin)];
  const exitCode = await createProgram({ version: '1', context, commands }).run(args);
  return { exitCode, out: context.stdout.text, err: context.stderr.text };
}

const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0'];
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('odcm join', () => {
  it('says who the node is now, the words to compare and what to type next', async () => {
    const home = join(folder, 'library');
    const { exitCode, out } = await run(
      'join',
      await odcm.token('library'),
      '--home',
      home,
      ...LISTEN,
    );
    expect(exitCode).toBe(0);
    expect(out).toContain('library is a space of mesh acme now.');
    expect(out).toContain(odcm.server.enrolments()[0]!.words.join(' '));
    expect(out).toContain(`odcm run --home ${home}`);
  });

  it('says the same as JSON', async () => {
    const home = join(folder, 'a home');
    const { exitCode, out } = await run(
      'join',
      await odcm.token('spaced'),
      '--home',
      home,
      '--json',
      ...LISTEN,
      '--accept-forced',
    );
    expect(exitCode).toBe(0);
    const { words, ...rest } = JSON.parse(out);
    expect(words).toEqual(odcm.server.enrolments()[0]!.words);
    expect(rest).toMatchObject({
      home,
      name: 'spaced',
      meshName: 'acme',
      mesh: odcm.home.config.mesh,
    });
  });

  it('refuses with one line and the exit code of the refusal', async () => {
    const used = await odcm.token('used');
    await run('join', used, '--home', join(folder, 'used'), ...LISTEN);
    const refusals: [string[], number, string][] = [
      [[used], 5, 'TOKEN_USED'],
      [['odcm1.nonsense'], 2, 'TOKEN_MALFORMED'],
      [[used, '--at', 'nonsense'], 2, 'USAGE'],
      [[used, '--at', '127.0.0.1:1'], 3, 'ODCM_UNREACHABLE'],
      [[used, '--format', 'csv'], 2, 'USAGE'],
      [[used, '--listen', 'nonsense'], 2, 'USAGE'],
      [[], 2, 'USAGE'],
    ];
    for (const [args, exitCode, code] of refusals) {
      const result = await run('join', ...args, '--home', join(folder, 'refused'), ...LISTEN);
      expect([args, result.exitCode, result.out]).toEqual([args, exitCode, '']);
      expect(result.err.trim().split('\n')).toHaveLength(1);
      expect(result.err).toContain(code);
      expect(result.err).not.toContain(used);
    }
    expect(await isThere(join(folder, 'refused'))).toBe(false);
  });
});

describe('odcm init', () => {
  it('says what to take offline and what to type next', async () => {
    const home = join(folder, "Barry's mesh");
    const { exitCode, out, err } = await run(
      'init',
      'trial',
      '--home',
      home,
      '--root-keys',
      '1',
      '--threshold',
      '1',
      '--enrol',
      '127.0.0.1:0',
      ...LISTEN,
    );
    expect([exitCode, err.trim().split('\n').length]).toEqual([0, 1]);
    expect(out).toContain('Mesh trial is made; odcm is its ODCM.');
    expect(out).toContain(join(home, 'root-keys-OFFLINE', 'root-1.pem'));
    expect(out).toContain('1 of 1 root keys');
    expect(out).toContain(`odcm run --home '${home.replace("'", "'\\''")}'`);
    expect((await readdir(home)).sort()).toEqual([
      'certs',
      'keys',
      'lock',
      'lock.pid',
      'node.json',
      'odcm',
      'root',
      'root-keys-OFFLINE',
      'store',
    ]);
    // The real size of the root CA's key takes its time.
  }, 60_000);

  it('refuses what cannot be, before anything is made', async () => {
    for (const args of [
      ['Acme'],
      ['acme', '--root-keys', '0'],
      ['acme', '--threshold', '4'],
      ['acme', '--format', 'csv'],
      [],
    ]) {
      const { exitCode, out } = await run('init', ...args, '--home', join(folder, 'never'));
      expect([args, exitCode, out]).toEqual([args, 2, '']);
    }
    expect(await isThere(join(folder, 'never'))).toBe(false);
  });
});

describe('a node that only runs', () => {
  const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

  /** Whether node-forge is loaded once these modules are. */
  async function loadsForge(...modules: string[]): Promise<boolean> {
    const script = `
      import { createRequire } from 'node:module';
      for (const path of ${JSON.stringify(modules)}) await import(${JSON.stringify(ROOT)} + path);
      const { cache } = createRequire(${JSON.stringify(ROOT)});
      process.stdout.write(String(Object.keys(cache).some((path) => path.includes('node-forge'))));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      script,
    ]);
    return stdout === 'true';
  }

  it('does not load the library that makes certificates', async () => {
    const light = [
      'home/home',
      'home/lock',
      'home/create',
      'directory/writer',
      'directory/snapshot',
      'enrol/invites',
      'enrol/server',
      'commands/init',
      'commands/join',
    ];
    expect(await loadsForge(...light.map((name) => `node/${name}.ts`))).toBe(false);
    expect(await loadsForge('node/enrol/join.ts')).toBe(true);
  });
});
