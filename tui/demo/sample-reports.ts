// What the Octopus Servers of the demo's spaces have done and have: deployments as releases travel from environment to
// environment, by working day and hour, with a bad afternoon and failures of just now; and inventories that grow. Made by
// code and the same for the same moment.

import type { Deployment, Inventory, Outcome } from '../../protocols/reports.ts';
import type { Space } from './mesh.ts';

export const DAY_MS = 86_400_000;
/** Two fortnights: a report over one has another to compare with. */
export const DAYS = 28;
const MINUTE_MS = 60_000;

interface Server {
  readonly version: string;
  readonly projects: readonly string[];
  readonly releasesPerDay: number;
  /** Share of deployments that fail: of late, and in the fortnight before. */
  readonly failing: readonly [number, number];
  readonly inventory: { readonly projects: number; readonly targets: number };
  readonly tags: readonly string[];
}

export const SERVERS: Readonly<Record<Space, Server>> = {
  hq: {
    version: '2026.4.1188',
    projects: ['licence-portal'],
    releasesPerDay: 2,
    failing: [0.02, 0.02],
    inventory: { projects: 4, targets: 12 },
    tags: ['internal'],
  },
  platform: {
    version: '2026.4.1188',
    projects: ['api-gateway', 'message-bus', 'observability', 'cert-rotation'],
    releasesPerDay: 9,
    failing: [0.03, 0.04],
    inventory: { projects: 21, targets: 96 },
    tags: ['shared', 'production'],
  },
  payments: {
    version: '2026.3.9704',
    projects: ['checkout', 'card-vault', 'payouts', 'fraud-scoring', 'statements'],
    releasesPerDay: 22,
    failing: [0.05, 0.04],
    inventory: { projects: 38, targets: 214 },
    tags: ['production', 'critical'],
  },
  shipping: {
    version: '2026.3.9704',
    projects: ['tracking-api', 'label-printer', 'depot-sync', 'courier-portal'],
    releasesPerDay: 17,
    failing: [0.04, 0.11],
    inventory: { projects: 27, targets: 148 },
    tags: ['production'],
  },
  identity: {
    version: '2026.2.8012',
    projects: ['sign-in', 'user-directory', 'token-service'],
    releasesPerDay: 8,
    failing: [0.02, 0.03],
    inventory: { projects: 12, targets: 58 },
    tags: ['production'],
  },
  ledger: {
    version: '2025.4.10333',
    projects: ['postings', 'month-end', 'audit-export'],
    releasesPerDay: 5,
    failing: [0.08, 0.05],
    inventory: { projects: 17, targets: 83 },
    tags: ['production'],
  },
};

/** Where a release goes, one after the other, and how many of those that came so far go there. */
const STAGES = [
  ['Test', 1],
  ['Staging', 0.7],
  ['Production EU', 0.6],
  ['Production US', 0.75],
] as const;

const PEOPLE = ['Barry', 'Lisa', 'Bob', 'Geoff'];
const REASONS = [
  'step 3 "migrate database" ended with exit code 1',
  'step 5 "smoke test" did not answer within 120 s',
  'target web-eu-3 was unavailable',
  'the package was not found in the feed',
  'step 4 "switch traffic" was refused by the load balancer',
];

/** Numbers in [0, 1) that come again for the same seed (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Dice = () => number;
type Draft = Omit<Deployment, 'id'>;

const seedOf = (space: Space): number =>
  [...space].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7);
const pick = <T>(values: readonly T[], roll: number): T =>
  values[Math.floor(roll * values.length)]!;
const iso = (ms: number): string => new Date(ms).toISOString();
const taskId = (number: number): string => `ServerTasks-${number}`;

/** Everything that ended before `nowMs`, in order of its end. */
export function pastDeployments(space: Space, nowMs: number): Deployment[] {
  const random = dice(seedOf(space));
  const drafts: Draft[] = [];
  for (let ago = DAYS; ago >= 0; ago -= 1) {
    const dayMs = Math.floor(nowMs / DAY_MS - ago) * DAY_MS;
    drafts.push(...releasesOf(space, dayMs, ago, random).flat());
  }
  if (space === 'payments') drafts.push(...troubleOf(nowMs));
  return drafts
    .filter(({ endedAt }) => Date.parse(endedAt) < nowMs)
    .sort((a, b) => Date.parse(a.endedAt) - Date.parse(b.endedAt))
    .map((draft, index) => ({ id: taskId(4_200 + index), ...draft }));
}

function releasesOf(space: Space, dayMs: number, ago: number, random: Dice): Draft[][] {
  const { releasesPerDay, projects } = SERVERS[space];
  const weekday = new Date(dayMs).getUTCDay();
  const isWeekend = weekday === 0 || weekday === 6;
  const count = Math.round(releasesPerDay * (isWeekend ? 0.7 : 1) * (0.7 + 0.6 * random()));
  return Array.from({ length: count }, (_, index) => {
    // Most work is done in the middle of the day.
    const hour = 6 + 7 * (random() + random());
    const release = `${DAYS - ago + 1}.${index}.0`;
    const project = pick(projects, random());
    return journey({ space, project, release, ago }, dayMs + hour * 3_600_000, random);
  });
}

interface Release {
  readonly space: Space;
  readonly project: string;
  readonly release: string;
  /** Days before now. */
  readonly ago: number;
}

/** One release from environment to environment, as far as it comes. */
function journey(
  { space, project, release, ago }: Release,
  startMs: number,
  random: Dice,
): Draft[] {
  const [late, early] = SERVERS[space].failing;
  // An afternoon on which little went well.
  const isBad = space === 'payments' && ago === 3;
  const failing = isBad ? 0.4 : ago < DAYS / 2 ? late : early;
  const made: Draft[] = [];
  let atMs = startMs;
  for (const [environment, share] of STAGES) {
    if (random() >= share) break;
    const deployment = draft({ project, release, environment }, failing, atMs, random);
    made.push(deployment);
    if (deployment.outcome !== 'ok') break;
    atMs = Date.parse(deployment.endedAt) + (10 + 50 * random()) * MINUTE_MS;
  }
  return made;
}

type What = Pick<Deployment, 'project' | 'release' | 'environment'>;

function draft(what: What, failing: number, startMs: number, random: Dice): Draft {
  const roll = random();
  const outcome: Outcome = roll < failing ? 'failed' : roll > 0.985 ? 'cancelled' : 'ok';
  const tookMs = Math.round(45_000 * Math.exp(2 * random()));
  const startedAt = iso(startMs);
  const endedAt = iso(startMs + tookMs);
  const reason = pick(REASONS, random());
  const by = pick(PEOPLE, random());
  return { ...what, outcome, startedAt, endedAt, by, ...(outcome === 'failed' ? { reason } : {}) };
}

/** A release that fails in production again and again just now: somebody should look. */
const troubleOf = (nowMs: number): Draft[] =>
  [200_000, 130_000, 60_000].map((agoMs) => ({
    ...{ project: 'checkout', release: `${DAYS}.9.1`, environment: 'Production EU' },
    ...{ outcome: 'failed', by: 'Geoff', reason: REASONS[0]! },
    ...{ startedAt: iso(nowMs - agoMs - 48_000), endedAt: iso(nowMs - agoMs) },
  }));

/** One that ended at this moment; ids go on where the past ended. */
export function nextDeployment(
  space: Space,
  number: number,
  nowMs: number,
  random: Dice,
): Deployment {
  const { projects, failing } = SERVERS[space];
  const what = {
    project: pick(projects, random()),
    release: `${DAYS + 1}.${40 + Math.floor(number / 4)}.0`,
    environment: STAGES[number % STAGES.length]![0],
  };
  const made = draft(what, failing[0], nowMs, random);
  const tookMs = Date.parse(made.endedAt) - nowMs;
  return {
    id: taskId(60_000 + number),
    ...made,
    startedAt: iso(nowMs - tookMs),
    endedAt: iso(nowMs),
  };
}

/** As it was so many days ago: fewer of all, and now and then a target that is not well. */
export function inventoryOf(space: Space, nowMs: number, daysAgo: number, turn = 0): Inventory {
  const { version, inventory, tags } = SERVERS[space];
  const random = dice(seedOf(space) + Math.round(daysAgo) + 97 * turn);
  const targets = inventory.targets - Math.floor(daysAgo / 3);
  const unhealthy = Math.floor(random() * random() * 6);
  const disabled = 1 + Math.floor(targets / 60);
  const warnings = Math.floor(random() * 3);
  return {
    serverVersion: version,
    serverUrl: `https://${space}.octopus.acme.example/`,
    projects: inventory.projects - Math.floor(daysAgo / 7),
    targets: {
      ...{ healthy: targets - unhealthy - disabled - warnings, unhealthy, disabled, warnings },
      ...{ unavailable: 0, unknown: 0 },
    },
    tags: [...tags],
    takenAt: iso(nowMs - daysAgo * DAY_MS),
  };
}

/** One a day of the last fortnight, the newest of this moment. */
export const pastInventories = (space: Space, nowMs: number): Inventory[] =>
  Array.from({ length: 15 }, (_, index) => inventoryOf(space, nowMs, 14 - index));
