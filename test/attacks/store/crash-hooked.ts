// How a node is started so that it dies at a named place.

import { fileURLToPath } from 'node:url';
import type { Crashpoint } from '../../../node/crashpoint.ts';
import type { SpawnOptions } from '../../e2e/mesh.ts';

const HOOK = fileURLToPath(new URL('./crash-hook.ts', import.meta.url));

/** It dies when it comes to the place for the so-manieth time. */
export const crashingAt = (place: Crashpoint, count: number): SpawnOptions => ({
  nodeFlags: ['--import', HOOK],
  env: { ODCM_CRASHPOINT: `${place}:${count}` },
});
