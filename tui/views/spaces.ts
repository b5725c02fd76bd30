// The spaces of the mesh with their health: who is there, how it is known, what is missing, what runs there.

import { type Condition, conditionOf } from '../../protocols/condition.ts';
import { lagFigures, spaceFigures } from '../../protocols/figures.ts';
import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { sparkline } from '../format/sparkline.ts';
import type { Answer, DeploymentReport, HealthRow, SpaceRow } from './answers.ts';
import { CONDITION_SIGNS, CONDITION_TONES, withSign } from './signs.ts';
import type { TableView } from './table.ts';

/** One space as a row: health, and what other answers say of it where they are there. */
export interface SpaceLine {
  readonly name: string;
  readonly id: string;
  readonly serverVersion: string | null;
  readonly nodeVersion: string | null;
  readonly status: Condition;
  /** Higher is looked at first. */
  readonly attention: number;
  readonly isSelf: boolean;
  readonly heardAgoMs: number | null;
  readonly heardAt: string | null;
  readonly heardVia: string | null;
  readonly suspectedBy: number;
  readonly behind: number;
  readonly lagMs: number | null;
  readonly feeds: number;
  readonly projects: number | null;
  readonly targets: number | null;
  readonly ok24h: number | null;
  readonly failed24h: number | null;
  /** Deployments an hour over the last day, failed ones included. */
  readonly trend: readonly number[];
  readonly certificate: string | null;
  readonly certificateExpiresAt: string | null;
  readonly certificateLeftMs: number | null;
  readonly tags: readonly string[];
  readonly connected: boolean | null;
  readonly since: string | null;
  readonly revokedFor: string | null;
  readonly addresses: readonly string[];
  readonly entry: number;
}

export interface SpacesInput {
  readonly health: Answer<HealthRow>;
  readonly spaces?: Answer<SpaceRow> | null;
  /** Of the last 24 hours, by space. */
  readonly deployments?: DeploymentReport | null;
}

const TREND_GLYPHS = 8;

const ATTENTION: Readonly<Record<Condition, number>> = {
  offline: 5,
  suspected: 4,
  lagging: 3,
  unknown: 2,
  online: 1,
  isolated: 1,
  revoked: 0,
};

export const SPACE_COLUMNS: readonly Column<SpaceLine>[] = [
  { key: 'name', title: 'space', priority: 0, width: 16, grows: true, maxWidth: 40 },
  { key: 'serverVersion', title: 'version', priority: 2, width: 11 },
  {
    key: 'status',
    title: 'status',
    priority: 0,
    width: 11,
    format: (_, { status }, { ascii }) => withSign(CONDITION_SIGNS[status], status, ascii),
    tone: (_, { status }) => CONDITION_TONES[status],
  },
  {
    key: 'heardAgoMs',
    title: 'heard',
    kind: 'duration',
    priority: 2,
    width: 6,
    format: (_, { heardAgoMs }) => (heardAgoMs === null ? 'never' : formatAge(heardAgoMs)),
    tone: (_, { status }) => (status === 'online' ? undefined : 'dim'),
  },
  {
    key: 'lagMs',
    title: 'lag',
    kind: 'duration',
    priority: 1,
    width: 6,
    format: (_, { lagMs }) => (lagMs === null ? '-' : formatAge(lagMs)),
    tone: (_, { status }) => (status === 'lagging' ? 'warn' : undefined),
  },
  { key: 'projects', title: 'proj', kind: 'number', priority: 2, width: 5 },
  { key: 'targets', title: 'targets', kind: 'number', priority: 2, width: 7 },
  { key: 'ok24h', title: 'ok 24h', kind: 'number', priority: 2, width: 6 },
  {
    key: 'failed24h',
    title: 'fail',
    kind: 'number',
    priority: 1,
    width: 4,
    tone: (_, { failed24h }) => ((failed24h ?? 0) > 0 ? 'bad' : undefined),
  },
  {
    key: 'trend',
    title: 'trend',
    priority: 2,
    width: TREND_GLYPHS,
    format: (_, { trend }, { ascii }) => sparkline(trend, TREND_GLYPHS, { ascii: ascii ?? false }),
  },
  {
    key: 'behind',
    title: 'behind',
    kind: 'number',
    priority: 3,
    width: 7,
    tone: (_, { behind }) => (behind > 0 ? 'warn' : undefined),
  },
  { key: 'heardVia', title: 'heard from', priority: 3, width: 14 },
  {
    key: 'certificateLeftMs',
    title: 'certificate',
    kind: 'duration',
    priority: 3,
    width: 11,
    format: (_, { certificate, certificateLeftMs }) =>
      certificateText(certificate, certificateLeftMs),
    tone: (_, { certificate }) =>
      certificate === null || certificate === 'valid'
        ? undefined
        : certificate === 'expiring'
          ? 'warn'
          : 'bad',
  },
  { key: 'feeds', title: 'feeds', kind: 'number', priority: 3, width: 5 },
  { key: 'tags', title: 'tags', priority: 3, width: 12 },
  { key: 'attention', title: 'attention', kind: 'number', wide: true },
  { key: 'isSelf', title: 'this node', wide: true, width: 9 },
  { key: 'heardAt', title: 'heard at', kind: 'time', wide: true, width: 20 },
  { key: 'suspectedBy', title: 'suspected by', kind: 'number', wide: true },
  { key: 'nodeVersion', title: 'node version', wide: true },
  { key: 'certificate', title: 'certificate state', wide: true },
  {
    key: 'certificateExpiresAt',
    title: 'certificate expires',
    kind: 'time',
    wide: true,
    width: 20,
  },
  { key: 'connected', title: 'connected', wide: true },
  { key: 'since', title: 'member since', kind: 'time', wide: true, width: 20 },
  { key: 'revokedFor', title: 'revoked for', wide: true, width: 20 },
  { key: 'addresses', title: 'addresses', wide: true, width: 24 },
  { key: 'id', title: 'id', wide: true, width: 36 },
  { key: 'entry', title: 'directory entry', kind: 'number', wide: true },
];

/** `211 d`, or the word for a certificate that is of no use any more. */
export function certificateText(state: string | null, leftMs: number | null): string {
  if (state === null) return '-';
  return state === 'expired' || state === 'revoked' || leftMs === null ? state : formatAge(leftMs);
}

export function spaceLine(
  health: HealthRow,
  space: SpaceRow | undefined,
  deployments: DeploymentReport | null | undefined,
): SpaceLine {
  const status = conditionOf(health);
  const group = deployments?.rows.find(({ name }) => name === health.space);
  const isMissing = deployments?.missing.some((missing) => missing.space === health.space);
  // No group among those that were counted means none; without the entries nothing is known.
  const none = deployments && !isMissing ? 0 : null;
  return {
    name: health.space,
    id: health.id,
    serverVersion: health.serverVersion,
    nodeVersion: health.nodeVersion,
    status,
    attention: ATTENTION[status],
    isSelf: health.state === 'self',
    heardAgoMs: health.heardAgoMs ?? health.byFile?.agoMs ?? null,
    heardAt: health.heardAt ?? health.byFile?.at ?? null,
    // Of what came by file: under what it is found.
    heardVia: health.heardAgoMs === null ? (health.byFile?.what ?? null) : health.heardVia,
    suspectedBy: health.suspectedBy,
    behind: health.behind,
    lagMs: health.lagMs,
    feeds: health.feeds,
    projects: health.projects,
    targets: health.targets,
    ok24h: group?.ok ?? none,
    failed24h: group?.failed ?? none,
    trend:
      group === undefined ? [] : group.trend.map((ok, at) => ok + (group.failedTrend[at] ?? 0)),
    certificate: health.certificate?.state ?? null,
    certificateExpiresAt: health.certificate?.expiresAt ?? null,
    certificateLeftMs: health.certificate?.leftMs ?? null,
    tags: health.tags,
    connected: space?.connected ?? null,
    since: space?.since ?? null,
    revokedFor: space?.revokedFor ?? null,
    addresses: space?.addresses ?? [],
    entry: health.entry,
  };
}

/** Why a space was revoked is said at once where there is one. */
function columnsFor(rows: readonly SpaceLine[]): readonly Column<SpaceLine>[] {
  if (rows.every(({ revokedFor }) => revokedFor === null)) return SPACE_COLUMNS;
  return SPACE_COLUMNS.map((column) =>
    column.key === 'revokedFor' ? { ...column, wide: false, priority: 2 } : column,
  );
}

export function spacesView({ health, spaces, deployments }: SpacesInput): TableView<SpaceLine> {
  const byId = new Map(spaces?.rows.map((row) => [row.id, row]));
  const groups = new Map(deployments?.rows.map((row) => [row.name, row]));
  const missing = new Map(deployments?.missing.map((row) => [row.space, row]));
  const rows = health.rows.map((row) => {
    const group = groups.get(row.space);
    const lost = missing.get(row.space);
    // Only what concerns this space, so that a thousand of them are not searched for each.
    const own = deployments && {
      ...deployments,
      rows: group === undefined ? [] : [group],
      missing: lost === undefined ? [] : [lost],
    };
    return spaceLine(row, byId.get(row.id), own);
  });
  return {
    id: 'spaces',
    title: 'spaces',
    columns: columnsFor(rows),
    rows,
    idOf: ({ id }) => id,
    sort: '-attention,-lagMs,name',
    asOf: health.asOf,
    notes: deployments ? [] : ['Deployments are not known here: this node has no report of them.'],
    // Counted when somebody asks: a screen shows none of them.
    get figures() {
      return figuresOf(health.rows, rows);
    },
  };
}

function figuresOf(rows: readonly HealthRow[], lines: readonly SpaceLine[]): TableView['figures'] {
  const { newest: _, oldest: __, total: ___, ...counts } = spaceFigures(rows);
  const left = lines
    .filter(({ status }) => status !== 'revoked')
    .map(({ certificateLeftMs }) => certificateLeftMs)
    .filter((ms) => ms !== null);
  return {
    ...counts,
    behind: lines.reduce((sum, { behind }) => sum + behind, 0),
    lag: { value: lagFigures(rows)?.worstMs ?? null, kind: 'duration' },
    expiry: { value: left.length === 0 ? null : Math.min(...left), kind: 'duration' },
    failed: lines.every(({ failed24h }) => failed24h === null)
      ? null
      : lines.reduce((sum, { failed24h }) => sum + (failed24h ?? 0), 0),
  };
}
