import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../../node/alerts/glob.ts';
import { checkSettings, defaultSettings } from '../../../node/alerts/settings.ts';
import { durationMs } from '../../../node/alerts/time-settings.ts';
import { repository } from '../../docs/repository.ts';

const problems = (value: unknown): string[] =>
  checkSettings(typeof value === 'string' ? value : JSON.stringify(value)).problems.map(
    ({ path, problem }) => `${path}: ${problem}`,
  );

const smtp = {
  ...{ name: 'mail', kind: 'smtp', host: 'mail.acme.example', user: 'odcm' },
  ...{ passwordFile: '/run/secrets/mail', from: 'odcm@acme.example', to: ['lisa@acme.example'] },
};
const hook = { name: 'chat', kind: 'webhook', url: 'https://chat.example/in', keyEnv: 'CHAT_KEY' };

describe('alerts.json', () => {
  it('may be empty: every rule is on with its defaults and nobody is told', () => {
    const { settings } = checkSettings('{}');
    expect(settings).toEqual(defaultSettings);
    expect(settings?.rules['space-offline']).toMatchObject({
      on: true,
      level: 'warn',
      forMs: 15_000,
    });
    expect(settings?.rules['disk-nearly-full']).toMatchObject({ freePercent: 10, critPercent: 3 });
    expect(settings).toMatchObject({ groupMs: 20_000, bell: 'crit', routes: [] });
  });

  it('changes what it names and leaves the rest', () => {
    const { settings } = checkSettings(
      JSON.stringify({
        critical: { spaces: ['payments*'] },
        rules: { 'space-offline': { for: '2m', level: 'crit' }, 'feed-carriers': { on: false } },
        routes: [smtp, hook],
      }),
    );
    expect(settings?.rules['space-offline']).toMatchObject({
      ...{ forMs: 120_000, clearMs: 30_000, level: 'crit' },
    });
    expect(settings?.rules['feed-carriers'].on).toBe(false);
    expect(settings?.routes).toMatchObject([
      { name: 'mail', port: 587, security: 'starttls', minLevel: 'warn' },
      { name: 'chat', allowPlain: false },
    ]);
  });

  it.each<[string, unknown, string]>([
    ['text that is no JSON', '{"version": 1', 'the file: is not JSON: see line 1'],
    ['one message an hour', { group: '61m' }, 'group: is longer than an hour'],
    ['a list', [], 'the file: Invalid input: expected object, received array'],
    ['a later version', { version: 2 }, 'version: Invalid input: expected 1'],
    ['a key that does not exist', { rule: {} }, 'rule: no such key'],
    [
      'a rule that does not exist',
      { rules: { 'space-away': {} } },
      'rules.space-away: no such key',
    ],
    [
      'a threshold of another rule',
      { rules: { 'space-offline': { entries: 3 } } },
      'rules.space-offline.entries: no such key',
    ],
    [
      'a length of time without its unit',
      { rules: { 'space-offline': { for: '90' } } },
      'rules.space-offline.for: is no length of time like 90s or 10m',
    ],
    [
      'more than the whole disk',
      { rules: { 'disk-nearly-full': { freePercent: 101 } } },
      'rules.disk-nearly-full.freePercent: Too big: expected number to be <=100',
    ],
    [
      'two routes of one name',
      { routes: [smtp, { ...hook, name: 'mail' }] },
      'routes: two routes have the same name',
    ],
    [
      'a password in the file',
      { routes: [{ ...smtp, password: 'x' }] },
      'routes[0].password: no such key',
    ],
    [
      'two places for one password',
      { routes: [{ ...smtp, passwordEnv: 'P' }] },
      'routes[0].user: needs either passwordFile or passwordEnv',
    ],
    [
      'a password sent in the open',
      { routes: [{ ...smtp, security: 'none' }] },
      'routes[0].security: none would send the password in the open',
    ],
    [
      'an address with a second header in it',
      { routes: [{ ...smtp, to: ['a@b.example\r\nBcc: c@d.example'] }] },
      'routes[0].to[0]: is no mail address',
    ],
    ['nobody to write to', { routes: [{ ...smtp, to: [] }] }, /^routes\[0\]\.to: Too small/.source],
    [
      'a webhook over plain http',
      { routes: [{ ...hook, url: 'http://chat.example/in' }] },
      'routes[0].url: is not https; "allowPlain": true permits that',
    ],
    [
      'a password in a URL',
      { routes: [{ ...hook, url: 'https://a:b@chat.example' }] },
      'routes[0].url: has a password in it',
    ],
    [
      'a webhook to a file',
      { routes: [{ ...hook, url: 'file:///etc/passwd' }] },
      'routes[0].url: is neither https nor http',
    ],
    [
      'a webhook without a key',
      { routes: [{ ...hook, keyEnv: undefined }] },
      'routes[0].keyFile: either keyFile or keyEnv names the key that signs',
    ],
    [
      'a name that is a path',
      { routes: [{ ...hook, name: '../up' }] },
      'routes[0].name: is lower-case letters, digits and dashes',
    ],
    ['another kind of route', { routes: [{ ...hook, kind: 'pager' }] }, 'routes[0].kind: Invalid'],
  ])('is refused with %s', (_, value, line) => {
    const lines = problems(value);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(line.startsWith('^') ? new RegExp(line) : line);
  });

  it('is explained by an example that is sound and by a line for every rule', async () => {
    const page = await readFile(join(repository, 'docs/ALERTS.md'), 'utf8');
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
    expect(problems(example)).toEqual([]);
    for (const name of Object.keys(defaultSettings.rules)) expect(page).toContain(`| \`${name}\``);
  });

  it('names every problem, each on a line of its own', () => {
    expect(
      problems({ bell: 'loud', group: 'soon', rules: { 'fork-seen': { on: 1 } } }),
    ).toHaveLength(3);
  });

  it('never repeats the text that it cannot read', () => {
    expect(JSON.stringify(problems('{"password": "hunter2'))).not.toContain('hunter2');
  });
});

describe('a length of time', () => {
  it.each([
    ['90s', 90_000],
    ['500ms', 500],
    ['30d', 30 * 86_400_000],
    ['0s', 0],
  ])('%s is read', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '-5m', '5 m', '1.5h', '5w', '9999d', '1h30m'])('%j is refused', (text) => {
    expect(durationMs(text)).toBeUndefined();
  });
});

describe('a pattern', () => {
  it.each([
    ['payments', 'payments'],
    ['*', ''],
    ['pay*', 'payments'],
    ['*-prod', 'payments-prod'],
    ['a*b*c', 'axxbyyc'],
    ['ab*b', 'abb'],
  ])('%s is met by %j', (pattern, text) => {
    expect(matchesGlob(pattern, text)).toBe(true);
  });

  it.each([
    ['payments', 'payments-1'],
    ['pay*', 'repay'],
    ['ab*ba', 'aba'],
    ['a*b*c', 'acb'],
    ['a.c', 'abc'],
  ])('%s is not met by %j', (pattern, text) => {
    expect(matchesGlob(pattern, text)).toBe(false);
  });

  it('of many stars is judged at once, however the text repeats', () => {
    expect(matchesGlob(`${'a*'.repeat(150)}b`, 'a'.repeat(100_000))).toBe(false);
  });
});
