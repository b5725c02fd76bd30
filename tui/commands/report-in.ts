// `odcm inventory set` and `odcm deployments add`: what an Octopus Server says of itself, on its way into the mesh. A file of
// lines of any length is read as fast as the node publishes it.

import { extname } from 'node:path';
import type { Command } from 'commander';
import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
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
  /** What to ask help for. */
  readonly help: string;
  readonly route: 'reportInventoryIn' | 'reportDeploymentsIn';
  /** What a file of this name holds: one object, or one a line. */
  readonly hasLines: (file: string) => boolean;
}

const STDIN = '-';
const LINE_ENDINGS = new Set(['.jsonl', '.ndjson']);

const INVENTORY: Door = {
  command: 'inventory',
  help: 'inventory set',
  route: 'reportInventoryIn',
  hasLines: (file) => LINE_ENDINGS.has(extname(file).toLowerCase()),
};

const DEPLOYMENTS: Door = {
  command: 'deployments',
  help: 'deployments add',
  route: 'reportDeploymentsIn',
  hasLines: (file) => extname(file).toLowerCase() !== '.json',
};

export const INVENTORY_SHAPE = {
  serverVersion: '2026.3.1634',
  serverUrl: 'https://octopus.example.org',
  projects: 74,
  targets: { healthy: 820, unhealthy: 2, disabled: 3 },
  tags: ['production'],
  takenAt: '2026-11-21T10:40:00Z',
};

export const DEPLOYMENT_SHAPE = {
  ...{ id: 'ServerTasks-4711', project: 'web', release: '4.12.0', environment: 'Production' },
  ...{ outcome: 'failed', startedAt: '2026-11-21T10:30:00Z', endedAt: '2026-11-21T10:34:10Z' },
  ...{ by: 'Lisa', reason: 'step 4 ended with 1' },
};

const shapeText = (shape: object): string =>
  `\nWhat stands in it, such as:\n  ${JSON.stringify(shape, null, 1).replaceAll(/\s*\n\s*/g, ' ')}\n`;

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
    .argument('<file>', 'one JSON object; - is standard input')
    .addHelpText('after', shapeText(INVENTORY_SHAPE))
    .action((file: string, _: unknown, self: Command) => send(self, context, INVENTORY, file));
};

export const registerDeploymentsAdd: Register = (program, context) => {
  const group = groupOf(program, 'deployments');
  if (group.description() === '') group.description('deployments of spaces');
  group
    .command('add')
    .description('deployments of this space that ended, in any number')
    .argument('<file>', 'one JSON object (.json), or one a line; - is standard input, by lines')
    .addHelpText('after', shapeText(DEPLOYMENT_SHAPE))
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
  if (refusedCount > 0)
    invocation.output.say(`odcm: See what a line must hold: odcm help ${door.help}`);
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
  { command, route, hasLines, help }: Door,
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
  } catch (error) {
    throw isMeshError(error, 'EVENT_INVALID')
      ? new MeshError('EVENT_INVALID', error.message, {
          next: `See what it must hold: odcm help ${help}`,
          cause: error,
        })
      : error;
  } finally {
    progress.clear();
    await content.close();
  }
}
