// Loaded before the program (`node --import`), this is the only thing that ever ends a process at a named place:
// ODCM_CRASHPOINT=NAME:COUNT kills it when it comes there for the COUNT-th time, as a power cut of the process would.

import { CRASHPOINTS, onCrashpoint } from '../../../node/crashpoint.ts';

const [name, count] = (process.env['ODCM_CRASHPOINT'] ?? '').split(':');
let left = Number(count ?? 1);
if (!CRASHPOINTS.some((known) => known === name)) throw new Error(`no such crash point: ${name}`);
onCrashpoint((place) => {
  if (place === name && --left === 0) process.kill(process.pid, 'SIGKILL');
});
