// Long work of the air gap: its lines drive a bar, and its last line is what came of it.

import type { RouteName, RouteResult } from '../../protocols/control-api.ts';
import { ROUTES, type RouteBody } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Invocation } from '../command-context.ts';

type LineRoute = 'exportBundle' | 'importBundle' | 'approveImport';
type Line<R extends LineRoute> = RouteResult<R>;
export type Outcome<R extends LineRoute> = Exclude<Line<R>, { progress: unknown }>;

const LABELS = {
  write: 'writing',
  copy: 'copying',
  scan: 'scanning',
  check: 'checking',
  apply: 'letting in',
} as const;

/** How far it is, in bytes. */
export interface Told {
  readonly label: string;
  readonly done: number;
  readonly of: number | null;
}

/** Asks, shows how far it is, and gives back the last line. @throws what the node refused */
export async function followWork<R extends LineRoute>(
  invocation: Invocation,
  route: R,
  body: RouteBody<R>,
): Promise<Outcome<R>> {
  let shown: string | undefined;
  let progress: ReturnType<Invocation['progress']> | undefined;
  try {
    const outcome = await tellWork(invocation, route, body, ({ label, done, of }) => {
      if (label !== shown) {
        progress?.finish();
        shown = label;
        progress = invocation.progress(label, 'bytes');
      }
      progress?.update(done, of ?? undefined);
    });
    progress?.finish();
    return outcome;
  } finally {
    progress?.clear();
  }
}

/** The same for whoever shows it in another way. */
export async function tellWork<R extends LineRoute>(
  { client, signal }: Pick<Invocation, 'client' | 'signal'>,
  route: R,
  body: RouteBody<R>,
  tell: (told: Told) => void,
): Promise<Outcome<R>> {
  const { path, result } = ROUTES[route as RouteName] as {
    path: string;
    result: { parse: (value: unknown) => unknown };
  };
  const parse = (value: unknown) => result.parse(value) as Line<R>;
  for await (const line of client.follow<Line<R>>(path, body, { signal, parse })) {
    if (!('progress' in (line as object))) return line as Outcome<R>;
    const { phase, ...rest } = (
      line as { progress: { phase: keyof typeof LABELS; done: number; of: number | null } }
    ).progress;
    tell({ label: LABELS[phase], ...rest });
  }
  throw new MeshError('NODE_UNREACHABLE', 'the node ended before it said what came of it', {
    next: 'See what became of it: odcm gap ledger',
  });
}
