// How outcomes look: lines for people, one document for machines. Pure; what comes from nodes is made fit to be shown.

import { formatBytes } from '../format/bytes.ts';
import type { Tone } from '../format/cell.ts';
import { displayJson, displayText } from '../format/display-text.ts';
import { formatDuration } from '../format/duration.ts';
import { paint } from '../format/table.ts';
import { cut, displayWidth } from '../format/width.ts';
import type { Terminal } from '../terminal.ts';
import type { Evidence, Outcome, Scenario, Step } from './scenario.ts';

export type Look = Pick<Terminal, 'maxColumns' | 'colour' | 'ascii'>;

/** On a terminal the first lines of a step's evidence must do; whoever wants all of it asks for text or JSON. */
const EVIDENCE_LINES = 3;
/** What people compare; JSON has all of it. */
const HASH_CHARS = 16;
const BRIEF_HASH_CHARS = 8;
const TEXT_COLUMNS = 100;

export function mark(ok: boolean, { ascii, colour }: Pick<Look, 'ascii' | 'colour'>): string {
  const sign = ascii ? (ok ? '+' : 'x') : ok ? '✓' : '✗';
  return colour ? paint(sign, ok ? 'good' : 'bad') : sign;
}

const dot = ({ ascii }: Look): string => (ascii ? '...' : '…');

/** Cut to the terminal first and painted then: a cut through a colour would leave it on. */
function line(indent: string, text: string, look: Look, tone?: Tone): string {
  const columns = (look.maxColumns ?? Number.POSITIVE_INFINITY) - indent.length;
  const shown = displayText(text);
  const fits = displayWidth(shown) <= columns;
  const short = fits
    ? shown
    : look.ascii
      ? `${cut(shown, columns - 2).slice(0, -1)}...`
      : cut(shown, columns);
  return indent + (tone === undefined || !look.colour ? short : paint(short, tone));
}

/** All there is to see; `brief` leaves out what stands elsewhere on the screen, so that the line fits. */
export function evidenceText(evidence: Evidence, isBrief: boolean): string {
  const { space, feed, item, entry, version, sizeBytes, sha256, leafHash } = evidence;
  const { checkpoint, heldBy, elapsedMs, code, note } = evidence;
  const hash = (text: string): string => text.slice(0, isBrief ? BRIEF_HASH_CHARS : HASH_CHARS);
  const isOfItem = item !== undefined;
  const parts = [
    space === undefined || (isBrief && heldBy !== undefined && !isOfItem) ? '' : `at ${space}`,
    feed === undefined || (isBrief && isOfItem) ? '' : feed,
    isOfItem ? `"${item}"` : '',
    elapsedMs === undefined ? '' : `after ${formatDuration(elapsedMs)}`,
    code ?? '',
    entry === undefined ? '' : `entry ${entry}`,
    version === undefined ? '' : `version ${version}`,
    sizeBytes === undefined || isBrief ? '' : formatBytes(sizeBytes),
    sha256 === undefined ? '' : `sha256 ${hash(sha256)}`,
    leafHash === undefined ? '' : `leaf ${hash(leafHash)}`,
    checkpoint === undefined || (isBrief && isOfItem)
      ? ''
      : `head ${checkpoint.size}/${hash(checkpoint.root)}`,
    heldBy === undefined ? '' : `held by ${heldBy.join(', ') || 'nobody'}`,
    note ?? '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}

export function scenarioLines({ title, promise }: Scenario, number: number, look: Look): string[] {
  const columns = Math.min(TEXT_COLUMNS, look.maxColumns ?? TEXT_COLUMNS) - 3;
  return [
    '',
    line('', `${number}. ${title}`, look),
    ...wrap(promise, columns).map((text) => line('   ', text, look, 'dim')),
  ];
}

/** A step while it runs, without the end of the line. */
export const pendingLine = (title: string, look: Look): string =>
  line('   ', `${look.ascii ? '-' : '·'} ${title} ${dot(look)}`, look, 'dim');

export function stepLines({ title, ok, elapsedMs, evidence }: Step, look: Look): string[] {
  const isBrief = look.maxColumns !== undefined;
  const room = look.maxColumns === undefined ? look : { ...look, maxColumns: look.maxColumns - 2 };
  const shown = isBrief ? evidence.slice(0, EVIDENCE_LINES) : evidence;
  const hidden = evidence.length - shown.length;
  const took = ok ? formatDuration(elapsedMs) : `failed after ${formatDuration(elapsedMs)}`;
  return [
    `   ${mark(ok, look)} ${line('', `${title}  ${took}`, { ...room, maxColumns: room.maxColumns && room.maxColumns - 3 })}`,
    ...shown.map((row) => line('       ', evidenceText(row, isBrief), look, 'dim')),
    ...(hidden > 0 ? [line('       ', `and ${hidden} more, all alike`, look, 'dim')] : []),
  ];
}

export function outcomeLine({ outcome, elapsedMs, summary }: Outcome, look: Look): string {
  const isKept = outcome === 'ok';
  const text = `${isKept ? 'ok' : 'FAILED'} in ${formatDuration(elapsedMs)}: ${summary}`;
  return line(`   ${look.ascii ? '=>' : '→'} `, text, look, isKept ? 'good' : 'bad');
}

/** All of a scenario in two lines. */
export function briefLines({ title, outcome, elapsedMs, summary }: Outcome, look: Look): string[] {
  const ok = outcome === 'ok';
  return [
    ...stepLines({ title, ok, elapsedMs, evidence: [] }, look),
    line('       ', summary, look, ok ? 'dim' : 'bad'),
  ];
}

/** One sentence for standard error. */
export function failureText({ title, failure }: Outcome): string {
  if (failure === null) return '';
  return displayText(
    `the promise "${title}" is not kept at "${failure.step}" (${failure.code}: ${failure.message})`,
  );
}

export interface DemoResult {
  readonly meshName: string;
  readonly folder: string;
  readonly logs: string;
  readonly spaces: readonly string[];
  readonly setupMs: number;
  readonly elapsedMs: number;
  readonly outcomes: readonly Outcome[];
}

export const isKept = ({ outcomes }: Pick<DemoResult, 'outcomes'>): boolean =>
  outcomes.every(({ outcome }) => outcome === 'ok');

export function summaryLine(result: DemoResult): string {
  const kept = result.outcomes.filter(({ outcome }) => outcome === 'ok').length;
  const took = formatDuration(result.elapsedMs);
  return `${kept} of ${result.outcomes.length} promises kept in ${took}. Logs: ${result.logs}`;
}

export function resultDocument(result: DemoResult, nowMs: number): string {
  const { meshName, folder, logs, spaces, setupMs, elapsedMs, outcomes } = result;
  const document = {
    version: 1,
    generatedAt: new Date(nowMs).toISOString(),
    target: folder,
    logs,
    mesh: meshName,
    spaces,
    outcome: isKept(result) ? 'ok' : 'failed',
    setupMs,
    elapsedMs,
    scenarios: outcomes,
  };
  return `${JSON.stringify(displayJson(document), null, 2)}\n`;
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && displayWidth(current) + 1 + displayWidth(word) > columns) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return current === '' ? lines : [...lines, current];
}
