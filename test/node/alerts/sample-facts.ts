// Facts of a node to which nothing bad has happened, to be changed by each test, and a watch over virtual time.

import { mkdir } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import type {
  DeploymentFact,
  Facts,
  FeedFact,
  SpaceFact,
  SpaceState,
} from '../../../node/alerts/facts.ts';
import { type AlertSettings, checkSettings } from '../../../node/alerts/settings.ts';
import { AlertWatch, type GatheredFacts } from '../../../node/alerts/watch.ts';
import { type Log, silentLog } from '../../../node/log.ts';
import { seededRandom, VirtualTime } from '../virtual-time.ts';

export const GIB = 1024 ** 3;

export const spaceFact = (
  space: string,
  state: SpaceState = 'online',
  changes: Partial<SpaceFact> = {},
): SpaceFact => ({
  ...{ space, state, heardAgoMs: state === 'offline' ? 120_000 : 1000, heardVia: null },
  ...{ certificateLeftMs: 300 * 86_400_000, isRenewedByFile: false, tags: [], ...changes },
});

export const feedFact = (feed: string, changes: Partial<FeedFact> = {}): FeedFact => ({
  ...{ feed, isOwn: false, behind: 0, lagMs: 0, isForked: false },
  ...{ carriersWanted: 3, carriersPossible: 9, carriersComplete: 3, carriersUnknown: 0 },
  ...changes,
});

export const failedFact = (
  name: string,
  failed: number,
  usual: number | null,
  kind: DeploymentFact['kind'] = 'space',
): DeploymentFact => ({ kind, name, failed, usual });

export const WELL: Facts = {
  spaces: [spaceFact('library', 'self'), spaceFact('payments')],
  feeds: [feedFact('library/variables')],
  deployments: [failedFact('payments', 0, 1)],
  directory: { state: 'fresh', ageMs: 20_000 },
  clock: { state: 'good', offByMs: 0, forMs: 0 },
  refusals: [],
  disk: { path: '/data', freeBytes: 60 * GIB, sizeBytes: 100 * GIB },
  store: { damaged: [], isRefetching: false },
  routes: [],
  configurationProblem: null,
};

export function settingsOf(value: object): AlertSettings {
  const { settings, problems } = checkSettings(JSON.stringify(value));
  if (settings) return settings;
  throw new Error(JSON.stringify(problems));
}

export interface WatchedNode {
  facts: Partial<GatheredFacts>;
  readonly time: VirtualTime;
  readonly watch: AlertWatch;
  /** Goes on for this long, looking every few seconds. */
  pass(ms: number): Promise<void>;
}

export interface WatchOptions {
  readonly home: string;
  readonly time?: VirtualTime;
  readonly seed?: number;
  readonly env?: Record<string, string>;
  readonly log?: Log;
}

const LOOK_MS = 5000;

/** The rounds are made by the test: its own time and the disk's do not have to agree. */
export async function openWatch(options: WatchOptions): Promise<WatchedNode> {
  const { home, time = new VirtualTime(), seed = 7, env = {}, log = silentLog } = options;
  await mkdir(home, { recursive: true });
  const state = { facts: {} as Partial<GatheredFacts> };
  const watch = await AlertWatch.open({
    ...{ home, mesh: 'acme', name: 'library', env, log },
    ...{ clock: time, timers: time, random: seededRandom(seed) },
    gather: async () => ({ ...WELL, ...state.facts }),
  });
  onTestFinished(() => watch.stop());
  return Object.assign(state, {
    time,
    watch,
    pass: async (ms: number) => {
      for (let at = 0; at < ms; at += LOOK_MS) {
        await time.advance(Math.min(LOOK_MS, ms - at));
        await watch.look();
        // Real requests take none of the virtual time.
        await watch.idle();
      }
    },
  });
}
