// Life in the mesh while somebody looks at the dashboard: deployments end, targets fall ill and recover, releases come
// out, one feed is fetched now and then only and so lags, spaces go away and come back.

import { isMeshError } from '../../protocols/errors.ts';
import type { Delay } from '../watch.ts';
import { type DemoMesh, ODCM, SPACES, type Space } from './mesh.ts';
import { type Around, bringBack, takeAway } from './outages.ts';
import { dice, inventoryOf, nextDeployment } from './sample-reports.ts';
import { connectionStrings } from './samples.ts';

/** Taken by ODCM at intervals only, so that it falls behind in between. */
const LAGGING = { space: 'identity', feed: 'identity/users', everyMs: 110_000 } as const;
/** Busier ones stand there more often. */
const DEPLOYING: readonly Space[] = [...SPACES, 'payments', 'payments', 'shipping'];
const PROJECTS = ['web-shop', 'checkout', 'invoicing'];
const PEOPLE = ['Barry', 'Lisa', 'Bob', 'Geoff'];

/** What life needs of the mesh. */
export type LivingMesh = Around['mesh'] & Pick<DemoMesh, 'ask' | 'publish' | 'report' | 'rows'>;

/** One thing that happens again and again. */
interface Habit {
  readonly everyMs: number;
  act(turn: number): Promise<unknown>;
}

const pick = <T>(values: readonly T[], turn: number): T => values[turn % values.length]!;

function habitsOf(mesh: LivingMesh): Habit[] {
  const random = dice(20_26);
  const event = (space: Space, feed: string, item: string, payload: object): Promise<unknown> =>
    mesh.rows(space, 'publishEvents', {
      query: { feed: `${space}/${feed}` },
      body: { drafts: [{ item, payload: payload as never }] },
    });
  return [
    {
      everyMs: 6_000,
      act: (turn) => {
        const space = DEPLOYING[Math.floor(random() * DEPLOYING.length)]!;
        const deployment = nextDeployment(space, turn, Date.now(), random);
        return mesh.report(space, 'deployments', [deployment]);
      },
    },
    {
      everyMs: 8_000,
      act: (turn) => {
        const space = pick(SPACES, turn);
        return mesh.report(space, 'inventory', [inventoryOf(space, Date.now(), 0, turn + 1)]);
      },
    },
    {
      everyMs: 9_000,
      act: (turn) => {
        const project = pick(PROJECTS, turn);
        const release = { ProjectName: project, Version: `4.12.${turn}`, ReleaseNotes: '' };
        return event('payments', 'releases', project, release);
      },
    },
    {
      everyMs: 7_000,
      act: (turn) => {
        const name = pick(PEOPLE, turn);
        const user = { DisplayName: name, IsActive: true, Logins: turn };
        return event(LAGGING.space, 'users', name.toLowerCase(), user);
      },
    },
    {
      everyMs: 23_000,
      act: (turn) => mesh.publish('platform', 'shared-variables', connectionStrings(3 + turn)),
    },
  ];
}

/** Until told to stop; a space that is away does nothing and spoils nothing. */
export async function live(mesh: LivingMesh, delay: Delay, signal: AbortSignal): Promise<void> {
  const pause = (ms: number): Promise<void> => delay(ms, signal).catch(() => undefined);
  const attempt = async (act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!signal.aborted && !isMeshError(error)) throw error;
    }
  };
  const keep = async ({ everyMs, act }: Habit): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      await attempt(() => act(turn));
      await pause(everyMs);
    }
  };
  const { feed, everyMs } = LAGGING;
  await attempt(() => mesh.ask(ODCM, 'subscribe', { body: { feed, via: 'poll', everyMs } }));
  const around = { mesh, pause, attempt, signal, nowMs: () => performance.now() };
  await Promise.all([...habitsOf(mesh).map(keep), takeAway(around), bringBack(around)]);
}
