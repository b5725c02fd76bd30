// The composition root of the program: which commands there are. The only place that knows both node/ and tui/; what a
// command needs is loaded when it runs.

import { invoke, processContext, type Register } from '../tui/command-context.ts';
import { remoteCommands } from '../tui/commands.ts';
import { createProgram, GROUPS } from '../tui/program.ts';
import { registerCa } from './commands/ca.ts';
import { registerFsck } from './commands/fsck.ts';
import { registerInit } from './commands/init.ts';
import { registerInspect } from './commands/inspect.ts';
import { registerJoin } from './commands/join.ts';
import { registerKeys } from './commands/keys.ts';
import { registerRoot } from './commands/root.ts';
import { registerRun } from './commands/run.ts';
import type { LongShell } from './commands/shell.ts';
import { VERSION } from './version.ts';

const context = processContext();
const shell = (group: string): LongShell => ({
  group,
  invoke: (command) => invoke(command, context),
});
const localCommands: Register[] = [
  (program) => registerInit(program, shell(GROUPS.trust)),
  (program) => registerJoin(program, shell(GROUPS.trust)),
  (program) => registerRoot(program, shell(GROUPS.trust)),
  (program) => registerCa(program, shell(GROUPS.trust)),
  (program) => registerKeys(program, shell(GROUPS.trust)),
  (program) => registerRun(program, shell(GROUPS.running)),
  (program) => registerFsck(program, shell(GROUPS.running)),
  (program) => registerInspect(program, shell(GROUPS.gap)),
];

process.exitCode = await createProgram({
  version: VERSION,
  context,
  localCommands,
  remoteCommands,
}).run(process.argv.slice(2));
