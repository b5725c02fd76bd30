// Control API: the way out of two histories of the directory, at ODCM: what stands behind the point where both are one, and
// the beginning of the epoch that goes on from there.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { fetchDirectoryPoint } from '../fork/directory-fetch.ts';
import {
  directoryHistories,
  type Histories,
  type HistoryEntry,
} from '../fork/directory-histories.ts';
import { chosenKeys, type NewKeys, newKeysOf } from '../fork/directory-keys.ts';
import { findDirectoryPoint } from '../fork/directory-point.ts';
import { chosenOf, type Lapse, lapsesOf } from '../fork/directory-revocations.ts';
import { formerLine } from '../fork/own-line.ts';
import type { MeshNode } from '../node.ts';
import type { Handlers } from './handler.ts';

const showLapse = ({ kind, name, about, at, lastGood }: Lapse) => ({
  ...{ kind, name, about, at },
  lastGood: lastGood && { ...lastGood },
});

const showKeys = ({ space, at, nodeKey, from }: NewKeys) => ({
  ...{ space, at, nodeKey },
  from: [...from],
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

/** All of it comes into force at once. */
function requireFit(entries: number): void {
  if (entries < LIMITS.batchEntries) return;
  throw new MeshError('TOO_LARGE', `${entries} entries cannot be written at once`, {
    next: 'Leave some out and revoke them afterwards: odcm directory continue --without NAME',
  });
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
      newKeys: newKeysOf(found).map(showKeys),
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
    const own = await formerLine(node, body.unseen);
    const found = await directoryHistories(node, node.timers, size, own);
    if (directory.isWaiting && !body.unseen) requireSeen(found);
    const lapses = lapsesOf(found, directory);
    const chosen = chosenOf(lapses, body.without ?? []);
    const newKeys = newKeysOf(found, directory);
    const revoked = chosen.filter(({ kind }) => kind === 'space').map(({ name }) => name);
    const rekeyed = chosenKeys(newKeys, body.keys ?? [], revoked);
    const drafts = [...chosen.map(({ draft }) => draft), ...rekeyed.flatMap((one) => one.drafts)];
    requireFit(drafts.length);
    await desk.beginEpoch(drafts);
    return {
      ...{ epoch, size, reissued: chosen.map(showLapse), rekeyed: rekeyed.map(showKeys) },
      leftOut: lapses.filter((lapse) => !chosen.includes(lapse)).map(showLapse),
      newKeys: newKeys
        .filter(({ space }) => !rekeyed.some((one) => one.space === space))
        .map(showKeys),
    };
  },
};
