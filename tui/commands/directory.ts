// `odcm directory`, at ODCM: a directory of which two histories were signed goes on from a point that the keepers of the root
// choose. `histories` shows the point and what stands behind it, `continue` lets the new epoch begin.

import type { RouteResult } from '../../protocols/control-api.ts';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { parseCount } from './arguments.ts';
import { examples } from './examples.ts';

type Found = RouteResult<'directoryHistories'>;
type Lapse = Found['revocations'][number];
type NewKeys = Found['newKeys'][number];

interface Row {
  readonly from: string;
  readonly index: number;
  readonly event: string;
  readonly about: string;
  readonly at: string;
  readonly lastGood: Readonly<Record<string, number>> | null;
}

const collect = (value: string, all: string[] = []): string[] => [...all, value];

export const register: Register = (program, context) => {
  const directory = program
    .command('directory')
    .helpGroup(GROUPS.trust)
    .description('let a directory go on of which two histories were signed (at ODCM)');
  directory
    .command('histories')
    .description('where it can go on, and what stands behind that point in every history')
    .option('--at <size>', 'after so many entries; the most that are in all histories when absent')
    .addHelpText(
      'after',
      examples([
        ['odcm directory histories', 'the point, what the keepers sign, and what would be lost'],
        ['odcm directory histories --at 410 --json', 'the same for an earlier point, for machines'],
      ]),
    )
    .action(async (options: { at?: string }, self) => {
      const size = parseCount('--at', options.at);
      const invocation = invoke(self, context);
      const found = await ask(invocation, 'directoryHistories', {
        query: size === undefined ? {} : { size },
      });
      await showResult(invocation, {
        sentence: found.opened
          ? `The root lets the directory go on in epoch ${found.epoch} after ${found.size} entries; nothing is written in it yet.`
          : `The directory can go on in epoch ${found.epoch} after ${found.size} entries.`,
        more: [...describe(found), '', ...nextSteps(found)],
        title: 'entries',
        columns: plainColumns<Row>('from', 'index', 'event', 'about', 'at', 'lastGood'),
        rows: rowsOf(found),
      });
    });
  directory
    .command('continue')
    .description('begin the epoch that the root has opened; writes revocations again that it lacks')
    .option('--without <name>', 'a revocation that is left out, may be repeated', collect)
    .option('--keys <space>', 'new keys of a space to write again, may be repeated', collect)
    .option('--unseen', 'also when nobody that is connected shows all histories')
    .addHelpText(
      'after',
      examples([
        ['odcm directory continue', 'whoever was shut out in any history stays shut out'],
        ['odcm directory continue --without payments', 'but for a revocation that a thief wrote'],
        ['odcm directory continue --keys library', 'a space that cannot ask for its keys itself'],
      ]),
    )
    .action(async (options: { without?: string[]; keys?: string[]; unseen?: boolean }, self) => {
      const invocation = invoke(self, context);
      const { without, keys, unseen } = options;
      const result = await ask(invocation, 'continueDirectory', {
        body: {
          ...(without ? { without } : {}),
          ...(keys ? { keys } : {}),
          ...(unseen ? { unseen } : {}),
        },
      });
      const { epoch, size, reissued, leftOut, rekeyed, newKeys } = result;
      await showResult(invocation, {
        sentence: `The directory goes on in epoch ${epoch} after ${size} entries.`,
        more: [
          ...reissued.map((lapse) => `Written again: ${lapseText(lapse)}.`),
          ...leftOut.map((lapse) => `Left out: ${lapseText(lapse)}.`),
          ...rekeyed.map((keys) => `Written again: the new keys of ${keysText(keys)}.`),
          ...[...new Set(newKeys.map(({ space }) => space))].map(formerKeysText),
          'Every node takes it over within about a minute of being connected.',
        ],
        title: 'revocations',
        columns: plainColumns<Lapse & { isWritten: boolean }>(
          ...(['kind', 'name', 'about', 'at', 'lastGood', 'isWritten'] as const),
        ),
        rows: [
          ...reissued.map((lapse) => ({ ...lapse, isWritten: true })),
          ...leftOut.map((lapse) => ({ ...lapse, isWritten: false })),
        ],
      });
    });
};

const lapseText = ({ kind, name, about, lastGood }: Lapse): string =>
  kind === 'space'
    ? `${name} is shut out (${about || 'no reason'}; ${goodText(lastGood ?? {})})`
    : `grant ${name} (${about})`;

const keysText = ({ space, nodeKey, from }: NewKeys): string =>
  `${space}, node key ${nodeKey.slice(0, 16)}…, as shown by ${from.join(', ')}`;

const formerKeysText = (space: string): string =>
  `${space} goes by its former keys until its node, once connected, has asked for the new ones again by itself. If it does not come: odcm directory continue --keys ${space}`;

function goodText(lastGood: Readonly<Record<string, number>>): string {
  const feeds = Object.entries(lastGood).map(([feed, size]) => `${feed} to entry ${size}`);
  return feeds.length === 0 ? 'no last good entry is named' : `good: ${feeds.join(', ')}`;
}

const rowsOf = ({ histories }: Found): Row[] =>
  histories.flatMap(({ from, entries }) =>
    entries.map((entry) => ({ from: from.join(', '), ...entry })),
  );

function describe(found: Found): string[] {
  const { histories, revocations, newKeys, unseen, missing } = found;
  return [
    ...histories.flatMap(({ from, size, entries }) => [
      '',
      `As ${from.join(', ')} ${from.length === 1 ? 'has' : 'have'} it, ${size} entries; behind the point:`,
      ...(entries.length === 0 ? ['  none'] : []),
      ...entries.map(
        ({ index, event, about, at, lastGood }) =>
          `  ${index}  ${at}  ${event}  ${about}${lastGood ? `  (${goodText(lastGood)})` : ''}`,
      ),
    ]),
    '',
    revocations.length === 0
      ? 'None of them takes access away.'
      : 'Of these, written again unless you leave them out:',
    ...revocations.map((lapse) => `  ${lapseText(lapse)}`),
    ...(newKeys.length === 0
      ? []
      : [
          'New keys; a node that runs asks for them again by itself, others are named with --keys:',
        ]),
    ...newKeys.map((keys) => `  ${keysText(keys)}`),
    'Everything else behind the point has to be done again by hand.',
    ...(unseen.length > 0 ? [`Not seen, since not connected: ${unseen.join(', ')}.`] : []),
    ...(missing.length > 0
      ? [`Nobody shows the history that leads to ${missing.join(' and ')} entries.`]
      : []),
  ];
}

function nextSteps({ opened, size, root, epoch }: Found): string[] {
  if (opened) return ['Next:', '  odcm directory continue'];
  const rotate = `odcm root rotate --continue-directory ${size}:${root} --out epoch-${epoch}.root.json`;
  return [
    'Next a new directory key, at ODCM, and then the version of the root, by its keepers:',
    '  odcm keys next directory',
    `  ${rotate} --add-directory-key KEY --drop-directory-key ID`,
    'Only where the directory key was surely not stolen, --keep-directory-key instead of both.',
  ];
}
