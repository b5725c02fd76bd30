// Tells what the demo does while it does it: a line for each step, with a passing one for the step under way where a
// terminal can take it back.

import { formatDuration } from '../format/duration.ts';
import {
  briefLines,
  type Look,
  outcomeLine,
  pendingLine,
  scenarioLines,
  stepLines,
} from './result.ts';
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
  /** One line for each scenario, where a terminal can show meanwhile what is under way. */
  readonly isBrief: boolean;
  /** Work that ends because the demo is being stopped has not failed. */
  readonly signal: AbortSignal;
}

const ERASE_LINE = '\r\x1b[K';

export function createPrinter(options: PrinterOptions): Printer {
  const { write, look, canErase, signal } = options;
  const isBrief = options.isBrief && canErase;
  let scenarios = 0;
  let playing = '';
  const print = (lines: readonly string[]): void =>
    write(lines.map((text) => `${text}\n`).join(''));
  const begin = (title: string): void => {
    if (canErase) write(pendingLine(title, { ...look, maxColumns: (look.maxColumns ?? 80) - 1 }));
  };
  const erase = (): void => {
    if (canErase) write(ERASE_LINE);
  };
  const end = (step: Step): void => {
    erase();
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
        else erase();
        throw error;
      });
      finish(true);
      return result;
    },
    onScenario: (scenario) => {
      scenarios += 1;
      playing = scenario.title;
      if (!isBrief) print(scenarioLines(scenario, scenarios, look));
    },
    onStepBegins: (title) => begin(isBrief ? `${playing}: ${title}` : title),
    onStep: (step) => (isBrief ? erase() : end(step)),
    onOutcome: (outcome) =>
      print(isBrief ? briefLines(outcome, look) : [outcomeLine(outcome, look)]),
  };
}

export const readyLine = (spaces: number, folder: string, ms: number): string =>
  `${spaces} spaces on this machine, ready after ${formatDuration(ms)}. Data: ${folder}`;
