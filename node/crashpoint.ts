// Named places in the order of writes at which a test ends the process, to see that nothing is lost there. In production a
// place is one comparison: only an entry of the tests installs a hook, no setting and no environment does.

/** Every place, so that a test can visit all of them. */
export const CRASHPOINTS = [
  'publish.before-blocks',
  'publish.before-sync',
  'publish.after-sync',
  'publish.before-release',
  'intake.before-write',
  'intake.after-write',
  'directory.before-date',
  'directory.after-date',
  'enrol.before-append',
  'enrol.after-append',
  'carry.before-erase',
  'rotate.before-switch',
  'rotate.after-switch',
  'mend.before-write',
  'mend.after-write',
  'scrub.before-mark',
  'import.after-copy',
  'import.after-stage',
  'import.before-apply',
  'import.after-begin',
  'import.after-pack',
  'import.after-log',
  'import.before-receipt',
  'import.after-receipt',
] as const;

export type Crashpoint = (typeof CRASHPOINTS)[number];

let hook: ((name: Crashpoint) => void) | undefined;

export function crashpoint(name: Crashpoint): void {
  if (hook !== undefined) hook(name);
}

/** For tests: `undefined` takes the hook away. */
export function onCrashpoint(run: ((name: Crashpoint) => void) | undefined): void {
  hook = run;
}
