// Control API: the way out of two histories of the directory, at ODCM: what stands behind the point where both are one, and
// the beginning of the epoch that goes on from there.

import { MeshError } from '../../protocols/errors.ts';
import { fetchDirectoryPoint } from '../fork/directory-fetch.ts';
import {
  directoryHistories,
  formerLine,
  type Histories,
  type HistoryEntry,
} from '../fork/directory-histories.ts';
import { findDirectoryPoint } from '../fork/directory-point.ts';
import { chosenOf, type Lapse, lapsesOf, missingOf } from '../fork/directory-revocations.ts';
import type { MeshNode } from '../node.ts';
import type { Handlers } from './handler.ts';

const showLapse = ({ kind, name, about, at, lastGood }: Lapse) => ({
  ...{ kind, name, about, at },
  lastGood: lastGood && { ...lastGood },
});

const showEntry = (entry: HistoryEntry) => ({
  ...entry,
  lastGood: entry.lastGood && { ...entry.lastGood },
});

function requireDesk(node: MeshNode): NonNullable<MeshNode['odcm']> {
  if (node.odcm) return node.odcm;
  throw new MeshError('NOT_ODCM', `${node.home.config.name} is not the ODCM node`);
}

/** What nobody shows may have shut somebody out. */
function requireSeen({ missing }: Histories): void {
  if (missing.length === 0) return;
  throw new MeshError(
    'BUSY',
    `nobody that is connected shows the history that leads to ${missing.join(' and ')} entries: it may have shut a space out`,
    {
      next: 'Start a member that has it and try again. If there is none: odcm directory continue --unseen',
    },
  );
}

export const directoryHandlers: Pick<Handlers, 'directoryHistories' | 'continueDirectory'> = {
  async directoryHistories({ node, query }) {
    requireDesk(node);
    await fetchDirectoryPoint(node, node.timers);
    const { epoch, size, root } = await findDirectoryPoint(node, node.timers, query.size);
    const found = await directoryHistories(node, node.timers, size);
    return {
      ...{ epoch, size, root: root.toString('hex'), opened: node.directory.isWaiting },
      revocations: lapsesOf(found).map(showLapse),
      histories: found.histories.map(({ from, size: end, entries }) => ({
        ...{ from: [...from], size: end, entries: entries.map(showEntry) },
      })),
      ...{ unseen: [...found.unseen], missing: [...found.missing] },
    };
  },

  async continueDirectory({ node, body }) {
    const desk = requireDesk(node);
    const { directory } = node;
    if (directory.refusal) throw directory.refusal;
    if (!directory.epoch)
      throw new MeshError('USAGE', 'the root has opened no epoch of the directory', {
        next: 'See how that is done: odcm directory histories',
      });
    await fetchDirectoryPoint(node, node.timers);
    const { epoch } = directory.epoch;
    const { size } = directory.epoch.continues;
    // Members that are in the epoch show no history of the one before it: what ODCM wrote itself is looked through.
    const own = directory.isWaiting ? undefined : await formerLine(node);
    const found = await directoryHistories(node, node.timers, size, own);
    if (directory.isWaiting && !body.unseen) requireSeen(found);
    const lapses = missingOf(lapsesOf(found), directory);
    const chosen = chosenOf(lapses, body.without ?? []);
    await desk.beginEpoch(chosen.map(({ draft }) => draft));
    const leftOut = lapses.filter((lapse) => !chosen.includes(lapse));
    return { epoch, size, reissued: chosen.map(showLapse), leftOut: leftOut.map(showLapse) };
  },
};
