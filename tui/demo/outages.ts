// Spaces that go away and come back while somebody looks: one after the other is stopped, and whichever has been away for
// a while is started again, whoever ended it.

import { type DemoMesh, SPACES, type Space } from './mesh.ts';

export interface Around {
  readonly mesh: Pick<DemoMesh, 'isRunning' | 'start' | 'stop'>;
  /** Of a clock that only goes forward. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly pause: (ms: number) => Promise<void>;
  /** Does something that may fail because a space is away. */
  readonly attempt: (act: () => Promise<unknown>) => Promise<void>;
}

const VICTIMS: readonly Space[] = ['shipping', 'payments', 'ledger'];
const FIRST_MS = 8_000;
const BETWEEN_MS = 100_000;
/** Long enough to be noticed, told as an alert, and looked at. */
const AWAY_MS = 45_000;
const LOOK_MS = 1_000;

export async function takeAway({ mesh, signal, pause, attempt }: Around): Promise<void> {
  await pause(FIRST_MS);
  for (let turn = 0; !signal.aborted; turn += 1) {
    const space = VICTIMS[turn % VICTIMS.length]!;
    if (mesh.isRunning(space)) await attempt(() => mesh.stop(space));
    await pause(BETWEEN_MS);
  }
}

export async function bringBack({ mesh, nowMs, signal, pause, attempt }: Around): Promise<void> {
  const awaySinceMs = new Map<Space, number>();
  while (!signal.aborted) {
    const atMs = nowMs();
    for (const space of SPACES) {
      if (mesh.isRunning(space)) awaySinceMs.delete(space);
      else if (!awaySinceMs.has(space)) awaySinceMs.set(space, atMs);
      else if (atMs - awaySinceMs.get(space)! >= AWAY_MS) {
        awaySinceMs.delete(space);
        await attempt(() => mesh.start(space));
      }
    }
    await pause(LOOK_MS);
  }
}
