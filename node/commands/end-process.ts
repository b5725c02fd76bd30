// The end of a process that has nothing left to do. Timers that libraries forget would keep it for a second or more.

const GRACE_MS = 50;

/**
 * Ends the process shortly, once its exit code is set and what it wrote is taken over. A process that can end by itself
 * does so before.
 */
export function endSoon(): void {
  setTimeout(() => {
    // Who ran the command has not said yet how it went: ending now would say that all is well.
    if (process.exitCode === undefined) return endSoon();
    process.stdout.write('', () => process.stderr.write('', () => process.exit()));
  }, GRACE_MS).unref();
}
