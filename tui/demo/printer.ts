// Tells what the demo does while it does it: a line for each step, with a passing one for the step under way where a
// terminal can take it back.

import { formatDuration } from '../format/duration.ts';
import { type Look, outcomeLine, pendingLine, scenarioLines, stepLines } from './result.ts';
import type { Audience, Step } from './scenario.ts';
import type { Phase } from './setup.ts';

export interface Printer extends Audience {
  readonly phase: Phase;
  line(text: string): void;
}

export interface PrinterOptions {
  readonly write: (text: string) => void;
  readonly look: Look;
  /** Whether a line can be taken back. */
  readonly canErase: boolean;
  /** Work that ends because the demo is being stopped has not failed. */
  readonly signal: AbortSignal;
}

const ERASE_LINE = '\r\x1b[K';

export function createPrinter({ write, look, canErase, signal }: PrinterOptions): Printer {
  let scenarios = 0;
  const print = (lines: readonly string[]): void =>
    write(lines.map((text) => `${text}\n`).join(''));
  const begin = (title: string): void => {
    if (canErase) write(pendingLine(title, { ...look, maxColumns: (look.maxColumns ?? 80) - 1 }));
  };
  const end = (step: Step): void => {
    if (canErase) write(ERASE_LINE);
    print(stepLines(step, look));
  };
  return {
    line: (text) => print([text]),
    phase: async (title, act) => {
      begin(title);
      const beganMs = performance.now();
      const finish = (ok: boolean): void =>
        end({ title, ok, elapsedMs: Math.round(performance.now() - beganMs), evidence: [] });
      const result = await act().catch((error: unknown) => {
        if (!signal.aborted) finish(false);
        else if (canErase) write(ERASE_LINE);
        throw error;
      });
      finish(true);
      return result;
    },
    onScenario: (scenario) => {
      scenarios += 1;
      print(scenarioLines(scenario, scenarios, look));
    },
    onStepBegins: begin,
    onStep: end,
    onOutcome: (outcome) => print([outcomeLine(outcome, look)]),
  };
}

export const readyLine = (spaces: number, folder: string, ms: number): string =>
  `${spaces} spaces on this machine, ready after ${formatDuration(ms)}. Data: ${folder}`;
