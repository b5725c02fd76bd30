// The dashboard in a real terminal: tmux, a real node, and what the screen shows while the node comes and goes.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository } from '../docs/repository.ts';

const hasTmux = ((): boolean => {
  try {
    execFileSync('tmux', ['-V']);
    return true;
  } catch {
    process.stderr.write('tmux is missing: the dashboard is not tried in a real terminal.\n');
    return false;
  }
})();

const folder = mkdtempSync(join(tmpdir(), 'odcm-tmux-'));
const home = join(folder, 'hq');
const odcm = `${process.execPath} ${join(repository, 'node/odcm.mjs')}`;
const DEADLINE_MS = 30_000;

const tmux = (...args: readonly string[]): string =>
  execFileSync('tmux', ['-S', join(folder, 'tmux.sock'), '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    env: {
      ...process.env,
      TERM: 'xterm-256color',
      LC_ALL: 'C.UTF-8',
      XDG_STATE_HOME: folder,
      NODE_ENV: '',
    },
  });
/** The session, not a window that tmux named after its program. */
const at = (name: string): string => `=${name}:`;
const open = (name: string, command: string): void => {
  tmux('new-session', '-d', '-s', name, '-x', '100', '-y', '30', 'sh');
  tmux('send-keys', '-t', at(name), command, 'Enter');
};
const screen = (name: string): string => tmux('capture-pane', '-p', '-t', at(name));
const keys = (...names: readonly string[]): string => tmux('send-keys', '-t', at('dash'), ...names);
const modes = (): string =>
  tmux('display', '-p', '-t', at('dash'), '#{alternate_on} #{cursor_flag}').trim();

async function shows(name: string, what: RegExp): Promise<string> {
  const endMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const text = screen(name);
    if (what.test(text)) return text;
    if (Date.now() > endMs) throw new Error(`${what} does not appear on:\n${text}`);
    await wait(100);
  }
}

async function hasModes(wanted: string): Promise<void> {
  const endMs = Date.now() + DEADLINE_MS;
  while (modes() !== wanted && Date.now() < endMs) await wait(100);
  expect(modes()).toBe(wanted);
}

describe.runIf(hasTmux)('the dashboard in tmux', () => {
  beforeAll(async () => {
    open('node', `${odcm} init acme --space library --home ${home} && ${odcm} run --home ${home}`);
    await shows('node', /is ready at/);
    open('dash', `${odcm} dash --home ${home}`);
  }, 60_000);

  afterAll(() => {
    try {
      tmux('kill-server');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('shows the node and its screens', async () => {
    await shows('dash', / live \d\d:\d\d:\d\dZ/);
    expect(modes()).toBe('1 0');
    keys('1');
    await shows('dash', /> +library +/);
    keys('4');
    await shows('dash', /ODCM Root CA/);
  });

  it('follows the size of the window', async () => {
    keys('0');
    tmux('resize-window', '-t', at('dash'), '-x', '50', '-y', '14');
    await shows('dash', /too small/);
    tmux('resize-window', '-t', at('dash'), '-x', '150', '-y', '45');
    const text = await shows('dash', /╭─ Spaces ─{60,}╮╭─ Deployments/);
    expect(text.match(/╭─ Spaces/g)).toHaveLength(1);
  });

  it('steps aside for the shell and comes back', async () => {
    keys('C-z');
    await hasModes('0 1');
    keys('fg', 'Enter');
    await hasModes('1 0');
    await shows('dash', /╭─ Spaces/);
  });

  it('says that the node is away, and when it is back', async () => {
    tmux('send-keys', '-t', at('node'), 'C-c');
    await shows('dash', /DISCONNECTED from library for 00:\d\d/);
    tmux('send-keys', '-t', at('node'), `${odcm} run --home ${home}`, 'Enter');
    await shows('dash', / live \d\d:\d\d:\d\dZ/);
    expect(screen('dash')).not.toContain('DISCONNECTED');
  });

  it('leaves the terminal as it was', async () => {
    keys('q');
    await hasModes('0 1');
    keys('echo still-$((40+2))', 'Enter');
    await shows('dash', /still-42/);
  });
});
