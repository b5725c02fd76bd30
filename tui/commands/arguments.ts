// How the arguments and options that several commands take are read: text as typed in, value out or one refusal.

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { parseDuration } from '../format/duration.ts';
import { timeMs } from '../format/time.ts';

export const FEED_HELP = 'SPACE/FEED, or the bare name of a feed of this space';

const usage = (message: string, next: string): MeshError =>
  new MeshError('USAGE', message, { next });

/** A whole number of at least one; undefined stays what it is. */
export function parseCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (count < 1)
    throw usage(`${option} ${quote(text)} is no number of at least 1`, 'Write digits.');
  return count;
}

/** How many other spaces are to keep a copy of a feed. */
export function parseCarriers(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= LIMITS.carriersMax) return count;
  throw usage(
    `--carriers ${quote(text)} is no number from 0 to ${LIMITS.carriersMax}`,
    'Write digits.',
  );
}

/** `library` or `library/variables/base`; the name of a feed may hold slashes itself. */
export function parsePublisher(text: string): { publisher: string; feed?: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { publisher: text };
  const [publisher, feed] = [text.slice(0, slash), text.slice(slash + 1)];
  if (publisher === '' || feed === '') {
    throw usage(`${quote(text)} names no publisher or no feed`, 'Write it like library/variables.');
  }
  return { publisher, feed };
}

/** A point in time in the future: a date, a time, or how long from now. */
export function parseUntil(text: string, nowMs: number): string {
  const atMs = /^\s*\d{4}-/.test(text) ? timeMs(text.trim()) : nowMs + parseDuration(text);
  if (atMs === null) {
    throw usage(
      `${quote(text)} is not a time`,
      'Write it like 2026-11-20, 2026-11-20T10:41Z or 30d.',
    );
  }
  if (atMs <= nowMs) throw usage(`--until ${quote(text)} has passed`, 'Name a time to come.');
  return new Date(atMs).toISOString();
}

/** `all`, or names with commas between them. */
export function parseReaders(text: string): 'all' | string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) {
    throw usage(`--to ${quote(text)} has an empty name`, 'Write it like payments,shipping.');
  }
  if (!names.includes('all')) return [...new Set(names)];
  if (names.length === 1) return 'all';
  throw usage(`--to ${quote(text)} names spaces beside all`, 'Write all, or the names of spaces.');
}

/** A point in time or how long ago, as the node takes it: `24h`, `14d`, or a date that becomes a time in UTC. */
export function parseMoment(option: string, text: string): string {
  if (/^[1-9]\d{0,5}[mhdw]$/.test(text)) return text;
  const atMs = timeMs(text.trim());
  if (atMs === null || Number.isNaN(atMs)) {
    throw usage(
      `${option} ${quote(text)} is neither a time nor how long ago`,
      'Write it like 24h, 14d, 8w, 2026-11-20 or 2026-11-20T10:41Z.',
    );
  }
  return new Date(atMs).toISOString();
}

/** An option that may be repeated: everything that was given, in order. */
export const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];
