// A frame of the dashboard as a picture: its cells and colours as SVG, the same on every machine. Lines and bars are drawn,
// since fonts leave gaps between them; text is stretched to its cells, whatever font there is.

import { displayWidth } from '../../tui/format/width.ts';

const [CELL, ROW, FONT] = [8.4, 19, 14];
const [LEFT, TOP, BAR, ROUND] = [18, 14, 38, 10];
const PAPER = '#0d1117';
const INK = '#c9d1d9';
const COLOURS: Readonly<Record<string, string>> = {
  31: '#ff7b72',
  32: '#56d364',
  33: '#e3b341',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#56d4dd',
};

interface Look {
  readonly colour: string | undefined;
  readonly isBold: boolean;
  readonly isDim: boolean;
  readonly isInverse: boolean;
}

interface Run {
  readonly text: string;
  /** Columns from the left edge. */
  readonly at: number;
  readonly look: Look;
}

const PLAIN: Look = { colour: undefined, isBold: false, isDim: false, isInverse: false };

/** Lines as the dashboard paints them, with their attributes. */
export function screenSvg(lines: readonly string[], title: string): string {
  const columns = Math.max(...lines.map((line) => runsOf(line).reduce(endOf, 0)));
  const [width, height] = [columns * CELL + 2 * LEFT, lines.length * ROW + BAR + 2 * TOP];
  const body = lines.flatMap((line, row) =>
    runsOf(line).flatMap((run) => draw(run, BAR + TOP + row * ROW)),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fixed(width)} ${fixed(height)}" role="img" aria-label="${escaped(title)}">`,
    `<style>text{font:${FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}.b{font-weight:700}</style>`,
    `<rect x=".5" y=".5" width="${fixed(width - 1)}" height="${fixed(height - 1)}" rx="${ROUND}" fill="${PAPER}" stroke="#30363d"/>`,
    `<path d="M1 ${BAR}V${ROUND}Q1 1 ${ROUND} 1H${fixed(width - ROUND)}Q${fixed(width - 1)} 1 ${fixed(width - 1)} ${ROUND}V${BAR}Z" fill="#161b22"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (colour, at) => `<circle cx="${22 + at * 20}" cy="${BAR / 2}" r="6" fill="${colour}"/>`,
    ),
    `<text x="${fixed(width / 2)}" y="${BAR / 2 + 5}" text-anchor="middle" fill="#8b949e">${escaped(title)}</text>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

const endOf = (end: number, { at, text }: Run): number => Math.max(end, at + displayWidth(text));

/** Pieces of one look each, cut at the sequences that change it. */
function runsOf(line: string): Run[] {
  const runs: Run[] = [];
  let look = PLAIN;
  let at = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: attributes are what is read here
  for (const [, code, text = ''] of line.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (code !== undefined) look = changed(look, code);
    else {
      runs.push({ text, at, look });
      at += displayWidth(text);
    }
  }
  return runs;
}

function changed(look: Look, code: string): Look {
  if (code === '1') return { ...look, isBold: true };
  if (code === '2') return { ...look, isDim: true };
  if (code === '22') return { ...look, isBold: false, isDim: false };
  if (code === '7' || code === '27') return { ...look, isInverse: code === '7' };
  if (code === '39') return { ...look, colour: undefined };
  const colour = COLOURS[code];
  if (colour === undefined) throw new Error(`the screen has an attribute ${code} without a colour`);
  return { ...look, colour };
}

function draw({ text, at, look }: Run, top: number): string[] {
  const colour = look.colour ?? (look.isDim ? '#7d8590' : look.isBold ? '#f0f6fc' : INK);
  const x = LEFT + at * CELL;
  const out: string[] = [];
  if (look.isInverse)
    out.push(rect(x, top, displayWidth(text) * CELL, ROW, look.colour ?? '#264f78'));
  const ink = look.isInverse ? '#ffffff' : colour;
  // Glyphs that must touch their neighbours one by one, everything else word by word.
  for (const { index, 0: piece } of text.matchAll(GLYPH_OR_WORD)) {
    const left = x + displayWidth(text.slice(0, index)) * CELL;
    out.push(shape(piece, left, top, ink) ?? word(piece, left, top, ink, look.isBold));
  }
  return out;
}

const GLYPH_OR_WORD = /─+|█+|░+|[│╭╮╰╯\u2581-\u2587\u2589-\u258f]|[^\s─│╭╮╰╯\u2581-\u258f░]+/gu;

const LINES: Readonly<Record<string, string>> = {
  '│': `M${CELL / 2} 0v${ROW}`,
  '╭': `M${CELL / 2} ${ROW}V${ROW / 2 + 4}Q${CELL / 2} ${ROW / 2} ${CELL} ${ROW / 2}`,
  '╮': `M${CELL / 2} ${ROW}V${ROW / 2 + 4}Q${CELL / 2} ${ROW / 2} 0 ${ROW / 2}`,
  '╰': `M${CELL / 2} 0V${ROW / 2 - 4}Q${CELL / 2} ${ROW / 2} ${CELL} ${ROW / 2}`,
  '╯': `M${CELL / 2} 0V${ROW / 2 - 4}Q${CELL / 2} ${ROW / 2} 0 ${ROW / 2}`,
};
const UPWARD = '▁▂▃▄▅▆▇█';
const RIGHTWARD = '▏▎▍▌▋▊▉';

/** Straight lines and full bars come as many at once. */
function shape(glyphs: string, x: number, top: number, ink: string): string | undefined {
  const glyph = glyphs[0]!;
  const width = glyphs.length * CELL;
  const line = glyph === '─' ? `M0 ${ROW / 2}h${fixed(width)}` : LINES[glyph];
  if (line !== undefined)
    return `<path transform="translate(${fixed(x)} ${top})" d="${line}" fill="none" stroke="${ink}" stroke-opacity=".6"/>`;
  const room = ROW - 4;
  const up = (UPWARD.indexOf(glyph) + 1) / UPWARD.length;
  if (up > 0) return rect(x, top + 2 + room * (1 - up), width, room * up, ink);
  const right = (RIGHTWARD.indexOf(glyph) + 1) / UPWARD.length;
  if (right > 0) return rect(x, top + 2, width * right, room, ink);
  return glyph === '░' ? rect(x, top + 2, width, room, ink, '.25') : undefined;
}

function word(text: string, x: number, top: number, ink: string, isBold: boolean): string {
  const length = fixed(displayWidth(text) * CELL);
  return `<text x="${fixed(x)}" y="${top + ROW - 5}" textLength="${length}" lengthAdjust="spacingAndGlyphs" fill="${ink}"${isBold ? ' class="b"' : ''}>${escaped(text)}</text>`;
}

function rect(
  x: number,
  y: number,
  width: number,
  height: number,
  ink: string,
  opacity = '',
): string {
  const faint = opacity === '' ? '' : ` fill-opacity="${opacity}"`;
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" fill="${ink}"${faint}/>`;
}

const fixed = (value: number): string => String(Math.round(value * 100) / 100);

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
