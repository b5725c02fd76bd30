// T08: a directory that goes on after two histories, and whoever would use that to roll it back.

import { asMeshError } from '../../../protocols/errors.ts';
import { beginEpoch, forkedDirectory, openEpoch, revokedAt } from '../../sim/epoch-scene.ts';
import type { Row } from '../row.ts';

export const rows: readonly Row[] = [
  {
    id: 'T08',
    what: 'heads of an epoch that is over, and a revocation behind the point, after the directory went on',
    how: 'simulated',
    expected: '0 heads taken, 0 nodes let the space in again, at any time',
    async run({ isLong }) {
      let [taken, played, letIn, looks] = [0, 0, 0, 0];
      for (let seed = 1; seed <= (isLong ? 20 : 1); seed++) {
        const { world, all } = await forkedDirectory(seed);
        const heads = all.map(({ mesh }) => Buffer.from(mesh.directory.log.note!));
        const knew = world.spaces.filter((node) => revokedAt(node, 'platform'));
        const looked = (isDone: boolean) => {
          looks += knew.length;
          letIn += knew.filter((node) => !revokedAt(node, 'platform')).length;
          return isDone;
        };
        const { size } = await openEpoch(world);
        const isWaiting = () => knew.every(({ mesh }) => mesh.directory.isWaiting);
        await world.time.until(() => looked(isWaiting()), 300_000);
        await beginEpoch(world, size);
        const { log } = world.odcm.mesh.directory;
        const isLevel = () =>
          world.honest.every(({ mesh }) => mesh.directory.log.size === log.size);
        await world.time.until(() => looked(isLevel()), 300_000);
        letIn += world.honest.filter((node) => !revokedAt(node, 'platform')).length;
        for (const { mesh } of world.honest)
          for (const head of heads) {
            played++;
            try {
              mesh.directory.judge(head);
              taken++;
            } catch (error) {
              if (asMeshError(error).code !== 'OLD_EPOCH') taken++;
            }
          }
      }
      return {
        measured: `${taken} of ${played} heads taken, let in ${letIn} times in ${looks} looks`,
        pass: taken === 0 && letIn === 0 && played > 0 && looks > 0,
      };
    },
  },
];
