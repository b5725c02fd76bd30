// Connections of this node to the other members: which live, how fast, and why some do not.

import { formatBytes } from '../format/bytes.ts';
import type { Column, Tone } from '../format/cell.ts';
import { formatDuration } from '../format/duration.ts';
import { formatNumber } from '../format/number.ts';
import type { Answer, MeshRow, StatusResult } from './answers.ts';
import { type Sign, withSign } from './signs.ts';
import { type Line, type Panel, panel, type Room, span, type TableView } from './table.ts';

const SIGNS: Readonly<Record<MeshRow['state'], Sign>> = {
  mesh: 'full',
  connected: 'full',
  deaf: 'half',
  connecting: 'half',
  away: 'empty',
};
const TONES: Readonly<Record<MeshRow['state'], Tone>> = {
  mesh: 'good',
  connected: 'good',
  deaf: 'warn',
  connecting: 'warn',
  away: 'bad',
};

const perSecond = (bytes: number | null): string => (bytes === null ? '-' : formatBytes(bytes));

/** `10.1.0.5:4001` of `/ip4/10.1.0.5/tcp/4001/p2p/…`: the peer id has a column of its own. */
export function shortAddress(address: string): string {
  const found = /^\/(ip4|ip6|dns[46]?)\/([^/]+)\/tcp\/(\d+)(?:\/p2p\/[^/]*)?$/.exec(address);
  if (found === null) return address.replace(/\/p2p\/[^/]*$/, '');
  const [, kind, host, port] = found;
  return kind === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`;
}

export const MESH_COLUMNS: readonly Column<MeshRow>[] = [
  { key: 'space', title: 'peer', priority: 0, width: 16, grows: true, maxWidth: 32 },
  { key: 'kind', title: 'kind', priority: 2, width: 5 },
  {
    key: 'address',
    title: 'address',
    priority: 2,
    width: 22,
    format: (_, { address }) => (address === null ? '-' : shortAddress(address)),
  },
  { key: 'via', title: 'via', priority: 3, width: 7 },
  { key: 'rttMs', title: 'rtt', kind: 'duration', priority: 1, width: 7 },
  {
    key: 'inBytesPerSecond',
    title: 'in/s',
    kind: 'bytes',
    priority: 2,
    width: 8,
    format: (_, { inBytesPerSecond }) => perSecond(inBytesPerSecond),
  },
  {
    key: 'outBytesPerSecond',
    title: 'out/s',
    kind: 'bytes',
    priority: 2,
    width: 8,
    format: (_, { outBytesPerSecond }) => perSecond(outBytesPerSecond),
  },
  { key: 'topics', title: 'topics', kind: 'number', priority: 2, width: 6 },
  {
    key: 'state',
    title: 'state',
    priority: 0,
    width: 12,
    format: (_, { state }, { ascii }) => withSign(SIGNS[state], state, ascii),
    tone: (_, { state }) => TONES[state],
  },
  { key: 'attempts', title: 'attempts', kind: 'number', priority: 3, width: 8 },
  { key: 'nextTryMs', title: 'next try', kind: 'duration', priority: 3, width: 8 },
  { key: 'lastError', title: 'last error', priority: 1, width: 20 },
  { key: 'connected', title: 'connected', wide: true },
  { key: 'gossip', title: 'gossip', wide: true },
  { key: 'peerId', title: 'peer id', wide: true, width: 52 },
];

const isMeasured = ({ inBytesPerSecond, outBytesPerSecond }: MeshRow): boolean =>
  inBytesPerSecond !== null || outBytesPerSecond !== null;

/** Of a node that does not measure it: dashes would only take room from the rest. */
const WITHOUT_TRAFFIC = MESH_COLUMNS.map((column) =>
  column.key.endsWith('BytesPerSecond') ? { ...column, wide: true } : column,
);

export function meshView({ rows, asOf }: Answer<MeshRow>): TableView<MeshRow> {
  const connected = rows.filter((row) => row.connected).length;
  return {
    id: 'mesh',
    title: 'peers',
    columns: rows.some(isMeasured) ? MESH_COLUMNS : WITHOUT_TRAFFIC,
    rows,
    idOf: ({ peerId }) => peerId,
    sort: 'state,space',
    asOf,
    empty: 'This node knows no other member yet.',
    figures: {
      connected,
      disconnected: rows.length - connected,
      deaf: rows.filter(({ state }) => state === 'deaf').length,
    },
  };
}

export function peerPanel(row: MeshRow, _room: Room): Panel {
  const { state, rttMs, address, peerId, topics, attempts, nextTryMs, lastError } = row;
  const trip = rttMs === null ? 'not measured' : formatDuration(rttMs);
  const next = nextTryMs === null ? '' : `, next try in ${formatDuration(nextTryMs)}`;
  return panel('peer', row.space, [
    [
      span('state       '),
      span(state, TONES[state]),
      span(`   round trip ${trip}   topics ${formatNumber(topics)}`),
    ],
    [span(`address     ${address ?? 'not connected'}`)],
    [span(`peer id     ${peerId}`)],
    [
      span(
        `dials       ${attempts === 0 ? 'none pending' : `${formatNumber(attempts)} without success${next}`}`,
      ),
    ],
    [span('last error  '), lastError === null ? span('none') : span(lastError, 'warn')],
  ]);
}

/** What this node refused since its start, most frequent first. */
export function refusalsPanel({ refusals }: Pick<StatusResult, 'refusals'>, _room: Room): Panel {
  const lines = Object.entries(refusals)
    .sort(([, a], [, b]) => b - a)
    .map(
      ([code, count]): Line => [span(`${formatNumber(count).padStart(9)}  `), span(code, 'warn')],
    );
  const none: Line[] = [[span('nothing since the start')]];
  return panel('refusals', 'Refused', lines.length === 0 ? none : lines);
}
