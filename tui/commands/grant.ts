// `odcm grant` and `odcm ungrant`, at ODCM: who may have which feed of whom.

import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { type Aftermath, aftermath, waits } from './aftermath.ts';
import { parsePublisher, parseUntil } from './arguments.ts';

const SUBSCRIBER_HELP = "a space, or 'all' for every present and future one";
const PUBLISHER_HELP = 'PUBLISHER/FEED, or PUBLISHER for all its feeds';

interface GrantOptions {
  readonly until?: string;
  readonly history?: true;
}

interface Granted {
  readonly grant: string;
  readonly subscriber: string;
  readonly publisher: string;
  readonly feed: string | null;
  readonly until: string | null;
}

interface Ungranted extends Omit<Aftermath, 'sentences'> {
  readonly entry: number;
  readonly revoked: number;
  readonly subscriber: string;
  readonly publisher: string;
  readonly feed: string | null;
}

export const register: Register = (program, context) => {
  program
    .command('grant')
    .helpGroup(GROUPS.trust)
    .description('let a space have a feed (at ODCM)')
    .argument('<subscriber>', SUBSCRIBER_HELP)
    .argument('<publisher>', PUBLISHER_HELP)
    .option('--until <time>', 'ends then: 2026-11-20, 2026-11-20T10:41Z or 30d from now')
    .option('--history', 'of sealed feeds also what was published before')
    .action(async (subscriber: string, what: string, options: GrantOptions, self) => {
      const invocation = invoke(self, context);
      const named = parsePublisher(what);
      const until =
        options.until === undefined ? undefined : parseUntil(options.until, context.now());
      const { grant } = await ask(invocation, 'grant', {
        body: {
          ...{ subscriber, ...named },
          ...(options.history ? { history: true } : {}),
          ...(until === undefined ? {} : { until }),
        },
      });
      const end = until === undefined ? '' : ` until ${formatTime(timeMs(until)!)}`;
      const reader = subscriber === 'all' ? 'Every space' : subscriber;
      const { publisher, feed = null } = named;
      await showResult(invocation, {
        sentence: `${reader} may have ${described(named)}${end} (grant ${grant}).`,
        title: 'grants',
        columns: plainColumns<Granted>('grant', 'subscriber', 'publisher', 'feed', 'until'),
        rows: [{ grant, subscriber, publisher, feed, until: until ?? null }],
      });
    });

  const ungrant = program
    .command('ungrant')
    .helpGroup(GROUPS.trust)
    .description('take grants back (at ODCM)')
    .argument('<subscriber>', SUBSCRIBER_HELP)
    .argument('<publisher>', PUBLISHER_HELP);
  waits(ungrant).action(
    async (subscriber: string, what: string, options: { wait?: boolean }, self) => {
      const invocation = invoke(self, context);
      const named = parsePublisher(what);
      const query = { subscriber, ...named };
      const { revoked, entry } = await ask(invocation, 'ungrant', { query });
      const { sentences, ...rest } = await aftermath(invocation, {
        ...{ entry, isWaiting: options.wait ?? false },
        space: subscriber === 'all' ? null : subscriber,
      });
      const { publisher, feed = null } = named;
      const grants = revoked === 1 ? '1 grant' : `${revoked} grants`;
      await showResult(invocation, {
        sentence: `Took back ${grants} of ${subscriber} for ${described(named)}.`,
        more: sentences,
        title: 'revocations',
        columns: plainColumns<Ungranted>(
          ...(['revoked', 'subscriber', 'publisher', 'feed', 'entry'] as const),
          ...(['applied', 'of', 'missing', 'feeds', 'readable', 'sensitive'] as const),
        ),
        rows: [{ revoked, subscriber, publisher, feed, entry, ...rest }],
      });
    },
  );
};

const described = ({ publisher, feed }: { publisher: string; feed?: string }): string =>
  feed === undefined ? `all feeds of ${publisher}` : `${publisher}/${feed}`;
