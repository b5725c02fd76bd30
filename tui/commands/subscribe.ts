// `odcm subscribe` and `odcm unsubscribe`: the subscriber's own choice of what it takes, and how.

import { Option } from 'commander';
import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { formatDuration, parseDuration } from '../format/duration.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { SUBSCRIPTION_COLUMNS } from '../views/subscriptions.ts';

type Subscription = RouteResult<'subscriptions'>;

interface Options {
  readonly mode?: Subscription['mode'];
  readonly via?: Subscription['via'];
  readonly every?: string;
}

const EVERY_MIN_MS = 1000;

export const register: Register = (program, context) => {
  program
    .command('subscribe')
    .helpGroup(GROUPS.feeds)
    .description('take a feed of another space')
    .argument('<feed>', 'PUBLISHER/FEED')
    .addOption(
      new Option('--mode <mode>', 'apply what comes, or keep it until asked').choices([
        'auto',
        'on-demand',
      ]),
    )
    .addOption(
      new Option('--via <way>', 'told at once, asking now and then, or only by odcm pull').choices([
        'gossip',
        'poll',
        'manual',
      ]),
    )
    .option('--every <interval>', 'how often to ask, with --via poll: 5m')
    .action(async (feed: string, options: Options, self) => {
      const invocation = invoke(self, context);
      const everyMs = readInterval(options);
      const { mode, via } = options;
      const row = await ask(invocation, 'subscribe', {
        body: {
          feed,
          ...(mode === undefined ? {} : { mode }),
          ...(via === undefined ? {} : { via }),
          ...(everyMs === undefined ? {} : { everyMs }),
        },
      });
      await showResult(invocation, {
        sentence: `Subscribed to ${row.feed}: ${described(row)}.`,
        title: 'subscriptions',
        columns: SUBSCRIPTION_COLUMNS,
        rows: [row],
      });
      const isWaiting = row.state === 'requested' || row.state === 'no grant';
      if (isWaiting && invocation.options.format === 'text') {
        invocation.output.say(
          `Nothing comes until this space may have it. At ODCM: odcm grant THIS_SPACE ${row.feed}`,
        );
      }
    });

  program
    .command('unsubscribe')
    .helpGroup(GROUPS.feeds)
    .description('take a feed no longer; what is held stays readable')
    .argument('<feed>', 'PUBLISHER/FEED')
    .action(async (feed: string, _options, self) => {
      const invocation = invoke(self, context);
      const result = await ask(invocation, 'unsubscribe', { query: { feed } });
      await showResult(invocation, {
        sentence: `No longer subscribed to ${result.feed}; what is held stays readable.`,
        title: 'subscriptions',
        columns: plainColumns<typeof result>('feed'),
        rows: [result],
      });
    });
};

function readInterval({ via, every }: Options): number | undefined {
  if (every === undefined) return undefined;
  if (via !== 'poll') {
    throw new MeshError('USAGE', '--every goes with --via poll only', {
      next: 'Add --via poll, or leave --every out.',
    });
  }
  const everyMs = parseDuration(every);
  if (everyMs >= EVERY_MIN_MS) return everyMs;
  throw new MeshError('USAGE', '--every is shorter than a second', { next: 'Try: --every 5m' });
}

function described({ mode, via, everyMs, state, held, size }: Subscription): string {
  const every = everyMs === null ? '' : ` every ${formatDuration(everyMs)}`;
  const entries = size === null ? '' : `, ${held} of ${size} entries held`;
  return `${mode} by ${via}${every}, ${state}${entries}`;
}
