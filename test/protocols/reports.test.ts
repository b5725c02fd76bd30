import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../protocols/limits.ts';
import {
  parseDeployment,
  parseInventory,
  parseReported,
  targetCount,
} from '../../protocols/reports.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

const DEPLOYMENT = {
  id: 'ServerTasks-4711',
  project: 'web',
  release: '1.4.0',
  environment: 'production',
  outcome: 'ok',
  startedAt: '2026-11-20T10:00:00Z',
  endedAt: '2026-11-20T10:03:20Z',
  by: 'Lisa',
};
const INVENTORY = {
  serverVersion: '2026.3.1204',
  projects: 42,
  targets: { healthy: 10, unhealthy: 2, disabled: 1 },
  takenAt: '2026-11-20T11:59:00Z',
};

const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const refusalOf = (read: () => unknown) => {
  try {
    read();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
};

describe('a deployment', () => {
  it('is named by its id and happened when it ended', () => {
    const { item, timeMs } = parseReported('deployments', bytesOf(DEPLOYMENT), NOW);
    expect([item, timeMs]).toEqual(['ServerTasks-4711', Date.parse('2026-11-20T10:03:20Z')]);
  });

  it('may have a tenant and a reason', () => {
    const more = { ...DEPLOYMENT, outcome: 'failed', tenant: 'north', reason: 'the disk\nis full' };
    expect(parseDeployment(more, NOW)).toEqual(more);
  });

  it('may be a little ahead of the clock, as clocks differ', () => {
    const endedAt = new Date(NOW + LIMITS.clockSkewMs).toISOString();
    expect(parseDeployment({ ...DEPLOYMENT, endedAt }, NOW).endedAt).toBe(endedAt);
  });

  it.each([
    ['no object', 'deployed'],
    ['an array', [DEPLOYMENT]],
    ['without a project', { ...DEPLOYMENT, project: undefined }],
    ['with an empty environment', { ...DEPLOYMENT, environment: '' }],
    ['with an outcome of no kind', { ...DEPLOYMENT, outcome: 'success' }],
    ['with a field of no kind', { ...DEPLOYMENT, colour: 'red' }],
    ['that ended before it started', { ...DEPLOYMENT, endedAt: '2026-11-20T09:59:59Z' }],
    ['of the future', { ...DEPLOYMENT, endedAt: '2026-11-20T12:05:01Z' }],
    ['of a clock that was never set', { ...DEPLOYMENT, startedAt: '1970-01-01T00:00:00Z' }],
    ['that took two years', { ...DEPLOYMENT, startedAt: '2024-11-20T10:00:00Z' }],
    ['with a time of no zone', { ...DEPLOYMENT, startedAt: '2026-11-20T10:00:00' }],
    ['with a project of two lines', { ...DEPLOYMENT, project: 'web\u001b[2J' }],
    ['with a name that turns the reading', { ...DEPLOYMENT, by: 'Lisa\u202e' }],
    ['with half a character', { ...DEPLOYMENT, by: 'Lisa\ud800' }],
    ['with a project of 10,000 characters', { ...DEPLOYMENT, project: 'w'.repeat(10_000) }],
  ])('%s is refused', (_, payload) => {
    expect(refusalOf(() => parseDeployment(payload, NOW))).toBe('EVENT_INVALID');
  });

  it('with an id that is no item name is refused', () => {
    expect(refusalOf(() => parseDeployment({ ...DEPLOYMENT, id: '\ufeff1' }, NOW))).toBe(
      'NAME_INVALID',
    );
  });
});

describe('an inventory', () => {
  it('counts every target once', () => {
    expect(targetCount(parseInventory(INVENTORY, NOW))).toBe(13);
  });

  it('is always the same item', () => {
    const later = { ...INVENTORY, takenAt: '2026-11-20T12:00:00Z' };
    const items = [INVENTORY, later].map(
      (one) => parseReported('inventory', bytesOf(one), NOW).item,
    );
    expect(new Set(items).size).toBe(1);
  });

  it.each([
    ['without targets', { ...INVENTORY, targets: undefined }],
    ['with a negative number of projects', { ...INVENTORY, projects: -1 }],
    ['with half a project', { ...INVENTORY, projects: 1.5 }],
    ['with more targets than there can be', { ...INVENTORY, projects: 1e15 }],
    ['with an address of a script', { ...INVENTORY, serverUrl: 'javascript:alert(1)' }],
    ['with a tag twice', { ...INVENTORY, tags: ['production', 'production'] }],
    ['with a tag of capitals', { ...INVENTORY, tags: ['PRODUCTION'] }],
    ['of the future', { ...INVENTORY, takenAt: '2099-01-01T00:00:00Z' }],
  ])('%s is refused', (_, payload) => {
    expect(refusalOf(() => parseInventory(payload, NOW))).toBe('EVENT_INVALID');
  });
});

describe('bytes of a report', () => {
  it.each([
    ['that are too many', Buffer.alloc(LIMITS.reportBytes + 1, 0x20), 'TOO_LARGE'],
    ['that are no JSON', Buffer.from('{"id":'), 'NOT_JSON'],
    ['that are no text', Buffer.from([0x22, 0xff, 0x22]), 'NOT_JSON'],
    ['that are nested too deep', Buffer.from('['.repeat(3000)), 'EVENT_INVALID'],
    ['of nothing', Buffer.alloc(0), 'NOT_JSON'],
  ])('%s are refused', (_, bytes, code) => {
    expect(refusalOf(() => parseReported('deployments', bytes, NOW))).toBe(code);
  });
});
