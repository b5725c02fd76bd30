// The demo as `npm start` runs it, with real processes: its promises hold, and whatever ends it, none of its processes
// stays behind.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../tui/demo/scenario.ts';

const PROGRAM = fileURLToPath(new URL('../../node/odcm.mjs', import.meta.url));
const run = promisify(execFile);

let dir: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'odcm-demo-e2e-'));
});
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await until('no process of the demo is left', async () => (await nodes()).length === 0);
  await rm(dir, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
}

function demo(...args: string[]): Demo {
  const env = { ...process.env, ODCM_DEMO_HOME: dir };
  const child = spawn(process.execPath, [PROGRAM, 'demo', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text.out += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text.err += part;
  });
  const ended = new Promise<Awaited<Demo['ended']>>((resolve) => {
    child.once('close', (code) => resolve({ code, ...text }));
  });
  return { child, ended };
}

/** Process ids of all programs that work in the folder of the demo. */
async function nodes(): Promise<string[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,args=']);
  return stdout
    .split('\n')
    .filter((line) => line.includes(PROGRAM) && line.includes(dir))
    .map((line) => line.trim());
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 60_000;
  while (!(await look())) {
    if (Date.now() > endMs) throw new Error(`it did not come true that ${what}`);
    await wait(100);
  }
}

const running = (count: number) => async (): Promise<boolean> =>
  (await nodes()).filter((line) => line.includes(' run ')).length >= count;

describe('the demo', () => {
  it('keeps every promise, says so with evidence, and leaves no process', async () => {
    const { code, out, err } = await demo('--once', '--json').ended;
    expect(err).toBe('');
    expect(code).toBe(0);
    const document = JSON.parse(out) as { outcome: string; scenarios: Outcome[] };
    expect(document.outcome).toBe('ok');
    expect(document.scenarios.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      'shared-variables ok',
      'publisher-offline ok',
      'environments ok',
      'trust ok',
      'reports ok',
      'air-gap ok',
      'outage ok',
    ]);
    for (const { steps } of document.scenarios) {
      expect(steps.every(({ ok, evidence }) => ok && evidence.length > 0)).toBe(true);
    }
    const evidence = document.scenarios.flatMap(({ steps }) =>
      steps.flatMap((step) => step.evidence),
    );
    for (const row of evidence.filter(({ item, sha256 }) => item && sha256)) {
      expect(row.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(row.leafHash).toMatch(/^[0-9a-f]{64}$/);
      expect(row.checkpoint?.size).toBeGreaterThan(row.entry!);
      expect(row.checkpoint?.root).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(await nodes()).toEqual([]);
  });

  it('starts again over the folder of the one before, alone, and ctrl-c in the middle leaves no process', async () => {
    expect(await readdir(join(dir, 'spaces'))).toContain('ledger');
    const { child, ended } = demo('--once');
    await until('nodes run', running(2));
    const second = await demo('--once').ended;
    expect(second.code).toBe(1);
    expect(second.err).toContain('LOCKED');
    expect(await running(2)()).toBe(true);
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err).toContain('stopped before it was done');
    expect(await nodes()).toEqual([]);
  });

  it('is missed by its nodes when it is killed with -9: they stop by themselves', async () => {
    const { child, ended } = demo('--once');
    await until('nodes run', running(2));
    child.kill('SIGKILL');
    await ended;
    await until('no process is left', async () => (await nodes()).length === 0);
  });

  it('is refused a folder that is not its own, and touches nothing there', async () => {
    const mine = join(dir, 'mine');
    await mkdir(join(mine, 'spaces'), { recursive: true });
    await writeFile(join(mine, 'spaces', 'thesis.txt'), 'years of work');
    const { code, out, err } = await demo('--once', '--json', '--dir', mine).ended;
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('USAGE');
    expect(await readdir(mine)).toEqual(['spaces']);
    expect(await readdir(join(mine, 'spaces'))).toEqual(['thesis.txt']);
  });

  it('has no rows, and takes no --home', async () => {
    for (const args of [['--csv'], ['--format', 'csv'], ['--home', dir]]) {
      const { code, out, err } = await demo('--once', ...args).ended;
      expect(code).toBe(2);
      expect(out).toBe('');
      expect(err).toContain('USAGE');
    }
  });
});
