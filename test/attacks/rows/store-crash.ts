// Processes that are killed at every named place in the order of their writes.

import type { Row } from '../row.ts';
import { IMPORT_PLACES, ImportCrashes } from '../store/crash-import.ts';
import { CrashMesh, MESH_PLACES } from '../store/crash-mesh.ts';

/** Every place at which some row kills. */
/** Those of the intake are in both: a bundle comes by them as well. */
export const KILLED_AT = [...new Set([...MESH_PLACES, ...IMPORT_PLACES])];

const onlyLong = 'starts and kills a process for each place';

export const rows: readonly Row[] = [
  {
    id: 'C01',
    what: `SIGKILL at ${MESH_PLACES.length} named places while publishing, fetching, carrying, writing the directory, enrolling, mending, changing keys`,
    how: 'processes',
    expected: '0 lost, 0 forks',
    onlyLong,
    run: async ({ kills, log }) => {
      const crash = new CrashMesh();
      try {
        await crash.begin();
        for (const place of MESH_PLACES) {
          for (let i = 0; i < kills; i++) await crash.visit(place, i);
          log(`${place}: ${crash.lost} lost, ${crash.forks} forks after ${crash.kills} kills`);
        }
      } finally {
        await crash.close();
      }
      const { lost, forks } = crash;
      return {
        measured: `${lost} lost, ${forks} forks after ${crash.kills} kills`,
        pass: lost === 0 && forks === 0 && crash.kills === MESH_PLACES.length * kills,
      };
    },
  },
  {
    id: 'C01',
    what: `SIGKILL at ${IMPORT_PLACES.length} named places while a bundle is imported`,
    how: 'processes',
    expected: '0 partial: nothing or everything after the next start',
    onlyLong,
    run: async ({ kills, log }) => {
      const crashes = new ImportCrashes();
      try {
        await crashes.begin();
        for (const place of IMPORT_PLACES) {
          for (let i = 0; i < kills; i++) await crashes.visit(place);
          log(`${place}: ${crashes.partial} partial after ${crashes.kills} kills`);
        }
      } finally {
        await crashes.close();
      }
      return {
        measured: `${crashes.partial} partial after ${crashes.kills} kills`,
        pass: crashes.partial === 0 && crashes.kills === IMPORT_PLACES.length * kills,
      };
    },
  },
];
