// Structured logs: one JSON object a line, never to standard output (which belongs to commands and the dashboard).
// Fields that carry keys or secrets are blanked here, so that no caller has to remember it.

import type { ComponentLogger, Logger } from '@libp2p/interface';
import { destination, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface Log {
  debug(detail: object, message: string): void;
  info(detail: object, message: string): void;
  warn(detail: object, message: string): void;
  error(detail: object, message: string): void;
}

export interface JsonLog extends Log {
  /** Writes out what is buffered and closes the file. */
  close(): void;
}

export interface JsonLogOptions {
  /** File to append to; standard error when absent. */
  readonly path?: string;
  readonly level?: LogLevel;
  /** Fields added to every line. */
  readonly base?: Readonly<Record<string, unknown>>;
}

const SECRET_FIELDS = [
  'key',
  'keyPem',
  'password',
  'pem',
  'privateKey',
  'privateKeyPem',
  'secret',
  'seed',
  'token',
];
/** Deeper than this nothing of ours nests its log details. */
const SECRET_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
const LIBRARY_TEXT_CHARS = 500;

/** Other users of the machine do not read along. */
const OWNER_ONLY = 0o600;

export function createJsonLog(options: JsonLogOptions = {}): JsonLog {
  const sink = destination({ dest: options.path ?? 2, sync: true, mkdir: true, mode: OWNER_ONLY });
  const writer = pino(
    {
      level: options.level ?? 'info',
      base: { ...options.base },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    },
    sink,
  );
  return {
    debug: (detail, message) => writer.debug(detail, message),
    info: (detail, message) => writer.info(detail, message),
    warn: (detail, message) => writer.warn(detail, message),
    error: (detail, message) => writer.error(detail, message),
    close: () => {
      sink.flushSync();
      // Standard error belongs to the process.
      if (options.path !== undefined) sink.end();
    },
  };
}

/** Drops everything: for tests and tools that have no place to log to. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/**
 * What the network library reports, through our log. Its errors arrive as `debug`: every refused stranger and every
 * peer that goes away makes several, and what an operator must see is counted and reported by our own code.
 */
export function libraryLogger(log: Log): ComponentLogger {
  const forComponent = (component: string): Logger =>
    Object.assign(() => {}, {
      enabled: false,
      trace: () => {},
      error: (format: unknown, ...values: unknown[]) =>
        log.debug({ component }, fill(format, values)),
      newScope: (name: string) => forComponent(`${component}:${name}`),
    });
  return { forComponent };
}

/** Puts values in place of `%s`, `%p`, `%e` and their kin, and cuts what a peer could make endless. */
function fill(format: unknown, values: readonly unknown[]): string {
  const rest = [...values];
  const text =
    typeof format === 'string'
      ? format.replace(/%[a-zA-Z]/g, (mark) => (rest.length > 0 ? describe(rest.shift()) : mark))
      : describe(format);
  return [text, ...rest.map(describe)].join(' ').slice(0, LIBRARY_TEXT_CHARS);
}

function describe(value: unknown): string {
  return value instanceof Error ? `${value.name}: ${value.message}` : String(value);
}
