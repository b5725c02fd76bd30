// The middle of the screen: one list with panels above and below it (beside it where there is room), in exactly so many
// lines. What does not fit is left out whole; a panel that has the focus is always shown, alone if it must be.

import { displayText } from '../format/display-text.ts';
import type { Room } from '../views/table.ts';
import type { Trouble } from './connection.ts';
import { beside, box, boxesBeside, type Panel } from './layout.ts';
import { cleanLine, EMPTY_LINE, fitLine, type Line, words, wrapLine, wrapped } from './line.ts';
import { type Listing, listLines, pageRows } from './list.ts';
import type { Content, ShownPanel } from './screens/screen.ts';
import type { View } from './state.ts';

export interface BodyInput {
  readonly content: Content;
  readonly listing: Listing | undefined;
  readonly selected: object | undefined;
  readonly view: View;
  readonly columns: number;
  readonly rows: number;
  readonly nowMs: number;
  readonly ascii: boolean;
  readonly isWide: boolean;
  /** Nothing of it is from now. */
  readonly isOld: boolean;
  readonly favourites: ReadonlySet<string>;
  readonly trouble: Trouble | undefined;
}

export interface Body {
  readonly lines: Line[];
  /** Rows of the list that can be seen, for paging. */
  readonly page: number;
}

const NARROW = 80;
const BESIDE = 120;
const MIN_LIST_ROWS = 6;
const MIN_SIDE = 46;
const MAX_SIDE = 84;

export function panelsOf(content: Content, selected: object | undefined): readonly ShownPanel[] {
  return [...(content.above ?? []), ...(content.below?.(selected) ?? [])].flat();
}

export function bodyLines(input: BodyInput): Body {
  const { content, listing, selected, view, columns, rows } = input;
  const above = content.above ?? [];
  const below = content.below?.(selected) ?? [];
  const focused = [...above, ...below].flat()[view.focus - 1];
  const drawn: Draw = (groups, width, wraps = false) =>
    groups.map((group) =>
      boxesBeside(
        group.map((panel) => made(panel, input, groupWidth(width, group), focused, wraps)),
        width,
      ),
    );

  const isNarrow = columns < NARROW;
  if (
    focused !== undefined &&
    (isNarrow || !fits(drawn(above, columns), drawn(below, columns), rows))
  ) {
    return { lines: filled(alone(focused, input), rows, columns), page: 1 };
  }
  if (columns >= BESIDE && below.length > 0 && content.table !== undefined)
    return wideBody(input, drawn);
  const top =
    isNarrow && content.table !== undefined
      ? []
      : trimmed(drawn(above, columns), rows - MIN_LIST_ROWS);
  // Where it is narrow the list comes first, and panels take what it leaves.
  const needed = isNarrow ? listRows(input) : Math.min(listRows(input), MIN_LIST_ROWS);
  const under = isNarrow
    ? single(content.table === undefined ? below : [...above, ...below])
    : below;
  const bottom = trimmed(drawn(under, columns), rows - top.length - needed - 1);
  const room = rows - top.length - bottom.length - (bottom.length > 0 ? 1 : 0);
  const list = listBlock(input, columns, room);
  const gap = bottom.length > 0 ? [EMPTY_LINE] : [];
  return {
    lines: filled([...top, ...list, ...gap, ...bottom], rows, columns),
    page: pageOf(listing, room),
  };
}

/** Each panel by itself, so that one of a row may be shown where there is no room for all. */
const single = (groups: readonly (readonly ShownPanel[])[]): ShownPanel[][] =>
  groups.flat().map((panel) => [panel]);

const pageOf = (listing: Listing | undefined, rows: number): number =>
  listing === undefined ? 1 : pageRows(listing.table, rows);

/** `wraps`: lines that are too long go on below, where a panel has little width and much height. */
type Draw = (
  groups: readonly (readonly ShownPanel[])[],
  width: number,
  wraps?: boolean,
) => Line[][];

/** List on the left, panels below each other on the right. */
function wideBody(input: BodyInput, drawn: Draw): Body {
  const { content, listing, selected, columns, rows } = input;
  const right = Math.min(MAX_SIDE, Math.max(MIN_SIDE, Math.floor(columns * 0.38)));
  const left = columns - right;
  const panels = single(content.below?.(selected) ?? []);
  const top = trimmed(drawn(content.above ?? [], columns), rows - MIN_LIST_ROWS);
  const room = rows - top.length;
  const list = filled(listBlock(input, left, room), room, left);
  const side = filled(trimmed(drawn(panels, right, true), room), room, right);
  return { lines: [...top, ...beside([list, side])], page: pageOf(listing, room) };
}

function made(
  panel: ShownPanel,
  input: BodyInput,
  columns: number,
  focused: ShownPanel | undefined,
  wraps: boolean,
): Panel {
  const room: Room = { columns: columns - 4, ascii: input.ascii, nowMs: input.nowMs };
  const { title, lines: made } = cleaned(panel.make(room));
  const lines = wraps ? made.flatMap((line) => wrapLine(line, room.columns)) : made;
  const shown = lines.slice(
    panel === focused ? Math.min(input.view.scroll, Math.max(0, lines.length - 1)) : 0,
  );
  const dimmed = input.isOld
    ? shown.map((line) => line.map(({ text }) => ({ text, tone: 'dim' as const })))
    : shown;
  const padded = [
    ...dimmed,
    ...Array.from({ length: lines.length - shown.length }, () => EMPTY_LINE),
  ];
  return { title, lines: padded, focused: panel === focused };
}

const cleaned = ({ title, lines }: Panel): Panel => ({
  title: displayText(title),
  lines: lines.map(cleanLine),
});

const groupWidth = (columns: number, group: readonly ShownPanel[]): number => {
  const share = Math.floor(columns / Math.max(1, group.length));
  return share < 38 ? columns : share;
};

function alone(panel: ShownPanel, input: BodyInput): Line[] {
  const room: Room = { columns: input.columns - 4, ascii: input.ascii, nowMs: input.nowMs };
  const { title, lines: made } = cleaned(panel.make(room));
  const lines = made.flatMap((line) => wrapLine(line, room.columns));
  const height = Math.max(1, input.rows - 2);
  const top = Math.min(input.view.scroll, Math.max(0, lines.length - height));
  return box({ title, lines: lines.slice(top, top + height), focused: true }, input.columns);
}

const fits = (above: readonly Line[][], below: readonly Line[][], rows: number): boolean =>
  [...above, ...below].reduce((sum, block) => sum + block.length, 0) + MIN_LIST_ROWS + 1 <= rows;

/** As many blocks from the front as fit whole. */
function trimmed(blocks: readonly Line[][], rows: number): Line[] {
  const out: Line[] = [];
  for (const block of blocks) {
    if (out.length + block.length > rows) break;
    out.push(...block);
  }
  return out;
}

const listRows = ({ listing }: BodyInput): number =>
  listing === undefined ? 3 : listing.rows.length + 1 + (listing.table.total === undefined ? 0 : 2);

function listBlock(input: BodyInput, columns: number, rows: number): Line[] {
  const { content, listing, view, nowMs, ascii, isWide, isOld, columns: screenColumns } = input;
  if (listing === undefined)
    return content.table === undefined && !hasPanels(content) ? nothing(input, columns) : [];
  if (listing.rows.length === 0) return emptyList(listing, view, columns);
  const stars = content.hasStars && content.nameOf ? starred(listing, input) : undefined;
  const shown = { columns, screenColumns, rows, nowMs, ascii, isWide, isDim: isOld };
  return listLines(listing, view, stars === undefined ? shown : { ...shown, stars });
}

const hasPanels = (content: Content): boolean => (content.above?.length ?? 0) > 0;

function starred(listing: Listing, { content, favourites }: BodyInput): ReadonlySet<string> {
  const nameOf = content.nameOf;
  if (nameOf === undefined || favourites.size === 0) return new Set();
  return new Set(
    listing.rows.filter((row) => favourites.has(nameOf(row))).map((row) => listing.table.idOf(row)),
  );
}

function emptyList({ table }: Listing, view: View, columns: number): Line[] {
  const text =
    table.rows.length > 0 && view.filter !== ''
      ? 'Nothing matches the filter. esc clears it.'
      : (table.empty ?? `There are no ${table.title}.`);
  const lines = wrapped(displayText(text), columns - 6).map((line) =>
    fitLine(words(`   ${line}`, 'dim'), columns),
  );
  return [EMPTY_LINE, ...lines, EMPTY_LINE];
}

/** No answer yet, or none that can be used: why, and what to do. */
function nothing({ trouble }: BodyInput, columns: number): Line[] {
  if (trouble === undefined) return [EMPTY_LINE, words('   Waiting for the node …', 'dim')];
  return [
    EMPTY_LINE,
    fitLine(words(`   ${sentence(displayText(trouble.message))}`, 'warn'), columns),
    fitLine(words(`   ${displayText(trouble.next)}`, 'dim'), columns),
  ];
}

const sentence = (text: string): string => `${(text[0] ?? '').toUpperCase()}${text.slice(1)}.`;

export function filled(lines: readonly Line[], rows: number, columns: number): Line[] {
  return Array.from({ length: Math.max(0, rows) }, (_, index) =>
    fitLine(lines[index] ?? EMPTY_LINE, columns),
  );
}
