// Dashboards that a test opens and that are closed after it, and what a test reads from them.

import { afterEach } from 'vitest';
import { type Bench, type BenchOptions, openBench } from './harness.ts';

const benches: Bench[] = [];
export async function open(options: BenchOptions = {}): Promise<Bench> {
  const bench = await openBench(options);
  benches.push(bench);
  await bench.advance(1_000);
  return bench;
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.stop();
});

export const cursorRow = (bench: Bench): string =>
  bench.screen().find((line) => /^.> /.test(line)) ?? '';
export const clipboard = ({ terminal }: Bench): string[] =>
  terminal.writes
    .filter((text) => text.startsWith('\x1b]52;c;'))
    .map((text) => Buffer.from(text.slice(7, -1), 'base64').toString());
