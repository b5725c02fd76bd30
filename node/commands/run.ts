// `odcm run`: the node in the foreground, until it is told to stop.

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { durationMs } from '../alerts/time-settings.ts';
import { parseMetricsAddress } from '../metrics/address.ts';
import { passphraseOf } from './ask-passphrase.ts';
import { endSoon } from './end-process.ts';
import { collect, type Shell } from './shell.ts';

interface RunFlags {
  readonly listen?: string[];
  readonly peer?: string[];
  readonly inbox?: string;
  readonly carryQuota?: number;
  readonly metrics?: string;
  readonly metricsOpen?: boolean;
  readonly directoryLimit?: number;
  readonly acceptClock?: boolean;
  readonly offline?: boolean;
  readonly alone?: boolean;
  readonly logFile?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly withParent?: boolean;
  readonly passphraseFile?: string;
}

/** For a node whose starter is gone: nobody is left who would end it, so it does not wait for ever either. */
const FORSAKEN_STOP_MS = 15_000;

export function registerRun(program: Command, shell: Shell): void {
  program
    .command('run')
    .helpGroup(shell.group)
    .description('run the node of this folder in the foreground, until ctrl-c or SIGTERM')
    .option(
      '--listen <address>',
      'listen here instead of where the folder says, may be repeated',
      collect,
    )
    .option(
      '--peer <address>',
      'try this member too: /ip4/…/tcp/…/p2p/ID, may be repeated',
      collect,
    )
    .option(
      '--carry-quota <size>',
      'keep at most this much for others: 500MiB, 20GiB, 0 for nothing (default: a fifth of the disk)',
      parseQuota,
    )
    .option('--inbox <dir>', 'take files named inventory* and deployments* from this folder')
    .option('--metrics <address>', 'serve metrics for Prometheus there: 127.0.0.1:9464')
    .option('--metrics-open', 'let --metrics listen beyond this machine, where anybody may read it')
    .option(
      '--directory-limit <time>',
      'take nothing new once ODCM has not vouched for the directory this long: 24h (default: 7d)',
      parseLimit,
    )
    .option('--offline', 'without any network: no socket listens, what is new comes in bundles')
    .option('--alone', 'at ODCM: this folder is surely the newest, write without asking any member')
    .option('--accept-clock', 'this clock is right now: forget a later time that it once had')
    .option(
      '--log-file <file>',
      'where the log goes (default: node.log in the folder; - for standard error)',
    )
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--passphrase-file <file>', 'the passphrase of the keys stands in this file')
    .option(
      '--with-parent',
      'stop when standard input ends, for a program that starts nodes and may be killed',
    )
    .action(async (flags: RunFlags, command: Command) => {
      const { options, output, signal: interrupt } = shell.invoke(command);
      if (flags.metrics !== undefined)
        parseMetricsAddress(flags.metrics, flags.metricsOpen === true);
      const signal = flags.withParent ? AbortSignal.any([interrupt, inputEnd()]) : interrupt;
      const [{ openHome }, { lockHome }] = await Promise.all([
        import('../home/home.ts'),
        import('../home/lock.ts'),
      ]);
      const home = await openHome(options.home, passphraseOf(flags.passphraseFile));
      const lock = await lockHome(home.dir);
      try {
        // Nothing is opened and nothing listens before the keys are there.
        await home.keys.prepare();
        const { runNode } = await import('../run.ts');
        const path =
          flags.logFile === '-' ? undefined : (flags.logFile ?? join(home.dir, 'node.log'));
        const run = () =>
          runNode({
            home,
            flags,
            logPath: path,
            level: flags.logLevel,
            say: (line) => output.say(line),
            signal,
          });
        while ((await run()) === 'again');
      } finally {
        await lock.release();
        // The network library leaves a timer behind that nobody waits for.
        endSoon();
      }
    });
}

function parseLimit(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms >= LIMITS.directoryFreshMs && ms <= LIMITS.directoryExpiredMs)
    return ms;
  throw new MeshError('USAGE', `${quote(text)} is no time from 5m to 7d`);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

function parseQuota(text: string): number {
  const match = /^(\d{1,12}) ?((?:[KMGT]iB)?)$/.exec(text);
  const bytes = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new MeshError('USAGE', `${quote(text)} is no size like 500MiB or 20GiB`);
}

/** The other end of the pipe is closed by the operating system, however the starter ended. */
function inputEnd(): AbortSignal {
  const { stdin } = process;
  const ending = new AbortController();
  const end = () => {
    ending.abort();
    setTimeout(() => process.exit(1), FORSAKEN_STOP_MS).unref();
  };
  stdin.once('end', end).once('close', end);
  stdin.on('error', () => undefined).resume();
  // Waiting for it must not keep alive a node that ends for another reason.
  if ('unref' in stdin) stdin.unref();
  return ending.signal;
}
