// The commands of the program as its own help lists them, and as a table for people. The program is run, so that a command
// which is not there cannot be listed, whatever the sources look like.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from './repository.ts';

export interface ListedCommand {
  readonly group: string;
  /** Name and arguments: `grant SUBSCRIBER PUBLISHER`. */
  readonly usage: string;
  readonly does: string;
}

/** Commands that only hold others: their own list stands in their place. */
const HOLDERS = ['feed'];
const GROUPS = ['Trust', 'Running', 'Feeds', 'Reading'];

const run = promisify(execFile);

async function help(...command: string[]): Promise<string> {
  const entry = join(repository, 'node/odcm.mjs');
  return (await run(process.execPath, [entry, ...command, '--help'])).stdout;
}

export async function listCommands(): Promise<ListedCommand[]> {
  const all: ListedCommand[] = [];
  for (const command of parseHelp(await help())) {
    if (!GROUPS.includes(command.group)) continue;
    const holder = HOLDERS.find((name) => command.usage === name);
    if (holder === undefined) all.push(command);
    else {
      const held = parseHelp(await help(holder)).filter(({ group }) => group === 'Commands');
      for (const { usage, does } of held.filter((child) => !child.usage.startsWith('help'))) {
        all.push({ group: command.group, usage: `${holder} ${usage}`, does });
      }
    }
  }
  return all;
}

/** Headings stand at the margin, terms two columns in, and what was wrapped further in. */
export function parseHelp(text: string): ListedCommand[] {
  const rows: ListedCommand[] = [];
  let group = '';
  for (const line of text.split('\n')) {
    const heading = /^(\S[^:]*):$/.exec(line)?.[1];
    const row = /^ {2}([a-z].*?) {2,}(\S.*)$/.exec(line);
    const more = /^ {4,}(\S.*)$/.exec(line)?.[1];
    const last = rows.at(-1);
    if (heading !== undefined) group = heading;
    else if (row) rows.push({ group, usage: usageOf(row[1]!), does: row[2]! });
    else if (more !== undefined && last?.group === group) {
      rows[rows.length - 1] = { ...last, does: `${last.does} ${more}` };
    }
  }
  return rows;
}

/** `withdraw [options] <feed> <items...>` gives `withdraw FEED ITEM…`. */
function usageOf(term: string): string {
  return term
    .replace(/s\.\.\.([>\]])/, '…$1')
    .replace(/ \[options\]/, '')
    .replaceAll(/<([^>]+)>/g, (_, name: string) => name.toUpperCase())
    .replaceAll(/\[([^\]]+)\]/g, (_, name: string) => `[${name.toUpperCase()}]`);
}

export function commandTable(commands: readonly ListedCommand[]): string {
  const lines = ['| command | does |', '| --- | --- |'];
  let group = '';
  for (const command of commands) {
    if (command.group !== group) lines.push(`| **${command.group}** | |`);
    group = command.group;
    lines.push(`| \`odcm ${command.usage}\` | ${command.does} |`);
  }
  return `${lines.join('\n')}\n`;
}
