#!/usr/bin/env node
// The entry of the program `odcm`. Plain JavaScript that any Node can read: it says which Node is needed before
// anything that needs it is loaded (static imports would be loaded before this line runs).

const NEEDED = 24;
const major = Number(process.versions.node.split('.')[0]);
if (major < NEEDED) {
  process.stderr.write(
    `odcm: needs Node ${NEEDED} or newer and was started by Node ${process.versions.node}; in the project folder 'npx odcm' brings its own.\n`,
  );
  process.exitCode = 1;
} else {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache?.();
  const { EARLY_FLAGS, LATE_FLAGS, missingOf } = await import('./v8-flags.ts');
  const { execArgv, argv, env } = process;
  // What is settled before the first line of a program: a node, which lives for long, starts over with it, in the same process,
  // where the system can do that.
  const early = missingOf(EARLY_FLAGS, execArgv, env.NODE_OPTIONS);
  if (argv.slice(2).includes('run') && early.length > 0 && process.platform !== 'win32')
    process.execve(
      process.execPath,
      [process.execPath, ...early, ...execArgv, ...argv.slice(1)],
      env,
    );
  const { setFlagsFromString } = await import('node:v8');
  for (const flag of missingOf(LATE_FLAGS, execArgv, env.NODE_OPTIONS)) setFlagsFromString(flag);
  await import('./bin.ts');
}
