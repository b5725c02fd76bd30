// Bounded contexts: the kinds of data a feed may hold, the names of their events and what their content must be.

import { MeshError } from './errors.ts';
import type { ContextName } from './ids.ts';

export type ContentRule = 'json' | 'any';

export interface Context {
  readonly name: ContextName;
  /** Start of the event names: `StepTemplate` gives StepTemplatePublishedV1Event. */
  readonly noun: string;
  readonly content: ContentRule;
}

const builtIn = (name: string, noun: string, content: ContentRule = 'json'): Context => ({
  name: name as ContextName,
  noun,
  content,
});

/** The contexts every mesh has; an organisation adds its own through the directory. */
export const BUILT_IN_CONTEXTS: readonly Context[] = [
  builtIn('users', 'User'),
  builtIn('step-templates', 'StepTemplate'),
  builtIn('server-extensions', 'ServerExtension', 'any'),
  builtIn('variables', 'VariableSet'),
  builtIn('releases', 'Release'),
  builtIn('environments', 'Environment'),
  builtIn('targets', 'Target'),
  builtIn('deployments', 'Deployment'),
  builtIn('inventory', 'Inventory'),
];

/** `team-notes` gives `TeamNotes`. */
export function nounOf(context: ContextName): string {
  return context.replace(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export const publishedEvent = (context: Context): string => `${context.noun}PublishedV1Event`;
export const withdrawnEvent = (context: Context): string => `${context.noun}WithdrawnV1Event`;

/** Refuses content that its context does not take. A byte-order mark before JSON is tolerated: real files have one. */
export function checkContent(context: Context, bytes: Uint8Array, what: string): void {
  if (bytes.length === 0) throw new MeshError('FILE_EMPTY', `${what} is empty`);
  if (context.content === 'any') return;
  try {
    // TextDecoder drops one byte-order mark, and `fatal` refuses what is not UTF-8.
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError('NOT_JSON', `${what} is not UTF-8 JSON (${why})`, { cause });
  }
}
