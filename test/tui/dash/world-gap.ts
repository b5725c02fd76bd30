// The air gap of the mesh of the tests: two spaces behind it that get bundles, one whose bundles come in here.

import { ago, DAY_MS, nameOf, type Query } from './world-rows.ts';

const [HERE, FAR, FARTHER, SENDER] = [nameOf(0), nameOf(9), nameOf(19), nameOf(8)] as const;
const MINUTE_MS = 60_000;
const MANIFEST = '4be1c06a'.repeat(8);

const crossing = (changes: {
  readonly way: 'out' | 'in';
  readonly space: string;
  readonly sequence: number;
  readonly state: string;
  readonly agoMs: number;
  readonly by?: string;
  readonly approvals?: readonly string[];
  readonly entries?: number;
  readonly missing?: number;
  readonly reason?: string;
}) => {
  const { agoMs, approvals = [], by = 'Barry', reason = null, missing = 0, ...rest } = changes;
  const entries = rest.entries ?? 4 + (rest.sequence % 9);
  return {
    ...{ base: rest.sequence - 1, at: ago(agoMs), created: ago(agoMs + MINUTE_MS), by, missing },
    ...{ entries, blocks: entries * 3, sizeBytes: entries * 4_300_000, manifest: MANIFEST, reason },
    ...rest,
    approvals: approvals.map((name) => ({ by: name, at: ago(agoMs) })),
  };
};

const WAITING = crossing({
  ...{ way: 'in', space: SENDER, sequence: 17, state: 'waiting', agoMs: 12 * MINUTE_MS },
  ...{ by: 'Lisa', approvals: ['Bob'], entries: 340, missing: 1 },
});

export const crossingRows = () => [
  crossing({ way: 'out', space: FAR, sequence: 91, state: 'written', agoMs: 5 * MINUTE_MS }),
  WAITING,
  crossing({ way: 'out', space: FAR, sequence: 90, state: 'acknowledged', agoMs: 2 * DAY_MS }),
  crossing({
    ...{ way: 'in', space: SENDER, sequence: 16, state: 'applied', agoMs: 3 * DAY_MS },
    ...{ by: 'Lisa', approvals: ['Bob', 'Geoff'] },
  }),
  crossing({ way: 'out', space: FARTHER, sequence: 4, state: 'written', agoMs: 9 * DAY_MS }),
  crossing({ way: 'out', space: FAR, sequence: 89, state: 'acknowledged', agoMs: 9 * DAY_MS }),
  crossing({
    ...{ way: 'in', space: SENDER, sequence: 15, state: 'refused', agoMs: 10 * DAY_MS },
    ...{ by: 'Lisa', reason: 'not agreed with the change board' },
  }),
  crossing({
    ...{ way: 'out', space: FARTHER, sequence: 3, state: 'failed', agoMs: 11 * DAY_MS },
    reason: 'no space left on device',
  }),
];

export const importDetail = () => ({
  crossing: WAITING,
  needed: 2,
  diff: {
    directory: {
      ...{ entries: 12, joined: ['mobile-0015'], revoked: ['data-0017'], rootVersions: 1 },
      ...{ feeds: [`${SENDER}/templates`], grants: 3, grantsEnded: 1, vouchedAt: ago(3_600_000) },
    },
    feeds: [
      {
        ...{ feed: `${SENDER}/variables`, sealed: true, entries: 300 },
        ...{ added: 280, changed: 18, withdrawn: 2, items: ['Connection strings', 'Ports'] },
      },
      {
        ...{ feed: `${SENDER}/templates`, sealed: false, entries: 28 },
        ...{ added: 28, changed: 0, withdrawn: 0, items: [] },
      },
    ],
    missing: ['b'.repeat(64)],
  },
});

const receipt = (
  [space, index, kind, what, outcome, sequence]: readonly [
    string,
    number,
    'deployment' | 'import',
    string,
    string,
    number,
  ],
  agoMs: number,
) => ({
  ...{ space, index, kind, what, outcome, at: ago(agoMs), by: 'op-7', isMissing: false },
  bundle: { exporter: HERE, sequence },
});

const missing = (space: string, index: number) => ({
  ...{ space, index, kind: 'deployment', at: ago(0), what: 'receipt missing', outcome: null },
  ...{ by: null, bundle: null, isMissing: true },
});

export const receiptRows = ({ space }: Query) =>
  [
    receipt([FAR, 0, 'import', 'bundle 89: 12 entries', 'applied', 89], 9 * DAY_MS),
    receipt([FAR, 1, 'deployment', 'web 4.11.0 to PROD-EU', 'succeeded', 89], 8 * DAY_MS),
    missing(FAR, 2),
    receipt([FAR, 3, 'deployment', 'api 2.8.1 to PROD-EU', 'failed', 89], 7 * DAY_MS),
    receipt([FAR, 4, 'import', 'bundle 90: 4 entries', 'applied', 90], 2 * DAY_MS),
    receipt([FARTHER, 0, 'import', 'bundle 2: 6 entries', 'applied', 2], 20 * DAY_MS),
  ].filter((row) => space === undefined || row.space === space);

/** Long work as the node tells of it: how far, and what came of it. */
export const TOLD: Readonly<Record<string, readonly unknown[]>> = {
  '/v1/gap/exports': [
    { progress: { phase: 'write', done: 27_300_000, of: null } },
    {
      crossing: crossing({ way: 'out', space: FAR, sequence: 92, state: 'written', agoMs: 0 }),
      ...{ files: ['/mnt/usb0/b.manifest'], absent: [], missing: [] },
    },
  ],
  '/v1/gap/imports': [
    { progress: { phase: 'check', done: 1_000, of: 2_000 } },
    { ...importDetail(), crossing: { ...WAITING, approvals: [] } },
  ],
  '/v1/gap/approvals': [
    { progress: { phase: 'apply', done: 1_000, of: 2_000 } },
    { ...importDetail(), crossing: { ...WAITING, state: 'applied' } },
  ],
};

export const REFUSED = { ...WAITING, state: 'refused' };
