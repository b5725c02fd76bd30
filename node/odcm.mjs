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
  // V8 counts memory outside its heap, the bytes of every message, against a small fixed limit, and collects the whole heap
  // each time it is reached; so it counts as a part of all memory (docs/PERFORMANCE.md has what that saves).
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  const { enableCompileCache } = await import('node:module');
  enableCompileCache?.();
  await import('./bin.ts');
}
