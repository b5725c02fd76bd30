// Files of databases that are cut off, zeroed or gone.

import type { Row } from '../row.ts';
import { SURGERIES, TornMesh } from '../store/torn-files.ts';

export const rows: readonly Row[] = [
  {
    id: 'C03',
    what: 'CURRENT missing or empty, MANIFEST, log and table torn, pages zeroed, at a subscriber and at a publisher',
    how: 'processes',
    expected: 'each found, each equal again in the end',
    onlyLong: 'kills and starts a process for each kind of damage',
    run: async ({ log }) => {
      const torn = new TornMesh();
      let [count, found] = [0, 0];
      try {
        await torn.begin();
        for (const [name, database] of [
          ['platform', 'log'],
          ['platform', 'blocks'],
          ['platform', 'views'],
          ['library', 'log'],
        ] as const)
          for (const surgery of SURGERIES) {
            // A store of blocks may be so young that all of it is in its write-ahead log.
            if (database !== 'log' && /table/.test(surgery.name)) continue;
            const { what, isFound, wasSetAside } = await torn.operate(name, database, surgery);
            count++;
            if (isFound || surgery.isQuiet) found++;
            log(
              `${what}: ${isFound ? 'found' : 'not seen'}${wasSetAside ? ', set aside' : ''}, equal again`,
            );
          }
      } finally {
        await torn.close();
      }
      return { measured: `${found} of ${count} found and equal again`, pass: found === count };
    },
  },
];
