// Life in the mesh after the scenarios: every few seconds some space publishes a small new version.

import { isMeshError } from '../../protocols/errors.ts';
import type { Delay } from '../watch.ts';
import type { DemoMesh, Space } from './mesh.ts';
import { connectionStrings } from './samples.ts';

const PAUSE_MS = 2_500;

interface Deed {
  readonly space: Space;
  publish(mesh: DemoMesh, round: number): Promise<unknown>;
}

const event =
  (space: Space, feed: string, draft: (round: number) => { item: string; payload: object }) =>
  (mesh: DemoMesh, round: number): Promise<unknown> =>
    mesh.rows(space, 'publishEvents', {
      query: { feed: `${space}/${feed}` },
      body: { drafts: [draft(round) as { item: string; payload: never }] },
    });

const pick = <T>(values: readonly T[], round: number): T => values[round % values.length]!;

const PROJECTS = ['web-shop', 'checkout', 'invoicing'];
const PEOPLE = ['Barry', 'Lisa', 'Bob', 'Geoff'];

const DEEDS: readonly Deed[] = [
  {
    space: 'payments',
    publish: event('payments', 'releases', (round) => ({
      item: pick(PROJECTS, round),
      payload: { ProjectName: pick(PROJECTS, round), Version: `4.12.${round}`, ReleaseNotes: '' },
    })),
  },
  {
    space: 'shipping',
    publish: event('shipping', 'deployments', (round) => ({
      item: `${pick(PROJECTS, round)}-test`,
      payload: {
        ProjectName: pick(PROJECTS, round),
        ReleaseVersion: `4.12.${round}`,
        EnvironmentName: 'Test',
        State: 'Success',
        DeployedBy: pick(PEOPLE, round),
      },
    })),
  },
  {
    space: 'platform',
    publish: (mesh, round) =>
      mesh.publish('platform', 'shared-variables', connectionStrings(3 + round)),
  },
  {
    space: 'identity',
    publish: event('identity', 'users', (round) => ({
      item: pick(PEOPLE, round).toLowerCase(),
      payload: { DisplayName: pick(PEOPLE, round), IsActive: true, Logins: round },
    })),
  },
];

/** Until told to stop; a space that is away publishes nothing and spoils nothing. */
export async function live(mesh: DemoMesh, delay: Delay, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const deed = pick(DEEDS, turn);
    try {
      await deed.publish(mesh, Math.floor(turn / DEEDS.length));
    } catch (error) {
      if (!signal.aborted && !isMeshError(error)) throw error;
    }
    await delay(PAUSE_MS, signal).catch(() => undefined);
  }
}
