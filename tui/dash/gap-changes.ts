// Changes across the air gap: a bundle out, a bundle in, and what a person decides of one that waits. The ledger names who
// did it. Knows no screen.

import { basename, resolve } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import { ask } from '../ask.ts';
import { bundlePath } from '../commands/export.ts';
import { type Told, tellWork } from '../commands/gap-lines.ts';
import { formatBytes } from '../format/bytes.ts';
import { counted } from '../format/number.ts';
import { diffLines, type ImportDetail } from '../views/gap.ts';
import type { Change } from './changes.ts';
import type { Asker } from './sources.ts';

export interface Doer {
  readonly by: string;
  /** Says how far it is. */
  readonly tell: (text: string) => void;
}

export function exportBundleChange(asker: Asker, to: string, file: string, doer: Doer): Change {
  return {
    title: `Export a bundle for ${to}`,
    effects: [
      `What ${to} may have and lacks, as far as its receipts tell, is written to ${resolve(file)}.`,
      'Three files, signed; carry all of them. The ledger names it until a receipt comes back.',
    ],
    name: to,
    run: async () => {
      const { by, tell } = doer;
      const path = await bundlePath(file, to);
      const body = { path, to, by, base: 'acknowledged' as const };
      const outcome = await tellWork(asker, 'exportBundle', body, telling(tell));
      if ('unchanged' in outcome) return `nothing is new for ${to}`;
      const { sequence, entries, sizeBytes } = outcome.crossing;
      return `bundle ${sequence} for ${to}: ${counted(entries, 'entry', 'entries')}, ${formatBytes(sizeBytes)}, ${path}.*`;
    },
  };
}

export function importBundleChange(asker: Asker, file: string, { by, tell }: Doer): Change {
  const path = resolve(file);
  return {
    title: 'Import a bundle',
    effects: [
      `${path} is checked as a whole and kept; nothing of it is let in before it is approved.`,
      'Where no approval is asked for, it is let in at once.',
    ],
    name: basename(path),
    run: async () =>
      outcomeText(
        await tellWork(asker, 'importBundle', { path, by, dryRun: false }, telling(tell)),
      ),
  };
}

export function approveChange(
  asker: Asker,
  exporter: string,
  bundle: string,
  { by, tell }: Doer,
  detail: ImportDetail | null,
): Change {
  const sequence = sequenceOf(bundle);
  return {
    title: `Approve bundle ${sequence} of ${exporter}`,
    effects: [
      ...(detail === null
        ? ['What it changes is not known here yet: look at screen 9 first.']
        : briefly(diffLines(detail).slice(1, -1))),
      `You approve it as ${by}.`,
      'With the last approval that is needed it is let in, whole. This cannot be undone.',
    ],
    name: exporter,
    run: async () =>
      outcomeText(
        await tellWork(asker, 'approveImport', { exporter, sequence, by }, telling(tell)),
      ),
  };
}

export function refuseChange(
  asker: Asker,
  exporter: string,
  bundle: string,
  reason: string,
  { by }: Doer,
): Change {
  const sequence = sequenceOf(bundle);
  return {
    title: `Refuse bundle ${sequence} of ${exporter}`,
    effects: [
      'Nothing (more) of it is let in. The same files may be brought again.',
      ...(reason === '' ? [] : [`Written beside it: ${reason}`]),
    ],
    name: exporter,
    run: async () => {
      const row = await ask(asker, 'refuseImport', { body: { exporter, sequence, by, reason } });
      return `bundle ${row.sequence} of ${row.space} is ${row.state}`;
    },
  };
}

const MOST_LINES = 5;
const briefly = (lines: readonly string[]): string[] =>
  lines.length <= MOST_LINES
    ? [...lines]
    : [...lines.slice(0, MOST_LINES), `and ${lines.length - MOST_LINES} more lines on screen 9`];

function sequenceOf(text: string): number {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value > 0) return value;
  throw new MeshError('USAGE', `${JSON.stringify(text)} is not the number of a bundle`, {
    next: 'It stands in the ledger on screen 9.',
  });
}

const telling =
  (tell: Doer['tell']) =>
  ({ label, done, of }: Told): void =>
    tell(`${label}: ${formatBytes(done)}${of === null ? '' : ` of ${formatBytes(of)}`}`);

function outcomeText({ crossing, needed }: ImportDetail): string {
  const { sequence, space, state, approvals } = crossing;
  const wait = state === 'waiting' ? `, ${approvals.length} of ${counted(needed, 'approval')}` : '';
  return `bundle ${sequence} of ${space}: ${state}${wait}`;
}
