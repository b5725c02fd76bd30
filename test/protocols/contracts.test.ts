import { describe, expect, it } from 'vitest';
import { contractOf } from '../../protocols/contracts.ts';
import { parseContextName } from '../../protocols/ids.ts';
import { codeOf } from '../certs/fixtures.ts';

const SAID_MS = Date.parse('2026-11-21T12:00:00Z');
const contract = (name: string) => contractOf(parseContextName(name));
const DEPLOYMENT = {
  ...{ id: 'd-1', project: 'web', environment: 'production', outcome: 'ok', release: '1.0.0' },
  ...{ startedAt: '2026-11-20T10:00:00Z', endedAt: '2026-11-20T10:05:00Z', by: 'Lisa' },
};

describe('the contract of a context', () => {
  it('is there for reports, and for nothing that this program only carries', () => {
    expect(['inventory', 'deployments'].map(contract)).not.toContain(undefined);
    expect(['variables', 'step-templates', 'team-notes'].map(contract)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each(['inventory', 'deployments'])('of %s takes events, and no files', (name) => {
    expect(codeOf(() => contract(name)!('x', null, SAID_MS))).toBe('EVENT_INVALID');
    expect(codeOf(() => contract(name)!('x', { payload: 'text' }, SAID_MS))).toBe('EVENT_INVALID');
  });

  it('of deployments takes a deployment under its own name only', () => {
    const judge = (item: string) =>
      contract('deployments')!(item, { payload: DEPLOYMENT }, SAID_MS);
    expect(judge('d-1')).toBeUndefined();
    expect(codeOf(() => judge('d-2'))).toBe('EVENT_INVALID');
  });
});
