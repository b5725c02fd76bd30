// Everything that can go wrong between a command and its node, as the error a person reads: the node is away, is
// silent, refuses, or answers something that makes no sense. Sends nothing itself.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, type Code, MeshError } from '../protocols/errors.ts';
import { displayText } from './format/display-text.ts';
import { formatDuration } from './format/duration.ts';

/** One request, named in its errors. */
export interface Exchange {
  readonly home: string;
  readonly method: string;
  readonly path: string;
}

const SHOWN_COLUMNS = 500;

const named = ({ method, path }: Exchange): string => `${method} ${displayText(path, 120)}`;

/** As it can be pasted into a shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The connection could not be made or broke. Errors that are already typed pass. */
export function connectionFault(exchange: Exchange, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (error instanceof MeshError || typeof code !== 'string') return error;
  // Errors of a file that was being uploaded have codes as well, but no connection behind them.
  if (error instanceof Error && 'path' in error && 'syscall' in error && error.syscall === 'open') {
    return new MeshError('FILE_UNREADABLE', `${displayText(String(error.path))} cannot be read`, {
      cause: error,
    });
  }
  if (code.startsWith('HPE_')) return answerFault(exchange, 'is not HTTP', error);
  const home = shellWord(exchange.home);
  const away = (what: string, next: string): MeshError =>
    new MeshError('NODE_UNREACHABLE', what, {
      next,
      cause: error,
      detail: { home: exchange.home },
    });
  if (code === 'EACCES' || code === 'EPERM') {
    return away(
      `the node in ${home} belongs to another user`,
      'Run the command as the user that runs the node.',
    );
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || code.startsWith('ERR_STREAM')) {
    return away(
      `the node in ${home} went away while it answered ${named(exchange)}`,
      `See whether it still runs: odcm status --home ${home}`,
    );
  }
  if (!existsSync(join(exchange.home, 'node.json'))) {
    return away(
      `there is no node in ${home}`,
      `Make a mesh with: odcm init MESH --home ${home}, or join one with: odcm join TOKEN --home ${home}, then start it with: odcm run --home ${home}`,
    );
  }
  return away(`the node in ${home} is not running`, `Start it with: odcm run --home ${home}`);
}

export function timeoutFault(exchange: Exchange, timeoutMs: number): MeshError {
  const home = shellWord(exchange.home);
  return new MeshError(
    'TIMEOUT',
    `the node in ${home} was silent for ${formatDuration(timeoutMs)} on ${named(exchange)}`,
    { next: 'It may be busy or stopped; try again, and look at its log.' },
  );
}

/** The answer makes no sense: another program or another version is at the other end. */
export function answerFault(exchange: Exchange, what: string, cause?: unknown): MeshError {
  return new MeshError('INTERNAL', `the answer of the node to ${named(exchange)} ${what}`, {
    next: `See that odcm and the node in ${shellWord(exchange.home)} are of the same version, and restart the node.`,
    cause,
  });
}

export function parseAnswer<T>(
  exchange: Exchange,
  value: unknown,
  parse: ((value: unknown) => T) | undefined,
): T {
  if (parse === undefined) return value as T;
  try {
    return parse(value);
  } catch (error) {
    throw answerFault(exchange, 'is not what this version understands', error);
  }
}

/** The body of an answer that is no success, as the error that the node threw. */
export function refusalOf(exchange: Exchange, status: number, body: string): MeshError {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return answerFault(exchange, `has status ${status} and is not JSON`, error);
  }
  return (
    readError(value) ?? answerFault(exchange, `has status ${status} and does not say what is wrong`)
  );
}

/** A stream that fails after it began says so in its last line. */
export function streamErrorOf(exchange: Exchange, value: unknown): MeshError | undefined {
  if (!isObject(value) || !('error' in value) || Object.keys(value).length !== 1) return undefined;
  return readError(value['error']) ?? answerFault(exchange, 'ends with an error it does not name');
}

function readError(value: unknown): MeshError | undefined {
  if (!isObject(value)) return undefined;
  const { code, message, next, detail } = value;
  if (typeof code !== 'string' || typeof message !== 'string') return undefined;
  // What the node says may quote what a peer said.
  const said = displayText(message, SHOWN_COLUMNS).replace(/\.$/, '');
  const known = Object.hasOwn(CODES, code);
  return new MeshError(
    known ? (code as Code) : 'INTERNAL',
    known ? said : `${displayText(code, 60)}: ${said}`,
    {
      ...(typeof next === 'string' ? { next: displayText(next, SHOWN_COLUMNS) } : {}),
      ...(isObject(detail) ? { detail } : {}),
    },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
