// Screen 8: the connections of this node, and what it refused.

import type { MeshRow } from '../../views/answers.ts';
import { meshView, peerPanel, refusalsPanel } from '../../views/mesh.ts';
import type { Room } from '../../views/table.ts';
import { SOURCES } from '../sources.ts';
import { anyTable, remember, type Screen } from './screen.ts';

export function createMeshScreen(): Screen {
  const table = remember(meshView);
  return {
    id: 'mesh',
    title: 'Mesh',
    sources: () => [SOURCES.mesh],
    content: ({ get }) => {
      const answer = get(SOURCES.mesh).data;
      const status = get(SOURCES.status).data;
      const view = answer === undefined ? undefined : table(answer);
      return {
        crumb: 'Mesh',
        parts:
          view === undefined
            ? []
            : [`${view.figures['connected']} of ${view.rows.length} connected`],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => (row as MeshRow).address ?? (row as MeshRow).peerId,
        open: (row) => ({ screen: 'space', subject: (row as MeshRow).space }),
        below: (row) => [
          ...(row === undefined
            ? []
            : [[{ id: 'peer', make: (room: Room) => peerPanel(row as MeshRow, room) }]]),
          ...(status === undefined
            ? []
            : [[{ id: 'refusals', make: (room: Room) => refusalsPanel(status, room) }]]),
        ],
        command: 'odcm mesh',
      };
    },
  };
}
