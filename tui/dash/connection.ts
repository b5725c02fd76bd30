// What is known about the way to the node: live, slow, stale, lost (with the next try), or answering what this version
// does not understand. Judges outcomes of questions; asks none itself.

import { asMeshError, type MeshError } from '../../protocols/errors.ts';

export type Connection =
  | { readonly kind: 'connecting'; readonly sinceMs: number }
  | { readonly kind: 'live' }
  | { readonly kind: 'slow'; readonly waitingMs: number }
  | { readonly kind: 'stale'; readonly ageMs: number }
  | { readonly kind: 'odd'; readonly message: string; readonly next: string }
  | {
      readonly kind: 'lost';
      readonly sinceMs: number;
      readonly attempt: number;
      readonly nextTryMs: number;
      readonly message: string;
      readonly next: string;
    };

/** Why a part of the screen has nothing newer. */
export interface Trouble {
  /** `away`: not reached. `silent`: reached, no answer. `odd`: an answer nobody understands. `missing`: an older node. */
  readonly kind: 'away' | 'silent' | 'odd' | 'missing' | 'refused';
  readonly message: string;
  readonly next: string;
}

const NO_ROUTE = /^the control API has no /;

export function troubleOf(thrown: unknown): Trouble {
  const error: MeshError = asMeshError(thrown);
  const text = { message: error.message, next: error.next };
  if (error.code === 'NODE_UNREACHABLE') return { kind: 'away', ...text };
  if (error.code === 'TIMEOUT') return { kind: 'silent', ...text };
  if (error.code === 'USAGE' && NO_ROUTE.test(error.message)) {
    return {
      kind: 'missing',
      message: 'the node is older than this dashboard and does not know this part',
      next: 'Update the node, or use the odcm of its version.',
    };
  }
  return { kind: error.code === 'INTERNAL' ? 'odd' : 'refused', ...text };
}

/** Waiting time before the next try: short at first, never longer than a person would wait at the screen. */
export function retryDelayMs(attempt: number): number {
  return Math.min(15_000, 1_000 * 2 ** Math.min(attempt - 1, 10));
}
