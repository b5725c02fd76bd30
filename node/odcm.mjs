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
  const { missingFlags } = await import('./v8-flags.ts');
  const flags = missingFlags(process.execArgv, process.env.NODE_OPTIONS);
  // The size of V8's young generation is settled before the first line of a program. A node lives for long: it starts over with
  // its flags, in the same process, where the system can do that.
  if (process.argv[2] === 'run' && flags.length > 0 && process.platform !== 'win32') {
    const args = [...flags, ...process.execArgv, ...process.argv.slice(1)];
    process.execve(process.execPath, [process.execPath, ...args], process.env);
  }
  const { setFlagsFromString } = await import('node:v8');
  for (const flag of flags) setFlagsFromString(flag);
  await import('./bin.ts');
}
