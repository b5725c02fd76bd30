// What the control API of a node and its clients agree on: where the socket is and how a refusal looks.

import { join } from 'node:path';
import { MeshError } from './errors.ts';
import { quote } from './ids.ts';
import { LIMITS } from './limits.ts';

/** Body of every answer that is not a success; inside a stream of lines, the last line is `{"error": ControlError}`. */
export interface ControlError {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** The Unix socket of the node whose folder (an absolute path) is `home`. */
export function controlSocketPath(home: string): string {
  const path = join(home, 'control.sock');
  // The kernel cuts a longer path without a word, and another socket would be made or reached.
  if (Buffer.byteLength(path) > LIMITS.socketPathBytes) {
    throw new MeshError('USAGE', `the path of the folder ${quote(home)} is too long for a socket`, {
      next: `Use a shorter --home: at most ${LIMITS.socketPathBytes - '/control.sock'.length} bytes.`,
    });
  }
  return path;
}
