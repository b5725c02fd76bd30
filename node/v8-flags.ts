// How V8 is to run a node: docs/decisions/0013-v8-flags.md has what each is for and what was measured. Benchmarks and attacks
// start their processes with the same.

/**
 * Of a node, which lives for long. Settled when V8 starts: objects that have just been made get at most 16 MiB, twice, before they
 * are looked through. And everything is looked through when memory has doubled since the last time, not before.
 */
export const EARLY_FLAGS: readonly string[] = [
  '--max-semi-space-size=16',
  '--heap-growing-percent=100',
];
/** Bytes outside the heap count as a part of all memory. */
export const LATE_FLAGS: readonly string[] = ['--external-memory-accounted-in-global-limit'];
export const NODE_FLAGS: readonly string[] = [...LATE_FLAGS, ...EARLY_FLAGS];

/** Those of the flags of which neither the command line nor NODE_OPTIONS says anything. */
export function missingOf(
  flags: readonly string[],
  execArgv: readonly string[],
  nodeOptions = '',
): string[] {
  const given = [...execArgv, ...nodeOptions.split(/\s+/)].map(nameOf);
  return flags.filter((flag) => !given.includes(nameOf(flag)));
}

const nameOf = (flag: string): string =>
  flag
    .replace(/=.*/s, '')
    .replaceAll('_', '-')
    .replace(/^--no-/, '--');
