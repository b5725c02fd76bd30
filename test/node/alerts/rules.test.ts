import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../node/alerts/facts.ts';
import { judge } from '../../../node/alerts/rules.ts';
import { type AlertSettings, defaultSettings } from '../../../node/alerts/settings.ts';
import { inWords, oneLine, sizeInWords } from '../../../node/alerts/words.ts';
import { failedFact, feedFact, GIB, settingsOf, spaceFact, WELL } from './sample-facts.ts';

const DAY = 86_400_000;

function found(facts: Partial<Facts>, settings: AlertSettings = defaultSettings): string[] {
  return judge({ ...WELL, ...facts }, settings).findings.map(
    ({ rule, subject, level, verdict }) => `${verdict} ${level} ${rule} ${subject}`,
  );
}
const disk = (freeGiB: number) => ({
  disk: { path: '/data', freeBytes: freeGiB * GIB, sizeBytes: 100 * GIB },
});

describe('the rules', () => {
  it('find nothing where all is well', () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Partial<Facts>, string[]]>([
    [
      'a bundle that waits for approval',
      {
        gap: {
          ...{ unacknowledged: [], missing: [] },
          waiting: [
            { exporter: 'library', sequence: 17, waitingMs: 60_000, approvals: 1, needed: 2 },
          ],
        },
      },
      ['raise warn import-waiting library 17'],
    ],
    [
      'receipts that did not come',
      {
        gap: {
          ...{ unacknowledged: [], waiting: [] },
          missing: [{ space: 'payments', count: 2, first: 4 }],
        },
      },
      ['raise warn receipt-missing payments'],
    ],
    [
      'only an export that has gone without a receipt for long',
      {
        gap: {
          ...{ waiting: [], missing: [] },
          unacknowledged: [
            { space: 'payments', sequence: 3, ageMs: 14 * DAY },
            { space: 'ledger', sequence: 3, ageMs: 13 * DAY },
          ],
        },
      },
      ['raise warn export-unacknowledged payments'],
    ],
    [
      'a space that is offline',
      { spaces: [spaceFact('payments', 'offline')] },
      ['raise warn space-offline payments'],
    ],
    [
      'a space with the tag critical, one level up',
      { spaces: [spaceFact('ledger', 'offline', { tags: ['critical'] })] },
      ['raise crit space-offline ledger'],
    ],
    [
      'a suspected space, which is no reason to say that it is back',
      { spaces: [spaceFact('payments', 'suspected')] },
      ['hold warn space-offline payments', 'raise info space-suspected payments'],
    ],
    [
      'a space that was never heard while others are',
      { spaces: [spaceFact('payments', 'unknown'), spaceFact('ledger')] },
      ['hold warn space-offline payments', 'raise info space-unheard payments'],
    ],
    [
      'nothing to tell where this node hears nobody',
      { spaces: [spaceFact('payments', 'unknown')] },
      ['hold warn space-offline payments', 'hold info space-unheard payments'],
    ],
    [
      'a feed that lacks many entries',
      { feeds: [feedFact('library/a', { behind: 1000 })] },
      ['raise warn feed-behind library/a'],
    ],
    [
      'a feed that lacks an old entry',
      { feeds: [feedFact('library/a', { behind: 1, lagMs: 600_000 })] },
      ['raise warn feed-behind library/a'],
    ],
    [
      'a feed on its way back',
      { feeds: [feedFact('library/a', { behind: 500 })] },
      ['hold warn feed-behind library/a'],
    ],
    [
      'too few carriers',
      { feeds: [feedFact('library/a', { carriersComplete: 1 })] },
      ['raise warn feed-carriers library/a'],
    ],
    [
      'a feed that only its publisher has',
      { feeds: [feedFact('library/a', { carriersComplete: 0 })] },
      ['raise crit feed-carriers library/a'],
    ],
    [
      'a feed that nobody could carry',
      { feeds: [feedFact('library/a', { carriersComplete: 0, carriersPossible: 0 })] },
      ['raise crit feed-carriers library/a'],
    ],
    [
      'carriers of which nothing is known',
      { feeds: [feedFact('library/a', { carriersComplete: null, carriersUnknown: 3 })] },
      ['hold warn feed-carriers library/a'],
    ],
    [
      'carriers that may be enough',
      { feeds: [feedFact('library/a', { carriersComplete: 1, carriersUnknown: 2 })] },
      ['hold warn feed-carriers library/a'],
    ],
    [
      'carriers that cannot be enough whatever the others have',
      { feeds: [feedFact('library/a', { carriersComplete: 1, carriersUnknown: 1 })] },
      ['raise warn feed-carriers library/a'],
    ],
    [
      'a fork',
      { feeds: [feedFact('library/a', { isForked: true })] },
      ['raise crit fork-seen library/a'],
    ],
    [
      'a certificate of two weeks',
      { spaces: [spaceFact('payments', 'online', { certificateLeftMs: 13 * DAY })] },
      ['raise warn certificate-expiring payments'],
    ],
    [
      'a certificate of a month, which is a new one',
      { spaces: [spaceFact('payments', 'online', { certificateLeftMs: 29 * DAY })] },
      [],
    ],
    [
      'a certificate of days',
      { spaces: [spaceFact('payments', 'online', { certificateLeftMs: 6 * DAY })] },
      ['raise crit certificate-expiring payments'],
    ],
    [
      'a certificate that a courier has to bring, at half of its life',
      {
        spaces: [
          spaceFact('vault', 'online', { certificateLeftMs: 198 * DAY, isRenewedByFile: true }),
          spaceFact('depot', 'online', { certificateLeftMs: 197 * DAY, isRenewedByFile: true }),
          spaceFact('store', 'online', { certificateLeftMs: 29 * DAY, isRenewedByFile: true }),
        ],
      },
      ['raise warn certificate-expiring depot', 'raise crit certificate-expiring store'],
    ],
    [
      'many failures',
      { deployments: [failedFact('payments', 20, null)] },
      ['raise crit deployments-failed payments'],
    ],
    [
      'more failures than usual',
      { deployments: [failedFact('payments', 5, 1)] },
      ['raise crit deployments-failed payments'],
    ],
    [
      'failures where there are none',
      { deployments: [failedFact('payments', 3, 0)] },
      ['raise crit deployments-failed payments'],
    ],
    [
      'a stale directory',
      { directory: { state: 'stale', ageMs: 400_000 } },
      ['raise warn directory-stale directory'],
    ],
    [
      'an expired directory',
      { directory: { state: 'expired', ageMs: 8 * DAY } },
      ['raise crit directory-stale directory'],
    ],
    [
      'a clock that three others contradict',
      { clock: { state: 'ahead', offByMs: DAY, forMs: 60_000 } },
      ['raise warn clock-wrong clock'],
    ],
    [
      'a clock that has been ahead for its time of grace',
      { clock: { state: 'ahead', offByMs: DAY, forMs: 15 * 60_000 } },
      ['raise crit clock-wrong clock'],
    ],
    [
      'a clock that is behind what three others sign',
      { clock: { state: 'behind', offByMs: -DAY, forMs: 0 } },
      ['raise warn clock-wrong clock'],
    ],
    [
      'a clock that was set back',
      { clock: { state: 'regressed', offByMs: -DAY, forMs: 0 } },
      ['raise crit clock-wrong clock'],
    ],
    [
      'refusals',
      { refusals: [{ code: 'BAD_SIGNATURE', count: 100 }] },
      ['raise warn refusals-rising BAD_SIGNATURE'],
    ],
    ['a disk with a twelfth left', disk(9), ['raise warn disk-nearly-full /data']],
    ['a full disk', disk(2), ['raise crit disk-nearly-full /data']],
    ['a disk between the thresholds', disk(11), ['hold warn disk-nearly-full /data']],
    [
      'a route that fails',
      { routes: [{ name: 'mail', state: 'failing', lastError: 'gone', queued: 2 }] },
      ['raise warn route-failing mail'],
    ],
    [
      'a configuration that is not in force',
      { configurationProblem: 'bell: Invalid' },
      ['raise crit configuration-broken alerts.json'],
    ],
  ])('find %s', (_, facts, lines) => {
    expect(found(facts)).toEqual(lines);
  });

  it.each<[string, Partial<Facts>]>([
    ['a space that only files reach', { spaces: [spaceFact('vault', 'isolated')] }],
    ['a revoked space', { spaces: [spaceFact('payments', 'revoked', { certificateLeftMs: 1 })] }],
    [
      'a space whose certificate is not known',
      { spaces: [spaceFact('payments', 'online', { certificateLeftMs: null })] },
    ],
    [
      'as many carriers as a small mesh has',
      { feeds: [feedFact('library/a', { carriersComplete: 1, carriersPossible: 1 })] },
    ],
    [
      'a feed that wants no carriers',
      { feeds: [feedFact('library/a', { carriersComplete: 0, carriersWanted: 0 })] },
    ],
    ['a little lag', { feeds: [feedFact('library/a', { behind: 400, lagMs: 60_000 })] }],
    [
      'what is behind in an own feed',
      { feeds: [feedFact('library/a', { isOwn: true, behind: 9999 })] },
    ],
    ['a usual number of failures', { deployments: [failedFact('payments', 19, 18)] }],
    ['a project that nobody named', { deployments: [failedFact('web', 500, 1, 'project')] }],
    ['a few refusals', { refusals: [{ code: 'STALE_HEAD', count: 49 }] }],
    ['a disk whose size is not known', { disk: { path: '/data', freeBytes: 0, sizeBytes: 0 } }],
  ])('pass over %s', (_, facts) => {
    const raised = found(facts).filter((line) => line.startsWith('raise'));
    expect(raised).toEqual([]);
  });

  it('weigh named spaces and projects one level more', () => {
    const settings = settingsOf({
      critical: { spaces: ['pay*'], projects: ['web'] },
      rules: { 'deployments-failed': { level: 'warn' } },
    });
    const facts = {
      spaces: [spaceFact('payments', 'offline'), spaceFact('shipping', 'offline')],
      deployments: [failedFact('web', 30, 1, 'project'), failedFact('shipping', 30, 1)],
      feeds: [feedFact('payments/a', { carriersComplete: 1 })],
    };
    expect(found(facts, settings)).toEqual([
      'raise crit space-offline payments',
      'raise warn space-offline shipping',
      'raise crit feed-carriers payments/a',
      'raise crit deployments-failed web',
      'raise warn deployments-failed shipping',
    ]);
  });

  it('pass over what they are told to, and all of a rule that is off', () => {
    const facts = { spaces: [spaceFact('lab-1', 'offline')], ...disk(1) };
    const rules = { 'space-offline': { except: ['lab-*'] }, 'disk-nearly-full': { on: false } };
    expect(found(facts, settingsOf({ rules }))).toEqual([]);
  });

  it('say which of them know nothing', () => {
    const { unknown, findings } = judge({ ...WELL, spaces: null, disk: null }, defaultSettings);
    expect(findings).toEqual([]);
    expect([...unknown]).toEqual([
      ...['space-offline', 'space-suspected', 'space-unheard', 'certificate-expiring'],
      'disk-nearly-full',
    ]);
  });

  it('say what it is in a sentence with figures', () => {
    const { findings } = judge(
      { ...WELL, deployments: [failedFact('ledger', 31, 1.04)] },
      defaultSettings,
    );
    expect(findings[0]).toMatchObject({
      what: '31 failed deployments in 1 h (usual 1)',
      opens: { screen: 'deployments', subject: 'ledger' },
    });
  });
});

describe('the words of an alert', () => {
  it.each([
    [0, '0 s'],
    [59_400, '59 s'],
    [2_460_000, '41 m'],
    [187_200_000, '2 d 4 h'],
    [40 * DAY, '40 d'],
  ])('say %i ms as %s', (ms, text) => {
    expect(inWords(ms)).toBe(text);
  });

  it('say sizes in units of their order', () => {
    expect([0, 1023, 1536, 9 * GIB].map(sizeInWords)).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '9.0 GiB',
    ]);
  });

  it('hold no control characters, no marks of direction and no more than fits', () => {
    expect(oneLine('a\r\nBcc: b\u202ec\u0000d\u200b', 50)).toBe('a Bcc: b c d');
    expect(oneLine('x'.repeat(10_000), 10)).toBe(`${'x'.repeat(9)}…`);
  });
});
