// `odcm run`: the node in the foreground, until it is told to stop.

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { parseMetricsAddress } from '../metrics/address.ts';
import { endSoon } from './end-process.ts';
import { collect, type Shell } from './shell.ts';

interface RunFlags {
  readonly listen?: string[];
  readonly peer?: string[];
  readonly inbox?: string;
  readonly metrics?: string;
  readonly metricsOpen?: boolean;
  readonly logFile?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly withParent?: boolean;
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
    .option('--inbox <dir>', 'take files named inventory* and deployments* from this folder')
    .option('--metrics <address>', 'serve metrics for Prometheus there: 127.0.0.1:9464')
    .option('--metrics-open', 'let --metrics listen beyond this machine, where anybody may read it')
    .option(
      '--log-file <file>',
      'where the log goes (default: node.log in the folder; - for standard error)',
    )
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
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
      const home = await openHome(options.home);
      const lock = await lockHome(home.dir);
      try {
        const { runNode } = await import('../run.ts');
        const path =
          flags.logFile === '-' ? undefined : (flags.logFile ?? join(home.dir, 'node.log'));
        await runNode({
          home,
          flags,
          logPath: path,
          level: flags.logLevel,
          say: (line) => output.say(line),
          signal,
        });
      } finally {
        await lock.release();
        // The network library leaves a timer behind that nobody waits for.
        endSoon();
      }
    });
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
