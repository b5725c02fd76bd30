// `odcm get FEED ITEM`: the content of an item, byte for byte and checked against its hash; with `--evidence` what
// proves it instead.

import { createHash } from 'node:crypto';
import { CONTENT_HEADERS, ROUTES } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { queryOf } from '../ask.ts';
import { answerFault } from '../client-errors.ts';
import { type Invocation, invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { countBytes } from '../progress.ts';
import { FEED_HELP, parseCount } from './arguments.ts';
import { showEvidence } from './evidence.ts';
import { refuseControls } from './terminal-safe.ts';

export interface ItemQuery {
  readonly feed: string;
  readonly item: string;
  readonly version?: number;
}

export const register: Register = (program, context) => {
  program
    .command('get')
    .helpGroup(GROUPS.reading)
    .description('the content of an item, byte for byte')
    .argument('<feed>', FEED_HELP)
    .argument('<item>', 'name of the item')
    .option('--version <number>', 'an older version')
    .option('--evidence', 'what proves it: envelope, leaf and checkpoint')
    .action(
      async (
        feed: string,
        item: string,
        options: { version?: string; evidence?: boolean },
        self,
      ) => {
        const invocation = invoke(self, context);
        const version = parseCount('--version', options.version);
        const query = { feed, item, ...(version === undefined ? {} : { version }) };
        if (options.evidence) return await showEvidence(invocation, query);
        if (invocation.options.format !== 'text') {
          throw new MeshError('USAGE', 'content comes as it is, in no other format', {
            next: 'Leave --format and --json out, or add --evidence.',
          });
        }
        await writeContent(invocation, query);
      },
    );
};

async function writeContent(invocation: Invocation, query: ItemQuery): Promise<void> {
  const { client, context, output, signal, terminal } = invocation;
  const { method, path } = ROUTES.content;
  const { headers, chunks } = await client.download(path, {
    signal,
    query: queryOf<'content'>(query),
  });
  const promised = headers[CONTENT_HEADERS.sha256];
  if (typeof promised !== 'string' || !/^[0-9a-f]{64}$/i.test(promised)) {
    await chunks.return();
    throw answerFault({ home: client.home, method, path }, 'does not say the hash of the content');
  }
  const content = verified(chunks, promised.toLowerCase(), query);
  if (terminal.isTerminal) {
    await output.writeAll(refuseControls(content, quote(query.item)));
    return;
  }
  const totalBytes = Number(headers['content-length']);
  const progress = invocation.progress(
    query.item,
    'bytes',
    Number.isSafeInteger(totalBytes) ? totalBytes : undefined,
  );
  try {
    await output.writeAll(countBytes(content, progress));
    if (output.file !== undefined && !context.signal.aborted) progress.finish();
  } finally {
    progress.clear();
  }
}

/** The last byte is out before a lie can be known: a file is then not written, and the exit code says so. */
async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  promised: string,
  { feed, item }: ItemQuery,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  const arrived = hash.digest('hex');
  if (arrived === promised) return;
  throw new MeshError(
    'HASH_MISMATCH',
    `what arrived of ${quote(item)} in ${quote(feed)} is damaged`,
    {
      next: 'Do not use it; try again, and check the store with: odcm fsck',
      detail: { promised, arrived },
    },
  );
}
