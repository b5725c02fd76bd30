// `odcm invite` and `odcm enrolments`, at ODCM: tokens given out, and who came with them.

import { resolve } from 'node:path';
import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ask, askKnown } from '../ask.ts';
import { type Invocation, invoke, type Register } from '../command-context.ts';
import type { Column } from '../format/cell.ts';
import { formatDuration, parseDuration } from '../format/duration.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { plainColumns, showResult } from '../show-result.ts';

type Enrolment = RouteResult<'enrolments'>;

const ENROLMENT_COLUMNS: readonly Column<Enrolment>[] = [
  { key: 'space', title: 'space' },
  {
    key: 'state',
    title: 'state',
    tone: (_, { state }) => (state === 'joined' ? 'good' : state === 'expired' ? 'dim' : undefined),
  },
  { key: 'expiresAt', title: 'token expires', kind: 'time' },
  { key: 'words', title: 'words' },
];

export const register: Register = (program, context) => {
  program
    .command('invite')
    .helpGroup(GROUPS.trust)
    .description('a token that lets a new space join once (at ODCM)')
    .argument('<space>', 'the name the new space will have')
    .option(
      '--ttl <duration>',
      `how long it is good (default: ${formatDuration(LIMITS.tokenTtlMs)})`,
    )
    .option('--offer <file>', 'write a file for a site without a network instead (odcm enrol)')
    .action(async (space: string, { ttl, offer }: { ttl?: string; offer?: string }, self) => {
      const invocation = invoke(self, context);
      if (offer !== undefined) {
        await offerByFile(invocation, space, resolve(offer), ttl);
        return;
      }
      const { output, options } = invocation;
      const result = await ask(invocation, 'invite', {
        body: { space, ...(ttl === undefined ? {} : { ttlMs: parseTtl(ttl) }) },
      });
      // The token stands alone on standard output, so that it can be piped.
      await showResult(invocation, {
        sentence: result.token,
        title: 'invites',
        columns: plainColumns<typeof result>('token', 'space', 'expiresAt'),
        rows: [result],
      });
      if (options.format !== 'text') return;
      const until = formatTime(timeMs(result.expiresAt)!);
      output.say(`This token lets ${result.space} join once, until ${until}. Keep it secret.`);
      output.say('At the new node: odcm join TOKEN. Then compare the six words: odcm enrolments');
    });

  const enrolments = program
    .command('enrolments')
    .helpGroup(GROUPS.trust)
    .description('tokens given out, who came, and the six words to compare (at ODCM)');
  reads(enrolments).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'enrolments');
      const count = (state: Enrolment['state']): number =>
        rows.filter((row) => row.state === state).length;
      return {
        report: {
          title: 'enrolments',
          columns: ENROLMENT_COLUMNS,
          rows,
          asOf,
          target: status.name,
          notes: rows.some((row) => row.words !== null)
            ? [
                'The words must be the same as on the screen of the space. If not: odcm revoke SPACE',
              ]
            : [],
          empty: 'No token was given out. Make one with: odcm invite SPACE',
        },
        figures: {
          invited: count('invited'),
          joined: count('joined'),
          expired: count('expired'),
        },
      };
    }),
  );
};

async function offerByFile(
  invocation: Invocation,
  space: string,
  path: string,
  ttl: string | undefined,
): Promise<void> {
  const life = ttl === undefined ? {} : { ttlMs: parseTtl(ttl, LIMITS.offerTtlMaxMs) };
  const offered = await ask(invocation, 'offerByFile', { body: { space, path, ...life } });
  const until = formatTime(timeMs(offered.expiresAt)!);
  await showResult(invocation, {
    sentence: `${path} lets ${offered.space} ask to join once, until ${until}. Keep it secret.`,
    more: [
      `At the site: odcm join --offer FILE --request FILE`,
      'Then here: odcm enrol REQUEST --answer FILE',
    ],
    title: 'offers',
    columns: plainColumns<typeof offered>('space', 'path', 'expiresAt'),
    rows: [offered],
  });
}

function parseTtl(text: string, mostMs: number = LIMITS.tokenTtlMaxMs): number {
  const ttlMs = parseDuration(text);
  if (ttlMs > 0 && ttlMs <= mostMs) return ttlMs;
  throw new MeshError('USAGE', `--ttl ${quote(text)} is out of range`, {
    next: `It is good for at most ${formatDuration(mostMs)}.`,
  });
}
