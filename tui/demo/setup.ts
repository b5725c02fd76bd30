// Before the first scenario: the trust root, five enlisted spaces, four of them running, their feeds and what is in them.

import type { RouteBody } from '../../protocols/control-api.ts';
import { type DemoMesh, EARLY, LATE, ODCM, SPACES, type Space } from './mesh.ts';
import { environments, type Sample, serverExtension, stepTemplates, users } from './samples.ts';

type FeedWish = RouteBody<'createFeed'>;

interface PlannedFeed {
  readonly space: Space;
  readonly wish: FeedWish;
  readonly samples: readonly Sample[];
}

const forAll = (name: string, context: string, sync: 'forced' | 'chosen'): FeedWish => ({
  ...{ name, context, sync },
  to: 'all',
});

export function plannedFeeds(): PlannedFeed[] {
  return [
    {
      space: ODCM,
      wish: forAll('environments', 'environments', 'chosen'),
      samples: environments(),
    },
    {
      space: 'platform',
      wish: forAll('shared-variables', 'variables', 'forced'),
      // The first scenario publishes them.
      samples: [],
    },
    {
      space: 'platform',
      wish: forAll('step-templates', 'step-templates', 'forced'),
      samples: stepTemplates(),
    },
    {
      space: 'platform',
      wish: forAll('server-extensions', 'server-extensions', 'forced'),
      samples: [serverExtension()],
    },
    { space: 'identity', wish: forAll('users', 'users', 'forced'), samples: users() },
    { space: 'payments', wish: forAll('releases', 'releases', 'forced'), samples: [] },
    // Granted to nobody.
    {
      space: 'payments',
      wish: { name: 'settlement', context: 'variables', sync: 'chosen', to: [] },
      samples: [],
    },
  ];
}

export type Phase = <T>(title: string, act: () => Promise<T>) => Promise<T>;

export async function setUp(mesh: DemoMesh, phase: Phase): Promise<void> {
  await phase('trust root, certificate authority and directory', async () => {
    await mesh.createTrustRoot();
    await mesh.start(ODCM);
  });
  const others = SPACES.filter((space) => space !== ODCM);
  const title = `${others.length} spaces enlisted, each with keys and a certificate; ${EARLY.length} nodes running, ${LATE} comes later`;
  await phase(title, async () => {
    // Making keys is all a core can do; more at once would only share it.
    await eachOfTwo(others, async (space) => {
      await mesh.enlist(space);
      if (space !== LATE) await mesh.start(space);
    });
  });
  const planned = plannedFeeds();
  const items = planned.reduce((sum, { samples }) => sum + samples.length, 0);
  await phase(`${planned.length} feeds with ${items} items of sample data`, async () => {
    await Promise.all(
      EARLY.map((space) =>
        fill(
          mesh,
          planned.filter((feed) => feed.space === space),
        ),
      ),
    );
  });
}

async function fill(mesh: DemoMesh, feeds: readonly PlannedFeed[]): Promise<void> {
  for (const { space, wish, samples } of feeds) {
    await mesh.ask(space, 'createFeed', { body: wish });
    for (const sample of samples) await mesh.publish(space, wish.name, sample);
  }
}

async function eachOfTwo<T>(values: readonly T[], act: (value: T) => Promise<void>): Promise<void> {
  const queue = values.values();
  const worker = async (): Promise<void> => {
    for (const value of queue) await act(value);
  };
  await Promise.all([worker(), worker()]);
}
