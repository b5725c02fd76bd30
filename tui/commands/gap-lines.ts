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

/** Asks, shows how far it is, and gives back the last line. @throws what the node refused */
export async function followWork<R extends LineRoute>(
  invocation: Invocation,
  route: R,
  body: RouteBody<R>,
): Promise<Outcome<R>> {
  const { path, result } = ROUTES[route as RouteName] as {
    path: string;
    result: { parse: (value: unknown) => unknown };
  };
  const { client, signal } = invocation;
  const parse = (value: unknown) => result.parse(value) as Line<R>;
  let phase: keyof typeof LABELS | undefined;
  let progress: ReturnType<Invocation['progress']> | undefined;
  try {
    for await (const line of client.follow<Line<R>>(path, body, { signal, parse })) {
      if (!('progress' in (line as object))) {
        progress?.finish();
        return line as Outcome<R>;
      }
      const told = (
        line as { progress: { phase: keyof typeof LABELS; done: number; of: number | null } }
      ).progress;
      if (told.phase !== phase) {
        progress?.finish();
        phase = told.phase;
        progress = invocation.progress(LABELS[phase], 'bytes');
      }
      progress?.update(told.done, told.of ?? undefined);
    }
  } finally {
    progress?.clear();
  }
  throw new MeshError('NODE_UNREACHABLE', 'the node ended before it said what came of it', {
    next: 'See what became of it: odcm gap ledger',
  });
}
