// What follows when access was taken away: who acts on it already, and what the space could read. `--wait` stays until every
// space that is online has said, signed, that it does.

import { type Command, Option } from 'commander';
import type { RouteResult } from '../../protocols/control-api.ts';
import { ask, askPart, askRows } from '../ask.ts';
import type { Invocation } from '../command-context.ts';
import { counted, formatNumber } from '../format/number.ts';
import { missingText } from '../views/revocations.ts';

type Revocation = RouteResult<'revocations'>;

export interface Aftermath {
  readonly applied: number | null;
  readonly of: number | null;
  /** Names of those that are not known to act on it. */
  readonly missing: readonly string[];
  /** Feeds that it could read. */
  readonly feeds: readonly string[];
  /** Items of this space's own feeds that must be changed, and those of them that are sensitive. */
  readonly readable: number | null;
  readonly sensitive: number | null;
  readonly sentences: readonly string[];
}

const LOOK_MS = 500;

export function waits(command: Command): Command {
  return command.addOption(
    new Option('--wait', 'stay until every space that is online has confirmed that it applies'),
  );
}

/** @param space null where the grant was for everybody */
export async function aftermath(
  invocation: Invocation,
  { entry, space, isWaiting }: { entry: number; space: string | null; isWaiting: boolean },
): Promise<Aftermath> {
  const standing = await (isWaiting ? waitFor(invocation, entry) : lookAt(invocation, entry));
  const exposure =
    space === null ? null : await askPart(ask(invocation, 'exposure', { query: { space } }));
  const feeds = exposure?.feeds.map(({ feed }) => feed) ?? [];
  return {
    ...{ applied: standing?.applied ?? null, of: standing?.of ?? null, feeds },
    missing: standing?.missing.map((row) => row.space) ?? [],
    ...{ readable: exposure?.readable ?? null, sensitive: exposure?.sensitive ?? null },
    sentences: [
      ...(standing ? [standingSentence(standing)] : []),
      ...(exposure && space !== null && feeds.length > 0 ? exposureSentences(exposure, space) : []),
    ],
  };
}

async function lookAt(invocation: Invocation, entry: number): Promise<Revocation | null> {
  const query = { from: entry, limit: 50 };
  const answer = await askPart(askRows(invocation, 'revocations', { query }));
  return answer?.rows.find((row) => row.entry === entry) ?? null;
}

async function waitFor(invocation: Invocation, entry: number): Promise<Revocation | null> {
  const { context, signal } = invocation;
  const progress = invocation.progress('applied', 'count');
  try {
    for (;;) {
      const row = await lookAt(invocation, entry);
      if (row === null) return null;
      progress.update(row.applied, row.of);
      // Who is away applies it before anything else once it is back.
      const isOpen = row.missing.some(({ state }) => state === 'online' || state === 'self');
      if (!isOpen) return row;
      await context.delay(LOOK_MS, signal);
    }
  } finally {
    progress.clear();
  }
}

function standingSentence(row: Revocation): string {
  const { applied, of } = row;
  const share = `Applied by ${formatNumber(applied)} of ${counted(of, 'space')}`;
  if (applied >= of) return `${share}.`;
  return `${share}; not yet by ${missingText(row)}. Look again with: odcm revocations`;
}

function exposureSentences(exposure: RouteResult<'exposure'>, space: string): string[] {
  const { feeds, readable, sensitive } = exposure;
  const named = feeds.slice(0, 10).map(({ feed }) => feed);
  const rest = feeds.length - named.length;
  const owners = [...new Set(feeds.filter(({ isOwn }) => !isOwn).map(({ owner }) => owner))];
  return [
    `What it could read, it knows: ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`,
    ...(readable === 0
      ? []
      : [
          `Change ${counted(readable, 'item')} of this space (${formatNumber(sensitive)} sensitive) at the source: odcm exposure ${space}`,
        ]),
    ...(owners.length === 0
      ? []
      : [`The same is to be done at ${owners.join(', ')}: odcm exposure ${space}`]),
  ];
}
