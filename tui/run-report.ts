// The one way a command that reads shows what it read: any format, to a file or the screen, again and again with
// `--watch`, and with exit code 10 when `--fail-on` is met. The command itself only loads the report.

import type { Command } from 'commander';
import { asMeshError } from '../protocols/errors.ts';
import { type CommandContext, type Invocation, invoke } from './command-context.ts';
import { checkFailOn, FAIL_ON_EXIT_CODE, type Figures } from './fail-on.ts';
import { type Report, renderReport, selectRows } from './format/report.ts';
import { timeMs } from './format/time.ts';
import { CLEAR_SCREEN, watch } from './watch.ts';

export interface LoadedReport<R extends object> {
  readonly report: Report<R>;
  /** What `--fail-on` may speak of, beside `rows`, the number of rows that the filter left. */
  readonly figures?: Figures;
}

export async function runReport<R extends object>(
  command: Command,
  context: CommandContext,
  load: (invocation: Invocation) => Promise<LoadedReport<R>>,
): Promise<void> {
  const invocation = invoke(command, context);
  const { options, output, signal } = invocation;
  if (options.watchMs === undefined) {
    await showOnce(invocation, load, '');
    return;
  }
  const clears = invocation.terminal.isTerminal && options.format === 'text';
  await watch({
    everyMs: options.watchMs,
    signal,
    delay: context.delay,
    round: async () => !(await showOnce(invocation, load, clears ? CLEAR_SCREEN : '')),
    onTrouble: (error) => output.say(`odcm: ${asMeshError(error).line}`),
  });
}

/** Says whether `--fail-on` is met. Nothing is written before its tests are known to be sound. */
async function showOnce<R extends object>(
  invocation: Invocation,
  load: (invocation: Invocation) => Promise<LoadedReport<R>>,
  before: string,
): Promise<boolean> {
  const { context, options, output, terminal } = invocation;
  const { report, figures } = await load(invocation);
  const nowMs = context.now();
  const text = renderReport(report, {
    ...options,
    nowMs,
    maxColumns: terminal.maxColumns,
    colour: terminal.colour,
    ascii: terminal.ascii,
  });
  const met =
    options.failOn === undefined
      ? []
      : checkFailOn(options.failOn, {
          ...figures,
          rows: selectRows(report, options, timeMs(report.asOf) ?? nowMs).length,
        });
  await output.write(before + text);
  if (met.length === 0) return false;
  const reasons = met.map(({ test, name, value }) => `${test} (${name} is ${value})`).join(', ');
  output.say(`odcm: FAIL_ON: met: ${reasons}. Look for the cause in the report.`);
  context.exit.code = FAIL_ON_EXIT_CODE;
  return true;
}
