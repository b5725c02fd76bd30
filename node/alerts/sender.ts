// What a way of sending is to the route that uses it.

import type { Message } from './message.ts';

export interface Attempt {
  /** Ends the attempt: it took too long, or the node stops. */
  readonly signal: AbortSignal;
  /** Whatever secret the attempt used is put here, so that no error repeats it. */
  readonly secrets: string[];
}

/**
 * Sends one message. Resolves when the other side has taken it: with null, or with what is wrong all the same. Throws
 * when nobody has it.
 */
export type Send = (message: Message, attempt: Attempt) => Promise<string | null>;
