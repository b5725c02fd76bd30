// `npm start` in a real terminal: the dashboard of a living mesh, a space that is killed while one looks, and an end that
// leaves nothing behind.

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository } from '../docs/repository.ts';
import { removeFolder } from './mesh.ts';
import { hasTmux, TestTerminal } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'odcm-start-'));
const dir = join(folder, 'demo');
const terminal = new TestTerminal(folder);
/** The promise; from the kill to the screen. */
const NOTICED_MS = 20_000;
const START_MS = 120_000;

/** Processes that work in the folder of the demo, as `pid command`. */
const processes = (): string[] =>
  execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.includes('odcm.mjs') && line.includes(dir));

function killNode(space: string): void {
  const line = processes().find((one) => one.includes(`${join(dir, 'spaces', space)} `));
  if (line === undefined) throw new Error(`no node of ${space} runs:\n${processes().join('\n')}`);
  process.kill(Number.parseInt(line, 10), 'SIGKILL');
}

describe.runIf(hasTmux)('npm start in tmux', () => {
  beforeAll(async () => {
    terminal.run('demo', `cd ${repository} && ODCM_DEMO_HOME=${dir} npm start`);
    await terminal.shows('demo', /A mesh named acme/);
    await terminal.shows('demo', /╭─ Spaces/, START_MS);
  }, START_MS + 10_000);

  afterAll(async () => {
    try {
      terminal.close();
      // Nodes whose demo is gone stop by themselves.
      while (processes().length > 0) await wait(100);
    } finally {
      removeFolder(folder);
    }
  });

  it('shows the overview of the mesh with what its spaces reported', async () => {
    // Of the space behind the air gap there are receipts, which came in files.
    await terminal.shows('demo', /●\d ◐\d ○\d ◇1 of 7 spaces/, START_MS);
    await terminal.shows('demo', /ok +\d+ {2}[▁-█]{20}/, START_MS);
    await terminal.shows('demo', /versions 2025\.4\.10333 to 2026\.4\.1188/, START_MS);
  });

  it('shows a killed space as offline soon, and tells it as an alert', async () => {
    terminal.keys('demo', '1');
    await terminal.shows('demo', /platform +2026\.\S+ +● online/);
    killNode('platform');
    await terminal.shows('demo', /platform +2026\.\S+ +○ offline/, NOTICED_MS);
    terminal.keys('demo', '0');
    await terminal.shows('demo', /WARN .*platform is offline, last heard/);
  });

  it('steps aside for the shell while its nodes go on, and comes back', async () => {
    terminal.keys('demo', 'C-z');
    await terminal.isTaken('demo', false);
    await terminal.shows('demo', /Stopped/);
    expect(processes().filter((line) => line.includes(' run ')).length).toBeGreaterThanOrEqual(4);
    terminal.keys('demo', 'fg', 'Enter');
    await terminal.isTaken('demo', true);
    await terminal.shows('demo', / live \d\d:\d\d:\d\dZ/);
  });

  it('ends with q, says so, and leaves no process and the promises in view', async () => {
    terminal.keys('demo', 'q');
    await terminal.isTaken('demo', false);
    const text = await terminal.shows(
      'demo',
      /\d nodes stopped; nothing of the demo runs any more\./,
    );
    expect(text).toMatch(/6 of 6 promises kept in/);
    expect(processes()).toEqual([]);
  });
});
