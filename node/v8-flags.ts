// How V8 is to run a node: docs/decisions/0013-v8-flags.md has what each is for and what was measured. Benchmarks and attacks
// start their processes with the same.

/**
 * Bytes outside the heap count as a part of all memory; objects that have just been made get at most 16 MiB, twice, before
 * they are looked through.
 */
export const NODE_FLAGS: readonly string[] = [
  '--external-memory-accounted-in-global-limit',
  '--max-semi-space-size=16',
];

/** Those of them that neither the command line nor NODE_OPTIONS says anything about. */
export function missingFlags(execArgv: readonly string[], nodeOptions = ''): string[] {
  const given = [...execArgv, ...nodeOptions.split(/\s+/)].map(nameOf);
  return NODE_FLAGS.filter((flag) => !given.includes(nameOf(flag)));
}

const nameOf = (flag: string): string => flag.replace(/=.*/s, '').replaceAll('_', '-');
