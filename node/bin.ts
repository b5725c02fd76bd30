// The composition root of the program: which commands there are. The only place that knows both node/ and tui/; what a
// command needs is loaded when it runs.

import { invoke, processContext, type Register } from '../tui/command-context.ts';
import { type CommandSource, loadCommands } from '../tui/command-source.ts';
import { remoteCommands } from '../tui/commands.ts';
import { createProgram, GROUPS } from '../tui/program.ts';
import type { LongShell } from './commands/shell.ts';
import { VERSION } from './version.ts';

const context = processContext();

/** A command that works on the node's folder itself. */
const local = (
  group: string,
  add: (...to: [Parameters<Register>[0], LongShell]) => void,
): Register => {
  const shell: LongShell = { group, invoke: (command) => invoke(command, context) };
  return (program) => add(program, shell);
};

const { trust, running, gap } = GROUPS;
const localCommands: readonly CommandSource[] = [
  ['init', async () => local(trust, (await import('./commands/init.ts')).registerInit)],
  ['join', async () => local(trust, (await import('./commands/join.ts')).registerJoin)],
  ['root', async () => local(trust, (await import('./commands/root.ts')).registerRoot)],
  ['ca', async () => local(trust, (await import('./commands/ca.ts')).registerCa)],
  ['keys', async () => local(trust, (await import('./commands/keys.ts')).registerKeys)],
  ['run', async () => local(running, (await import('./commands/run.ts')).registerRun)],
  ['fsck', async () => local(running, (await import('./commands/fsck.ts')).registerFsck)],
  ['inspect', async () => local(gap, (await import('./commands/inspect.ts')).registerInspect)],
];

const args = process.argv.slice(2);
const commands = await loadCommands([...localCommands, ...remoteCommands], args[0]);
process.exitCode = await createProgram({ version: VERSION, context, commands }).run(args);
