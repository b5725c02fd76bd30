import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CODES, type Code, MeshError } from '../../protocols/errors.ts';
import { type CommandContext, invoke, type Register } from '../../tui/command-context.ts';
import type { Figures } from '../../tui/fail-on.ts';
import type { Report } from '../../tui/format/report.ts';
import { createProgram, GROUPS, reads } from '../../tui/program.ts';
import { runReport } from '../../tui/run-report.ts';
import { CLEAR_SCREEN } from '../../tui/watch.ts';
import { brokenStream, NOW_MS, type TestContext, testContext, textStream } from './streams.ts';

const SPACES = [
  { name: 'payments', status: 'online', lagMs: 400 },
  { name: 'mobile', status: 'offline', lagMs: 2_460_000 },
];

const report = (): Report => ({
  title: 'spaces',
  columns: [
    { key: 'name', title: 'space' },
    { key: 'status', title: 'status' },
    { key: 'lagMs', title: 'lag', kind: 'duration' },
  ],
  rows: SPACES,
  asOf: NOW_MS - 12_000,
  target: 'library',
});

/** What a command was called with, for the tests of the command line itself. */
interface Called {
  readonly home: string;
  readonly version?: string | undefined;
}

function commands(called: Called[], figures?: Figures, fail?: () => unknown): Register[] {
  const spaces: Register = (program, context) => {
    reads(program.command('spaces').helpGroup(GROUPS.reading)).action((_, command) =>
      runReport(command, context, async ({ client }) => {
        called.push({ home: client.home });
        const error = fail?.();
        if (error !== undefined) throw error;
        return figures === undefined ? { report: report() } : { report: report(), figures };
      }),
    );
  };
  const get: Register = (program, context) => {
    program
      .command('get <feed> <item>')
      .option('--version <number>', 'an older version')
      .action((_feed: string, _item: string, _options, command) => {
        const { options } = invoke(command, context);
        called.push({ home: options.home, version: command.opts().version });
      });
  };
  const feed: Register = (program, context) => {
    const group = program.command('feed').description('feeds of this space');
    group.command('create <name>').action((_name: string, _options, command) => {
      called.push({ home: invoke(command, context).options.home });
    });
  };
  return [spaces, get, feed];
}

async function odcm(
  line: string | readonly string[],
  changes: Partial<CommandContext> = {},
  figures?: Figures,
  fail?: () => unknown,
) {
  const context: TestContext = testContext(changes);
  const called: Called[] = [];
  const program = createProgram({
    version: '1.2.3',
    context,
    commands: commands(called, figures, fail),
  });
  const args = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line;
  const exitCode = await program.run(args);
  return { exitCode, out: context.stdout.text, err: context.stderr.text, called };
}

describe('the command line', () => {
  it('shows a report and ends with 0', async () => {
    const { exitCode, out, err } = await odcm('spaces');
    expect(exitCode).toBe(0);
    expect(out).toContain('mobile    offline   41 m\n');
    expect(err).toBe('');
  });

  it.each([
    'spaces --json --filter lag>60s --columns name',
    '--json --filter lag>60s --columns name spaces',
    '--filter lag>60s spaces --format json --columns=name',
  ])('takes shared options before and after the command: %s', async (line) => {
    const { out } = await odcm(line);
    expect(JSON.parse(out)).toMatchObject({ target: 'library', rows: [{ name: 'mobile' }] });
  });

  it.each([
    ['spaces', {}, join(homedir(), '.odcm')],
    ['spaces', { ODCM_HOME: '' }, join(homedir(), '.odcm')],
    ['spaces', { ODCM_HOME: '/srv/odcm' }, '/srv/odcm'],
    ['spaces --home /srv/other', { ODCM_HOME: '/srv/odcm' }, '/srv/other'],
    ['--home /srv/a spaces --home /srv/b', {}, '/srv/b'],
    ['feed --home /srv/a create x', {}, '/srv/a'],
    ['spaces --home sub', {}, join(process.cwd(), 'sub')],
  ])('%s with %j works on %s', async (line, env, home) => {
    const { called } = await odcm(line, { env });
    expect(called).toEqual([expect.objectContaining({ home })]);
  });

  it('knows its version, and the option of the same name of a command', async () => {
    expect(await odcm('--version')).toMatchObject({ exitCode: 0, out: '1.2.3\n', called: [] });
    expect((await odcm('get f i --version 3')).called[0]?.version).toBe('3');
  });

  it('writes the result to a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'odcm-program-'));
    try {
      const file = join(folder, 'spaces.csv');
      const { exitCode, out } = await odcm(['spaces', '--format', 'csv', '--output', file]);
      expect([exitCode, out]).toEqual([0, '']);
      expect(await readFile(file, 'utf8')).toMatch(/^name,status,lagMs\r\npayments,/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('uses colours and the width on a terminal only', async () => {
    const stdout = textStream(60);
    await odcm('spaces', { stdout });
    expect(stdout.text).toContain('\x1b[');
    expect((await odcm('spaces')).out).not.toContain('\x1b[');
  });

  it('ends quietly when nobody reads the result', async () => {
    const context = { ...testContext(), stdout: brokenStream() };
    const program = createProgram({ version: '1', context, commands: commands([]) });
    expect(await program.run(['spaces'])).toBe(0);
    expect(context.stderr.text).toBe('');
  });
});

describe('help', () => {
  it.each(['', 'help', '--help', '-h'])('is on standard output: odcm %s', async (line) => {
    const { exitCode, out, err } = await odcm(line);
    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toContain('Usage: odcm COMMAND');
    expect(out).toContain('Reading:\n  spaces');
    for (const group of ['trust', 'feeds', 'reading', 'running']) {
      expect(out).toContain(`Examples, ${group}:`);
    }
    expect(out.split('Examples, trust:')).toHaveLength(2);
  });

  it.each(['help spaces', 'spaces --help'])('of one command: odcm %s', async (line) => {
    const { exitCode, out } = await odcm(line);
    expect(exitCode).toBe(0);
    expect(out).toContain('Usage: odcm spaces');
    for (const option of ['--filter', '--watch', '--home', '--format', '--fail-on']) {
      expect(out).toContain(option);
    }
  });

  it('of a command below another one', async () => {
    const { exitCode, out } = await odcm('help feed create');
    expect([exitCode, out]).toEqual([0, expect.stringContaining('Usage: odcm feed create')]);
  });

  it('of a command that shows no report has no options for reports', async () => {
    const { out } = await odcm('help get');
    expect(out).toContain('--home');
    expect(out).not.toContain('--filter');
  });
});

describe('a mistake in the command line', () => {
  it.each([
    ['spcaes', "odcm: USAGE: unknown command 'spcaes'. Did you mean spaces? See: odcm help"],
    ['xyzzy', "odcm: USAGE: unknown command 'xyzzy'. See: odcm help"],
    ['help xyzzy', "odcm: USAGE: unknown command 'xyzzy'. See: odcm help"],
    ['feed', 'odcm: USAGE: odcm feed needs one of: create. See: odcm help feed'],
    [
      'feed craete x',
      "odcm: USAGE: unknown command 'craete'. Did you mean create? See: odcm help feed",
    ],
    ['get f', "odcm: USAGE: missing required argument 'item'. See: odcm help get"],
    ['spaces x', "odcm: USAGE: too many arguments for 'spaces'. Expected 0 arguments but got 1"],
    ['spaces --fliter x', "odcm: USAGE: unknown option '--fliter'. Did you mean --filter?"],
    ['spaces --format xml', "odcm: USAGE: option '--format <format>' argument 'xml' is invalid"],
    ['spaces --json --format csv', 'odcm: USAGE: --json and --format csv contradict each other.'],
    ['spaces --home', "odcm: USAGE: option '--home <dir>' argument missing. See: odcm help spaces"],
    ['spaces --home=', 'odcm: USAGE: --home is empty.'],
    ['spaces --watch 5', 'odcm: USAGE: "5" is not a duration.'],
    ['spaces --watch 10ms', 'odcm: USAGE: --watch is shorter than a second.'],
    ['spaces --filter lag>soon', 'odcm: USAGE: "soon" is not a duration.'],
    [
      'spaces --sort nosuch',
      'odcm: USAGE: there is no column "nosuch". Columns: name, status, lagMs.',
    ],
    ['spaces --fail-on nosuch>1', 'odcm: USAGE: --fail-on knows no figure "nosuch" here.'],
    ['get f i --watch 5s', "odcm: USAGE: unknown option '--watch'. See: odcm help get"],
    ['--watch 5s get f i', 'odcm: USAGE: odcm get takes no --watch. See: odcm help get'],
    ['--nosuch', "odcm: USAGE: unknown option '--nosuch'. See: odcm help"],
  ])('is refused with one line: odcm %s', async (line, expected) => {
    const { exitCode, out, err } = await odcm(line);
    expect(err.startsWith(expected)).toBe(true);
    expect(err.trimEnd()).not.toContain('\n');
    expect(exitCode).toBe(2);
    expect(out).toBe('');
  });

  it('does not send hostile words back to the terminal', async () => {
    const { exitCode, err } = await odcm(['\x1b[2J\u202espaces\n']);
    expect(exitCode).toBe(2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what must not be there
    expect(err.trimEnd()).not.toMatch(/[\x00-\x1f\u202e]/);
  });
});

describe('exit codes', () => {
  it.each<[Code, number]>([
    ['INTERNAL', 1],
    ['USAGE', 2],
    ['NODE_UNREACHABLE', 3],
    ['FEED_UNKNOWN', 4],
    ['REVOKED', 5],
  ])('%s ends with %i and one line', async (code, expected) => {
    const fail = () => new MeshError(code, 'the thing is so');
    const { exitCode, out, err } = await odcm('spaces --json', {}, undefined, fail);
    expect(exitCode).toBe(expected);
    expect(err).toBe(`odcm: ${code}: the thing is so. ${CODES[code].next}\n`);
    expect(out).toBe('');
  });

  it('is 1 for a fault of the program, whose place is shown on request only', async () => {
    const fail = () => new TypeError('x is undefined\x1b[2J');
    const plain = await odcm('spaces', {}, undefined, fail);
    expect(plain.exitCode).toBe(1);
    expect(plain.err).toMatch(/^odcm: INTERNAL: x is undefined\[2J\. .*\n$/);
    const debug = await odcm('spaces', { env: { ODCM_DEBUG: '1' } }, undefined, fail);
    expect(debug.err).toContain('program.test.ts');
  });

  it('is 3 when no node runs in the folder', async () => {
    const missing = join(tmpdir(), 'odcm-no-such-folder');
    const called: Called[] = [];
    const context = testContext();
    const status: Register = (program) => {
      program.command('status').action(async (_, command) => {
        await invoke(command, context).client.get('/v1/status');
      });
    };
    const program = createProgram({
      version: '1',
      context,
      commands: [...commands(called), status],
    });
    expect(await program.run(['status', '--home', missing])).toBe(3);
    expect(context.stderr.text).toContain(
      `odcm: NODE_UNREACHABLE: there is no node in ${missing}.`,
    );
    expect(context.stderr.text).toContain(`odcm run --home ${missing}`);
  });

  it.each([
    ['rows>1', 10],
    ['rows>2', 0],
    ['offline>0,expiry<14d', 10],
    ['expiry<5d', 0],
  ])('--fail-on %s ends with %i, after the report', async (test, expected) => {
    const figures: Figures = { offline: 1, expiry: { value: 6 * 86_400_000, kind: 'duration' } };
    const { exitCode, out, err } = await odcm(['spaces', '--fail-on', test], {}, figures);
    expect(exitCode).toBe(expected);
    expect(out).toContain('payments');
    expect(err === '').toBe(expected === 0);
  });

  it('counts the rows that the filter left', async () => {
    const { exitCode, err } = await odcm('spaces --filter status=offline --fail-on rows=1');
    expect(exitCode).toBe(10);
    expect(err).toBe('odcm: FAIL_ON: met: rows=1 (rows is 1). Look for the cause in the report.\n');
  });

  it('is that of an interrupted program after ctrl-c', async () => {
    const interrupt = new AbortController();
    const fail = () => {
      interrupt.abort();
      return interrupt.signal.reason;
    };
    const { exitCode, err } = await odcm('spaces', { signal: interrupt.signal }, undefined, fail);
    expect(exitCode).toBe(130);
    expect(err).toBe('odcm: stopped before it was done.\n');
  });
});

describe('--watch', () => {
  function rounds(count: number) {
    const stop = new AbortController();
    const waits: number[] = [];
    const delay = async (ms: number): Promise<void> => {
      waits.push(ms);
      if (waits.length === count) stop.abort();
    };
    return { waits, changes: { delay, signal: stop.signal } };
  }

  it('shows the report again and again until ctrl-c, which is no fault', async () => {
    const { waits, changes } = rounds(3);
    const { exitCode, out } = await odcm(
      'spaces --watch 5s --format jsonl --columns name',
      changes,
    );
    expect(exitCode).toBe(0);
    expect(waits).toEqual([5_000, 5_000, 5_000]);
    expect(out.split('\n')).toHaveLength(3 * SPACES.length + 1);
    expect(out).not.toContain(CLEAR_SCREEN);
  });

  it('clears a terminal before each round', async () => {
    const stdout = textStream(80);
    await odcm('spaces --watch 5s', { ...rounds(2).changes, stdout });
    expect(stdout.text.split(CLEAR_SCREEN)).toHaveLength(3);
    expect(stdout.text.startsWith(CLEAR_SCREEN)).toBe(true);
  });

  it('says that the node is away and goes on', async () => {
    let round = 0;
    const fail = () => {
      round += 1;
      return round === 2 ? new MeshError('NODE_UNREACHABLE', 'the node is away') : undefined;
    };
    const { exitCode, out, err } = await odcm(
      'spaces --watch 5s',
      rounds(3).changes,
      undefined,
      fail,
    );
    expect(exitCode).toBe(0);
    expect(out.split('SPACE')).toHaveLength(3);
    expect(err).toMatch(/^odcm: NODE_UNREACHABLE: the node is away\. .*\n$/);
  });

  it('ends with 10 as soon as --fail-on is met', async () => {
    const { waits, changes } = rounds(9);
    const { exitCode } = await odcm('spaces --watch 5s --fail-on rows>1', changes);
    expect(exitCode).toBe(10);
    expect(waits).toEqual([]);
  });
});
