// Streams and a context for command tests: what is written is kept as text, the clock stands still unless moved.

import { Readable, Writable } from 'node:stream';
import { createClient } from '../../tui/client.ts';
import type { CommandContext } from '../../tui/command-context.ts';
import type { OutputStream } from '../../tui/terminal.ts';

export const NOW_MS = Date.UTC(2026, 10, 20, 10, 42, 10);

export interface TextStream extends OutputStream {
  readonly text: string;
}

export function textStream(columns?: number): TextStream {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  Object.defineProperty(stream, 'text', { get: () => Buffer.concat(chunks).toString('utf8') });
  return Object.assign(stream, columns === undefined ? {} : { isTTY: true, columns }) as Writable &
    TextStream;
}

/** A pipe whose reader has gone. */
export function brokenStream(): OutputStream {
  return new Writable({
    write: (_chunk, _encoding, done) => {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
    },
  }) as Writable & OutputStream;
}

export interface TestContext extends CommandContext {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

export function testContext(changes: Partial<CommandContext> = {}): TestContext {
  return {
    env: { ODCM_HOME: '/nowhere/odcm' },
    stdin: Readable.from([]),
    stdout: textStream(),
    stderr: textStream(),
    now: () => NOW_MS,
    delay: async () => undefined,
    signal: new AbortController().signal,
    createClient,
    exit: { code: 0 },
    ...changes,
  } as TestContext;
}
