// Processes that are killed at every named place in the order of their writes.

import { CRASHPOINTS, type Crashpoint } from '../../../node/crashpoint.ts';
import type { Row } from '../row.ts';
import { CrashMesh } from '../store/crash-mesh.ts';

/** Reached by the parts that they belong to, whose own tests go there. */
const ELSEWHERE: readonly Crashpoint[] = [
  'carry.before-erase',
  'rotate.before-switch',
  'rotate.after-switch',
];
const PLACES = CRASHPOINTS.filter(
  (place) => !ELSEWHERE.includes(place) && !place.startsWith('import.'),
);

export const rows: readonly Row[] = [
  {
    id: 'C01',
    what: `SIGKILL at ${PLACES.length} named places while publishing, fetching, writing the directory, enrolling, mending`,
    how: 'processes',
    expected: '0 lost, 0 forks',
    onlyLong: 'starts and kills a process for each place',
    run: async ({ kills, log }) => {
      const crash = new CrashMesh();
      try {
        await crash.begin();
        for (const place of PLACES) {
          for (let i = 0; i < kills; i++) {
            if (place.startsWith('mend')) await crash.damage();
            await crash.visit(place, 1 + (i % 3));
          }
          log(`${place}: ${crash.lost} lost, ${crash.forks} forks`);
        }
      } finally {
        await crash.close();
      }
      const { lost, forks } = crash;
      return {
        measured: `${lost} lost, ${forks} forks after ${crash.kills} kills`,
        pass: lost === 0 && forks === 0 && crash.kills === PLACES.length * kills,
      };
    },
  },
];
