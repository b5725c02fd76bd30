// The dashboard in a real terminal: tmux, a real node, and what the screen shows while the node comes and goes.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository } from '../docs/repository.ts';
import { removeFolder } from './mesh.ts';
import { hasTmux, TestTerminal } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'odcm-tmux-'));
const home = join(folder, 'hq');
const odcm = `${process.execPath} ${join(repository, 'node/odcm.mjs')}`;
const terminal = new TestTerminal(folder);

describe.runIf(hasTmux)('the dashboard in tmux', () => {
  beforeAll(async () => {
    terminal.run(
      'node',
      `${odcm} init acme --space library --home ${home} && ${odcm} run --home ${home}`,
    );
    // How long the keys take that are made first is a matter of luck.
    await terminal.shows('node', /is ready at/, 120_000);
    terminal.run('dash', `${odcm} dash --home ${home}`);
  }, 130_000);

  afterAll(() => {
    try {
      terminal.close();
    } finally {
      removeFolder(folder);
    }
  });

  it('shows the node and its screens', async () => {
    await terminal.shows('dash', / live \d\d:\d\d:\d\dZ/);
    await terminal.isTaken('dash', true);
    terminal.keys('dash', '1');
    await terminal.shows('dash', /> +library +/);
    terminal.keys('dash', '4');
    await terminal.shows('dash', /ODCM Root CA/);
  });

  it('follows the size of the window', async () => {
    terminal.keys('dash', '0');
    terminal.resize('dash', 50, 14);
    await terminal.shows('dash', /too small/);
    terminal.resize('dash', 150, 45);
    const text = await terminal.shows('dash', /╭─ Spaces ─{60,}╮╭─ Deployments/);
    expect(text.match(/╭─ Spaces/g)).toHaveLength(1);
  });

  it('steps aside for the shell and comes back', async () => {
    terminal.keys('dash', 'C-z');
    await terminal.isTaken('dash', false);
    await terminal.hasShell('dash');
    terminal.keys('dash', 'fg', 'Enter');
    await terminal.isTaken('dash', true);
    await terminal.shows('dash', /╭─ Spaces/);
  });

  it('says that the node is away, and when it is back', async () => {
    terminal.keys('node', 'C-c');
    await terminal.shows('dash', /DISCONNECTED from library for 00:\d\d/);
    await terminal.hasShell('node');
    terminal.keys('node', `${odcm} run --home ${home}`, 'Enter');
    await terminal.shows('dash', / live \d\d:\d\d:\d\dZ/);
    expect(terminal.screen('dash')).not.toContain('DISCONNECTED');
  });

  it('leaves the terminal as it was', async () => {
    terminal.keys('dash', 'q');
    await terminal.isTaken('dash', false);
    await terminal.hasShell('dash');
    terminal.keys('dash', 'echo still-$((40+2))', 'Enter');
    await terminal.shows('dash', /still-42/);
  });

  it('stays where no shell could let it go on', async () => {
    // The first process of a terminal has nobody that would continue it: there the key does nothing.
    terminal.keys('dash', `exec ${odcm} dash --home ${home}`, 'Enter');
    await terminal.shows('dash', /╭─ Spaces/);
    await terminal.isTaken('dash', true);
    terminal.keys('dash', 'C-z');
    terminal.keys('dash', '4');
    await terminal.shows('dash', /ODCM Root CA/);
  });
});
