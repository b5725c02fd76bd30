import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { register } from '../../../tui/dash/command.ts';
import { initialState } from '../../../tui/dash/state.ts';
import {
  loadUserState,
  memorise,
  NOTHING_REMEMBERED,
  recall,
  saveUserState,
  userStateFile,
} from '../../../tui/dash/user-state.ts';
import { createProgram } from '../../../tui/program.ts';
import { testContext, textStream } from '../streams.ts';
import { createWorld } from './world.ts';

describe('odcm dash without a terminal', () => {
  const dash = async (line: string, changes: Parameters<typeof testContext>[0] = {}) => {
    const world = createWorld();
    const context = testContext({ createClient: () => world.client, ...changes });
    const program = createProgram({ version: '1', context, commands: [register] });
    const exitCode = await program.run(line.split(' '));
    return { exitCode, out: context.stdout.text, err: context.stderr.text };
  };

  it('prints the overview as text and says so', async () => {
    const { exitCode, out, err } = await dash('dash');
    expect([exitCode, err]).toEqual([
      0,
      'odcm: this is no terminal for the dashboard; here is the overview as text.\n',
    ]);
    expect(out).toContain('Needs attention');
    expect(out).toContain('certificate expires in 2 d 4 h');
    expect(out).not.toContain('\x1b');
  });

  it('does the same on a terminal that cannot place its cursor', async () => {
    const stdin = Object.assign(Readable.from([]), { isTTY: true });
    const { exitCode, err } = await dash('dash', {
      env: { TERM: 'dumb' },
      stdin,
      stdout: textStream(80),
    });
    expect(exitCode).toBe(0);
    expect(err).toContain('this is no terminal');
  });

  it('ends with 3 when the node is away', async () => {
    const world = createWorld();
    world.leave();
    const { exitCode, out } = await dash('dash', { createClient: () => world.client });
    expect([exitCode, out]).toEqual([3, '']);
  });

  it.each(['dash --theme pink', 'dash --watch 5s', 'dash now'])(
    'refuses: odcm %s',
    async (line) => {
      expect((await dash(line)).exitCode).toBe(2);
    },
  );
});

describe('what the dashboard remembers', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'odcm-dash-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const state = () => initialState({ columns: 100, rows: 30 }, 'dark', false);

  it('comes back in the next run, recents for each node by itself', async () => {
    const file = join(folder, 'odcm', 'dash.json');
    const first = state();
    first.favourites.add('ledger');
    first.recents = ['payments'];
    first.wide.add('spaces');
    first.theme = 'light';
    first.commandHistory = ['spaces /pay'];
    await saveUserState(file, memorise(first, NOTHING_REMEMBERED, '/srv/a'));
    const remembered = await loadUserState(file);
    expect(remembered.theme).toBe('light');
    const again = state();
    recall(again, remembered, '/srv/a');
    expect([...again.favourites, ...again.recents, ...again.wide, ...again.commandHistory]).toEqual(
      ['ledger', 'payments', 'spaces', 'spaces /pay'],
    );
    const other = state();
    recall(other, remembered, '/srv/b');
    expect(other.recents).toEqual([]);
    expect([...other.favourites]).toEqual(['ledger']);
  });

  it('is for its owner only', async () => {
    const file = join(folder, 'dash.json');
    await saveUserState(file, NOTHING_REMEMBERED);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 1 });
  });

  it.each([
    '',
    '{',
    '[]',
    '{"version":2}',
    '{"version":1,"favourites":[7]}',
    '{"version":1,"theme":"pink"}',
  ])('is nothing when the file says %j', async (text) => {
    const file = join(folder, 'dash.json');
    await writeFile(file, text);
    expect(await loadUserState(file)).toEqual(NOTHING_REMEMBERED);
  });

  it('is nothing when there is no file', async () => {
    expect(await loadUserState(join(folder, 'none.json'))).toEqual(NOTHING_REMEMBERED);
  });

  it('lies where the user keeps such things', () => {
    expect(userStateFile({ XDG_STATE_HOME: '/x' })).toBe('/x/odcm/dash.json');
    expect(userStateFile({})).toMatch(/\/\.local\/state\/odcm\/dash\.json$/);
  });
});
