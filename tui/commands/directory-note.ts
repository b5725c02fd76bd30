// How old the node's knowledge of the mesh is, as a sentence below a report and as a figure for monitoring.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { Figure } from '../fail-on.ts';
import { formatAge } from '../format/duration.ts';

type Directory = RouteResult<'status'>['directory'];

const STATE_WORDS: Readonly<Record<Directory['state'], string>> = {
  fresh: '',
  stale: ' It is stale: changes since then are not known here.',
  expired: ' It has expired: nothing new is accepted on its authority.',
  unknown: '',
};

export function directoryNote({ size, ageMs, state }: Directory): string {
  const entries = `Directory: ${size} ${size === 1 ? 'entry' : 'entries'}`;
  const vouched =
    ageMs === null
      ? 'never vouched for by ODCM as far as this node knows.'
      : `last vouched for by ODCM ${formatAge(ageMs)} ago.`;
  return `${entries}, ${vouched}${STATE_WORDS[state]}`;
}

export const directoryAge = ({ ageMs }: Directory): Figure => ({ value: ageMs, kind: 'duration' });
