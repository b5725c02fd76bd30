import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { checkSettings } from '../../../node/alerts/settings.ts';
import type { Invocation } from '../../../tui/command-context.ts';
import { ALERT_SETTINGS } from '../../../tui/demo/alert-settings.ts';
import { endsByItself } from '../../../tui/demo/demo.ts';
import { OPENING, SCENARIOS } from '../../../tui/demo/scenarios/index.ts';
import { describeTerminal } from '../../../tui/terminal.ts';
import { testContext, textStream } from '../streams.ts';

function invocation(changes: {
  readonly keyboard?: boolean;
  readonly screen?: boolean;
  readonly format?: 'text' | 'json';
  readonly term?: string;
}): Pick<Invocation, 'context' | 'options' | 'terminal'> {
  const { keyboard = true, screen = true, format = 'text', term = 'xterm' } = changes;
  const stdin = Object.assign(Readable.from([]), keyboard ? { isTTY: true } : {});
  const stdout = screen ? textStream(100) : textStream();
  const context = testContext({ stdin, stdout, env: { TERM: term } });
  const terminal = describeTerminal(stdout, context.env);
  return { context, terminal, options: { format } as Invocation['options'] };
}

describe('the demo', () => {
  it('opens the dashboard on a terminal', () => {
    expect(endsByItself(invocation({}))).toBe(false);
  });

  it.each([
    ['without a screen', { screen: false }],
    ['without a keyboard', { keyboard: false }],
    ['when its result is for a program', { format: 'json' }],
    ['on a terminal that cannot place its cursor', { term: 'dumb' }],
  ] as const)('ends by itself %s', (_, changes) => {
    expect(endsByItself(invocation(changes))).toBe(true);
  });

  it('promises more where nobody looks at the dashboard, each thing under its own name', () => {
    const ids = SCENARIOS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(SCENARIOS.slice(0, OPENING.length)).toEqual(OPENING);
    expect(ids).toContain('reports');
    expect(ids).toContain('outage');
  });

  it('has alert settings of its own that a node takes', () => {
    const { settings, problems } = checkSettings(JSON.stringify(ALERT_SETTINGS));
    expect(problems).toEqual([]);
    expect(settings?.rules['space-offline'].on).toBe(true);
  });
});
