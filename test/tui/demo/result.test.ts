import { describe, expect, it } from 'vitest';
import {
  type DemoResult,
  evidenceText,
  failureText,
  isKept,
  outcomeLine,
  pendingLine,
  resultDocument,
  scenarioLines,
  stepLines,
  summaryLine,
} from '../../../tui/demo/result.ts';
import type { Evidence, Outcome, Step } from '../../../tui/demo/scenario.ts';
import { SCENARIOS } from '../../../tui/demo/scenarios/index.ts';
import { displayWidth } from '../../../tui/format/width.ts';
import { NOW_MS } from '../streams.ts';

const EVIDENCE: Evidence = {
  space: 'payments',
  feed: 'platform/shared-variables',
  item: 'connection-strings',
  entry: 3,
  version: 2,
  sizeBytes: 1_946,
  sha256: 'f9aa4fa4b781ffce'.repeat(4),
  leafHash: '1c6dcafed2b3eb64'.repeat(4),
  checkpoint: { size: 4, root: '5e7aaebeec56da7b'.repeat(4) },
  heldBy: ['hq', 'payments'],
  elapsedMs: 24,
};
const HOSTILE: Evidence = {
  space: 'a\u001b[2Jb',
  item: 'c\u202e\nd',
  note: 'e\u009b31m\u200bf'.repeat(40),
};
const STEP: Step = {
  title: 'a changed set reaches all of them',
  ok: true,
  elapsedMs: 130,
  evidence: [EVIDENCE, HOSTILE, EVIDENCE, EVIDENCE, EVIDENCE],
};
const KEPT: Outcome = {
  id: 'shared-variables',
  title: 'Shared variables reach every space',
  promise: 'What platform publishes arrives.',
  outcome: 'ok',
  summary: 'after 24 ms',
  elapsedMs: 1_100,
  steps: [STEP],
  failure: null,
};
const BROKEN: Outcome = {
  ...KEPT,
  id: 'trust',
  title: 'Trust decides who gets what',
  outcome: 'failed',
  summary: 'shipping may subscribe',
  failure: { step: 'shipping is refused', code: 'CONFLICT', message: 'shipping may subscribe' },
};

const piped = { maxColumns: undefined, colour: false, ascii: false };
const result = (outcomes: Outcome[]): DemoResult => ({
  meshName: 'acme',
  folder: '/tmp/odcm-demo-0',
  logs: '/tmp/odcm-demo-0/logs',
  spaces: ['hq', 'platform'],
  setupMs: 9_000,
  elapsedMs: 21_000,
  outcomes,
});

describe('outcomes as text', () => {
  it('give all evidence of a step where nothing is cut', () => {
    const lines = stepLines(STEP, piped);
    expect(lines).toHaveLength(1 + STEP.evidence.length);
    expect(lines[0]).toBe('   ✓ a changed set reaches all of them  0.1 s');
    expect(lines[1]).toBe(
      '       at payments  platform/shared-variables  "connection-strings"  after 24 ms  entry 3  version 2  1.9 KiB  sha256 f9aa4fa4b781ffce  leaf 1c6dcafed2b3eb64  head 4/5e7aaebeec56da7b  held by hq, payments',
    );
  });

  it('say so when some evidence is left out on a terminal', () => {
    const lines = stepLines(STEP, { ...piped, maxColumns: 100 });
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toContain('2 more');
  });

  it.each([60, 80, 100, 140, 200])('fit a terminal of %i columns', (maxColumns) => {
    for (const ascii of [false, true]) {
      const look = { maxColumns, colour: false, ascii };
      const long = { ...STEP, title: 'very '.repeat(60) };
      const lines = [
        ...stepLines(STEP, look),
        ...stepLines(long, look),
        ...scenarioLines(SCENARIOS[0]!, 1, look),
        outcomeLine({ ...BROKEN, summary: 'long '.repeat(60) }, look),
        pendingLine('long '.repeat(60), look),
      ];
      expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(maxColumns);
    }
  });

  it('show nothing that acts on a terminal', () => {
    for (const line of stepLines(STEP, piped)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b\u202e]/);
    }
  });

  it('have no sign beyond ASCII when asked', () => {
    const look = { maxColumns: 60, colour: false, ascii: true };
    const lines = [...stepLines(STEP, look), outcomeLine(KEPT, look), pendingLine('a step', look)];
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });

  it('say who holds a feed when nobody does', () => {
    expect(evidenceText({ feed: 'a/b', heldBy: [] }, false)).toBe('a/b  held by nobody');
  });

  it('name the promise, the step and the reason of a failure', () => {
    expect(failureText(BROKEN)).toBe(
      'the promise "Trust decides who gets what" is not kept at "shipping is refused" (CONFLICT: shipping may subscribe)',
    );
    expect(outcomeLine(BROKEN, piped)).toBe('   → FAILED in 1.1 s: shipping may subscribe');
  });

  it('count the promises kept and say where the logs are', () => {
    expect(summaryLine(result([KEPT, BROKEN]))).toBe(
      '1 of 2 promises kept in 21 s. Logs: /tmp/odcm-demo-0/logs',
    );
  });
});

describe('outcomes as a document', () => {
  it('are ok only when each is', () => {
    expect(isKept(result([KEPT, KEPT]))).toBe(true);
    expect(isKept(result([KEPT, BROKEN]))).toBe(false);
    expect(JSON.parse(resultDocument(result([BROKEN]), NOW_MS))).toMatchObject({
      outcome: 'failed',
    });
  });

  it('have every hash in full and nothing hostile', () => {
    const text = resultDocument(result([KEPT]), NOW_MS);
    const document = JSON.parse(text) as { scenarios: Outcome[]; generatedAt: string };
    expect(document.generatedAt).toBe('2026-11-20T10:42:10.000Z');
    const [first, hostile] = document.scenarios[0]!.steps[0]!.evidence;
    expect(first).toEqual(EVIDENCE);
    expect(hostile?.space).toBe('a[2Jb');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]|\\u/);
  });
});
