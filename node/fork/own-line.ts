// At ODCM: which log on its own disk says what it wrote behind the point from which the directory goes on. One that cannot be
// read is never taken for one that says nothing.

import { MeshError } from '../../protocols/errors.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Directory } from '../directory/directory.ts';
import { FeedLog } from '../feed/log.ts';
import type { MeshNode } from '../node.ts';
import { headKey, logPrefix } from '../store/keys.ts';
import { rootAt } from './prove.ts';

/** What was shown to the end may be too short, as in a backup: then what ODCM has is the point alone. */
export function shownLine({ shown, log, isWaiting }: Directory, point: number): FeedLog {
  if (isWaiting && shown.damage) throw unreadable(shown.damage);
  return isWaiting && shown.size < point ? log : shown;
}

/**
 * What ODCM wrote behind the point at which the newest epoch begins, before that epoch; undefined where it has none of it.
 * @param isUnseen one that cannot be read is passed over
 * @throws STORE_DAMAGED where it cannot be read: nobody must take that for a history in which nobody was shut out
 */
export async function formerLine(
  { directory, logs }: Pick<MeshNode, 'directory' | 'logs'>,
  isUnseen = false,
): Promise<FeedLog | undefined> {
  const { epoch, isWaiting } = directory;
  if (!epoch) return undefined;
  if (isWaiting) return isUnseen && directory.shown.damage ? directory.log : undefined;
  const { size, root } = epoch.continues;
  for (let number = epoch.epoch - 1; number >= 1; number--) {
    if (!(await logs.has(headKey(logPrefix(DIRECTORY_LOG, number))))) continue;
    const log = await FeedLog.open(logs, DIRECTORY_LOG, number);
    if (log.damage && !isUnseen) throw unreadable(log.damage);
    const isSound = log.note !== undefined && log.damage === undefined && log.size >= size;
    if (isSound && (await rootAt(log, size)).equals(root)) return log;
  }
  return undefined;
}

const unreadable = (cause: MeshError): MeshError =>
  new MeshError(
    'STORE_DAMAGED',
    'what ODCM wrote in the epoch before cannot be read: it may have shut a space out',
    {
      cause,
      next: 'Put the folder store of ODCM back from a backup and try again. If there is none: odcm directory continue --unseen',
    },
  );
