import { describe, expect, it } from 'vitest';
import { buildMessage, type Told, testMessage } from '../../../node/alerts/message.ts';
import { defaultSettings } from '../../../node/alerts/settings.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const origin = { id: 'abcdef012345', mesh: 'acme', from: 'library', atMs: 1_700_000_000_000 };
const told = (changes: Partial<Told> = {}): Told => ({
  ...{ alert: 'a1', kind: 'raised', rule: 'space-offline', level: 'warn', subject: 'payments' },
  ...{ what: 'payments is offline', sinceMs: 1_699_999_940_000, atMs: 1_700_000_000_000 },
  ...changes,
});
const storm = (size: number) =>
  Array.from({ length: size }, (_, n) => told({ subject: `space-${String(n).padStart(4, '0')}` }));

describe('an alert message', () => {
  it('names one thing in its title and says since when', () => {
    const message = buildMessage(origin, [told()], 'warn');
    expect(message).toMatchObject({
      ...{ level: 'warn', title: '1 space offline: payments', id: 'abcdef012345', from: 'library' },
      lines: [
        '1 space offline: payments',
        '  WARN payments is offline (since 2023-11-14T22:12:20.000Z)',
        '',
      ],
    });
  });

  it('names the number and the first few of a storm, and stays small', () => {
    const message = buildMessage(origin, storm(500), 'warn')!;
    expect(message.title).toBe(
      '500 spaces offline: space-0000, space-0001, space-0002, space-0003, space-0004 and 495 more',
    );
    expect(message.groups).toMatchObject([{ count: 500 }]);
    expect(message.groups[0]?.alerts).toHaveLength(LIMITS.alertsPerMessage);
    expect(message.lines).toContain('  … and 480 more, see: odcm alerts');
    expect(JSON.stringify(message).length).toBeLessThan(LIMITS.alertMessageBytes / 4);
  });

  it('fits into the queue whatever happens at once and however the names are written', () => {
    const rules = Object.keys(defaultSettings.rules) as Told['rule'][];
    const kinds = ['raised', 'worse', 'recovered'] as const;
    const wide = { subject: '\u5e93'.repeat(500), what: '\u5e93'.repeat(500) };
    const all = rules.flatMap((rule) =>
      kinds.flatMap((kind) => Array.from({ length: 50 }, () => told({ rule, kind, ...wide }))),
    );
    const message = buildMessage(origin, all, 'info')!;
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(LIMITS.alertMessageBytes);
    expect(message.groups.map(({ count }) => count)).toEqual(
      all.slice(0, rules.length * kinds.length).map(() => 50),
    );
    const named = message.groups.flatMap(({ alerts }) => alerts);
    expect(named).toHaveLength(LIMITS.alertsPerMessage);
  });

  it('puts the most urgent first, in the title and among the names', () => {
    const all = [
      told({ kind: 'recovered', rule: 'fork-seen', level: 'crit' }),
      ...storm(7),
      told({ subject: 'zeta', level: 'crit' }),
      told({ rule: 'feed-behind', subject: 'library/a' }),
    ];
    const message = buildMessage(origin, all, 'info')!;
    expect(message.level).toBe('crit');
    expect(message.title).toMatch(/^8 spaces offline: zeta, space-0000, .*, and 2 more$/);
    expect(message.groups.map(({ title }) => title.split(':')[0])).toEqual([
      '8 spaces offline',
      '1 feed behind',
      'over',
    ]);
  });

  it('leaves out what is less urgent than the route wants, and is none when nothing is left', () => {
    const all = [told({ level: 'info' }), told({ level: 'crit', subject: 'ledger' })];
    expect(buildMessage(origin, all, 'warn')?.title).toBe('1 space offline: ledger');
    expect(buildMessage(origin, [told({ level: 'info' })], 'warn')).toBeUndefined();
    expect(buildMessage(origin, [], 'info')).toBeUndefined();
  });

  it('is not changed by hostile names beyond their own place', () => {
    const subject = `x\r\nBcc: evil@example.com\u202e${'y'.repeat(10_000)}`;
    const message = buildMessage(origin, [told({ subject, what: subject })], 'warn')!;
    for (const line of [message.title, ...message.lines]) {
      expect(line).not.toMatch(/[\r\n\u202e]/);
      expect(line.length).toBeLessThan(400);
    }
  });

  it('can be a test, which says so', () => {
    expect(testMessage(origin)).toMatchObject({
      ...{ level: 'info', title: 'test message from library', groups: [] },
    });
  });
});
