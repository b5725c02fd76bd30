// `odcm grant` and `odcm ungrant`, at ODCM: who may have which feed of whom.

import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { parsePublisher, parseUntil } from './arguments.ts';

const SUBSCRIBER_HELP = "a space, or 'all' for every present and future one";
const PUBLISHER_HELP = 'PUBLISHER/FEED, or PUBLISHER for all its feeds';

interface Granted {
  readonly grant: string;
  readonly subscriber: string;
  readonly publisher: string;
  readonly feed: string | null;
  readonly until: string | null;
}

interface Ungranted {
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
    .action(async (subscriber: string, what: string, options: { until?: string }, self) => {
      const invocation = invoke(self, context);
      const named = parsePublisher(what);
      const until =
        options.until === undefined ? undefined : parseUntil(options.until, context.now());
      const { grant } = await ask(invocation, 'grant', {
        body: { subscriber, ...named, ...(until === undefined ? {} : { until }) },
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

  program
    .command('ungrant')
    .helpGroup(GROUPS.trust)
    .description('take grants back (at ODCM)')
    .argument('<subscriber>', SUBSCRIBER_HELP)
    .argument('<publisher>', PUBLISHER_HELP)
    .action(async (subscriber: string, what: string, _options, self) => {
      const invocation = invoke(self, context);
      const named = parsePublisher(what);
      const { revoked } = await ask(invocation, 'ungrant', { query: { subscriber, ...named } });
      const { publisher, feed = null } = named;
      const grants = revoked === 1 ? '1 grant' : `${revoked} grants`;
      await showResult(invocation, {
        sentence: `Took back ${grants} of ${subscriber} for ${described(named)}.`,
        title: 'revocations',
        columns: plainColumns<Ungranted>('revoked', 'subscriber', 'publisher', 'feed'),
        rows: [{ revoked, subscriber, publisher, feed }],
      });
    });
};

const described = ({ publisher, feed }: { publisher: string; feed?: string }): string =>
  feed === undefined ? `all feeds of ${publisher}` : `${publisher}/${feed}`;
