// `odcm inventory set` and `odcm deployments add`: what an Octopus Server says of itself, on its way into the mesh. A file of
// lines of any length is read as fast as the node publishes it.

import { extname } from 'node:path';
import type { Command } from 'commander';
import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type CommandContext, type Invocation, invoke, type Register } from '../command-context.ts';
import { displayText } from '../format/display-text.ts';
import { GROUPS } from '../program.ts';
import { countBytes } from '../progress.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { openContent, openStdin } from './content-file.ts';

type Reported = RouteResult<'reportDeploymentsIn'>;

interface Door {
  readonly command: 'inventory' | 'deployments';
  readonly route: 'reportInventoryIn' | 'reportDeploymentsIn';
  /** What a file of this name holds: one object, or one a line. */
  readonly hasLines: (file: string) => boolean;
}

const STDIN = '-';
const LINE_ENDINGS = new Set(['.jsonl', '.ndjson']);

const INVENTORY: Door = {
  command: 'inventory',
  route: 'reportInventoryIn',
  hasLines: (file) => LINE_ENDINGS.has(extname(file).toLowerCase()),
};

const DEPLOYMENTS: Door = {
  command: 'deployments',
  route: 'reportDeploymentsIn',
  hasLines: (file) => extname(file).toLowerCase() !== '.json',
};

/** Another command of that name shows what is known; both stand under one word. */
const groupOf = (program: Command, name: string): Command =>
  program.commands.find((command) => command.name() === name) ??
  program.command(name).helpGroup(GROUPS.feeds);

export const registerInventorySet: Register = (program, context) => {
  const group = groupOf(program, 'inventory');
  if (group.description() === '') group.description('what this space tells the mesh of its server');
  group
    .command('set')
    .description('server version, projects and targets of this space as they are now')
    .argument('<file>', 'JSON with serverVersion, projects, targets, takenAt; - is standard input')
    .action((file: string, _: unknown, self: Command) => send(self, context, INVENTORY, file));
};

export const registerDeploymentsAdd: Register = (program, context) => {
  const group = groupOf(program, 'deployments');
  if (group.description() === '') group.description('deployments of spaces');
  group
    .command('add')
    .description('deployments of this space that ended, in any number')
    .argument('<file>', 'one JSON object (.json), or one a line; - is standard input, by lines')
    .action((file: string, _: unknown, self: Command) => send(self, context, DEPLOYMENTS, file));
};

async function send(
  self: Command,
  context: CommandContext,
  door: Door,
  file: string,
): Promise<void> {
  const invocation = invoke(self, context);
  const result = await upload(invocation, door, file);
  const { feed, created, published, unchanged, refused, refusedCount, next } = result;
  for (const { line, code, message } of refused)
    invocation.output.say(`odcm: line ${line}: ${code}: ${displayText(message)}`);
  if (refusedCount > refused.length)
    invocation.output.say(`odcm: and ${refusedCount - refused.length} more lines`);
  await showResult(invocation, {
    sentence: `${created ? 'created' : 'to'} ${feed}: published ${published}, unchanged ${unchanged}, refused ${refusedCount}`,
    title: 'reports',
    columns: plainColumns<Reported>('feed', 'created', 'published', 'unchanged', 'refusedCount'),
    rows: [result],
  });
  if (next !== null && invocation.options.format === 'text') invocation.output.say(next);
  if (refusedCount > 0) context.exit.code = 1;
}

async function upload(
  invocation: Invocation,
  { command, route, hasLines }: Door,
  file: string,
): Promise<Reported> {
  const { client, context, signal } = invocation;
  const isStdin = file === STDIN;
  const content = await (isStdin ? openStdin(context.stdin) : openContent(file));
  const progress = invocation.progress(command, 'bytes', content.sizeBytes);
  const { path, result } = ROUTES[route];
  try {
    const answer = await client.upload(path, countBytes(content.pieces, progress), {
      signal,
      contentType: hasLines(file) ? 'application/x-ndjson' : 'application/json',
      // Whoever writes into the pipe may take any time.
      timeoutMs: isStdin ? 0 : LIMITS.streamIdleMs,
      parse: (value) => result.parse(value),
    });
    progress.finish();
    return answer;
  } finally {
    progress.clear();
    await content.close();
  }
}
