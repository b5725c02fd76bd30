// `odcm spaces`: the members of the mesh, and when each was last heard of.

import type { RouteResult } from '../../protocols/control-api.ts';
import { askKnown } from '../ask.ts';
import type { Register } from '../command-context.ts';
import type { Column, Tone } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { GROUPS, reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { directoryAge, directoryNote } from './directory-note.ts';

type Space = RouteResult<'spaces'>;

const TONES: Readonly<Record<Space['status'], Tone>> = {
  self: 'good',
  online: 'good',
  silent: 'warn',
  unknown: 'dim',
  revoked: 'bad',
};

function columns(rows: readonly Space[]): readonly Column<Space>[] {
  return [
    { key: 'name', title: 'space' },
    { key: 'status', title: 'status', tone: (_, { status }) => TONES[status] },
    {
      key: 'heardAgoMs',
      title: 'heard',
      kind: 'duration',
      format: (_, { heardAgoMs }) =>
        heardAgoMs === null ? 'never' : `${formatAge(heardAgoMs)} ago`,
    },
    { key: 'connected', title: 'connected' },
    { key: 'feeds', title: 'feeds', kind: 'number' },
    { key: 'since', title: 'member since', kind: 'time' },
    { key: 'revokedFor', title: 'revoked for', wide: rows.every((row) => row.revokedFor === null) },
    { key: 'addresses', title: 'addresses', wide: true },
    { key: 'id', title: 'id', wide: true },
    { key: 'entry', title: 'directory entry', kind: 'number', wide: true },
  ];
}

export const register: Register = (program, context) => {
  const command = program
    .command('spaces')
    .helpGroup(GROUPS.reading)
    .description('the members of the mesh and when they were heard of');
  reads(command).action((_, self) =>
    runReport(self, context, async (invocation) => {
      const { rows, asOf, status } = await askKnown(invocation, 'spaces');
      const count = (state: Space['status']): number =>
        rows.filter((row) => row.status === state).length;
      return {
        report: {
          title: 'spaces',
          columns: columns(rows),
          rows,
          asOf,
          target: status.name,
          notes: [directoryNote(status.directory)],
        },
        figures: {
          online: count('online') + count('self'),
          silent: count('silent'),
          unknown: count('unknown'),
          revoked: count('revoked'),
          directoryAge: directoryAge(status.directory),
        },
      };
    }),
  );
};
