import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Envelope,
  encodeEnvelope,
  formatSource,
  parseEnvelope,
  parseEvent,
  parseSource,
} from '../../protocols/envelope.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { parseFeedName, parseItemName, parseSpaceName } from '../../protocols/ids.ts';
import { codeOf } from '../certs/fixtures.ts';

const envelope: Envelope = {
  id: randomUUID(),
  source: 'odcm://library/variables/base#Region',
  type: 'VariableSetPublishedV1Event',
  occurredTimeUtc: '2026-11-21T10:00:00.000Z',
  activityId: randomUUID(),
  specVersion: '1.0',
  payload: { Region: 'eu-west', Nothing: null },
};
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const withPayload = (text: string) =>
  Buffer.from(
    JSON.stringify({ ...envelope, payload: 0 }).replace('"payload":0', `"payload":${text}`),
  );

describe('event envelope', () => {
  it('is read back as it was written, its keys in one order', () => {
    const bytes = encodeEnvelope(envelope);
    expect(parseEnvelope(bytes)).toEqual(envelope);
    const reversed = Object.fromEntries(Object.entries(envelope).reverse()) as unknown as Envelope;
    expect(encodeEnvelope(reversed)).toEqual(bytes);
  });

  it.each<[string, unknown]>([
    ...Object.keys(envelope).map((key): [string, unknown] => {
      const { [key as keyof Envelope]: _, ...rest } = envelope;
      return [`without ${key}`, rest];
    }),
    ['with a field more', { ...envelope, extra: 1 }],
    ['with a number as type', { ...envelope, type: 1 }],
    ['with an id that is no UUID', { ...envelope, id: 'x' }],
    ['with an id in capitals', { ...envelope, id: 'A'.repeat(8) + envelope.id.slice(8) }],
    ['with an activity that is no UUID', { ...envelope, activityId: '' }],
    ['with a local time', { ...envelope, occurredTimeUtc: '2026-11-21T10:00:00' }],
    ['with an offset', { ...envelope, occurredTimeUtc: '2026-11-21T10:00:00+01:00' }],
    ['with a month 13', { ...envelope, occurredTimeUtc: '2026-13-21T10:00:00Z' }],
    ['with another specVersion', { ...envelope, specVersion: '2.0' }],
    ['that is an array', [envelope]],
    ['that is null', null],
    ['that is a text', 'event'],
  ])('is refused %s', (_, value) => {
    expect(codeOf(() => parseEnvelope(json(value)))).toBe('EVENT_INVALID');
  });

  it('is refused when its bytes are no JSON, no UTF-8 or begin with a mark', () => {
    const bytes = encodeEnvelope(envelope);
    for (const bad of [
      bytes.subarray(0, -1),
      Buffer.alloc(0),
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
      Buffer.from(bytes.toString('latin1').replace('eu-west', 'eu\xff'), 'latin1'),
      Buffer.from(JSON.stringify(envelope).replace('{', '{"__proto__":{},')),
    ]) {
      expect(codeOf(() => parseEnvelope(bad))).toBe('EVENT_INVALID');
    }
  });

  it('is smaller than 64,000 bytes, to the byte', () => {
    const empty = encodeEnvelope({ ...envelope, payload: '' }).length;
    const fits = { ...envelope, payload: 'x'.repeat(63_999 - empty) };
    expect(encodeEnvelope(fits).length).toBe(63_999);
    expect(parseEnvelope(encodeEnvelope(fits)).payload).toBe(fits.payload);
    const above = { ...envelope, payload: `${fits.payload}x` };
    expect(codeOf(() => encodeEnvelope(above))).toBe('TOO_LARGE');
    expect(codeOf(() => parseEnvelope(json(above)))).toBe('TOO_LARGE');
  });

  it('is nested 100 deep at most, itself included', () => {
    expect(parseEnvelope(withPayload(nested(99))).type).toBe(envelope.type);
    expect(codeOf(() => parseEnvelope(withPayload(nested(100))))).toBe('EVENT_INVALID');
    expect(codeOf(() => parseEnvelope(withPayload(nested(30_000))))).toBe('EVENT_INVALID');
    expect(codeOf(() => parseEnvelope(withPayload('{"a":'.repeat(10_000))))).toBe('EVENT_INVALID');
  });

  it('may hold any number of brackets in its texts', () => {
    const payload = ['['.repeat(500), `\\"${'{'.repeat(500)}`, '"', '\\'];
    expect(parseEnvelope(encodeEnvelope({ ...envelope, payload })).payload).toEqual(payload);
  });
});

describe('source of an event', () => {
  const source = (item: string) => ({
    space: parseSpaceName('library'),
    feed: parseFeedName('variables/base'),
    item,
  });

  it('is read back for every item name there can be', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (item) => {
        fc.pre(!isRefused(() => parseItemName(item)));
        expect(parseSource(formatSource(source(item)))).toEqual(source(item));
      }),
    );
  });

  it('escapes what has a meaning in it', () => {
    const text = formatSource(source('a b/c#d?é'));
    expect(text).toBe('odcm://library/variables/base#a%20b%2Fc%23d%3F%C3%A9');
    expect(parseSource(text).item).toBe('a b/c#d?é');
  });

  it.each([
    ['http://library/variables#a', 'EVENT_INVALID'],
    ['odcm://library/variables', 'EVENT_INVALID'],
    ['odcm://library/variables#', 'EVENT_INVALID'],
    ['odcm://library#a', 'EVENT_INVALID'],
    ['odcm://library/variables#%E9', 'EVENT_INVALID'],
    ['odcm://Library/variables#a', 'NAME_INVALID'],
    ['odcm://library/Variables#a', 'NAME_INVALID'],
    ['odcm://library/variables/#a', 'NAME_INVALID'],
    ['odcm://library/a/b/c/d/e#a', 'NAME_INVALID'],
    ['odcm://library/variables#a%0Ab', 'NAME_INVALID'],
    [`odcm://library/variables#${'a'.repeat(201)}`, 'NAME_INVALID'],
    ['odcm://library/variables#%61', 'NOT_CANONICAL'],
    ['odcm://library/variables#%c3%a9', 'NOT_CANONICAL'],
    ['odcm://library/variables#a b', 'NOT_CANONICAL'],
  ])('is refused as %s', (text, code) => {
    expect(codeOf(() => parseSource(text))).toBe(code);
  });
});

function isRefused(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return isMeshError(error);
  }
}

function resultOf<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

describe('the content of an event', () => {
  const bytes = (text: string) => Buffer.from(text);
  const head = JSON.stringify({ ...envelope, payload: undefined }).slice(0, -1);

  it('is the text of the payload as it stands in the record, when that comes last', () => {
    for (const text of [
      '{"a":[1,2.50]}',
      '"\u00e9"',
      '1e3',
      'null',
      '{"x":{"payload":1},"payload":2}',
    ]) {
      const event = parseEvent(bytes(`${head},"payload":${text}}`));
      expect(event.content.toString()).toBe(text);
      expect(event.envelope.payload).toEqual(JSON.parse(text));
    }
  });

  it('is written anew for any other form of the same event', () => {
    const rest = head.slice(1);
    for (const text of [
      `{"payload":{"a": 1},${rest}}`,
      `${head},"payload": {"a":1}}`,
      `${head},"payload":{"a":1} }`,
      `${head},"payload":{"a":1}}\n`,
      `${head},"payload":0,"payload":{"a":1}}`,
    ]) {
      const event = parseEvent(bytes(text));
      expect(event.content.toString()).toBe('{"a":1}');
      expect(event.envelope).toEqual({ ...envelope, payload: { a: 1 } });
    }
  });

  it('says what JSON.parse makes of the whole, whatever stands around it', () => {
    const token = fc.constantFrom(
      ...[',"payload":', '"payload":', ',"p\\u0061yload":', head.slice(1), ',', '{', '}', '[', ']'],
      ...[
        '"a":',
        '1',
        '2.50',
        '"\u00e9\ud83d\ude00"',
        '"\\ud83d"',
        '"\\",\\"payload\\":"',
        ' ',
        '\n',
        '\u00a0',
      ],
    );
    const body = fc.array(token, { maxLength: 6 }).map((tokens) => tokens.join(''));
    const text = fc.oneof(
      body.map((payload) => `${head},"payload":${payload}}`),
      body.map((middle) => `${head}${middle},"payload":{"a":1}}`),
      body.map((before) => `{${before}${head.slice(1)},"payload":"\u00e9"}`),
    );
    let read = 0;
    const property = fc.property(text, (event) => {
      const [ours, whole] = [
        resultOf(() => parseEvent(bytes(event))),
        resultOf(() => JSON.parse(event)),
      ];
      if (!ours) return;
      read++;
      expect(ours.envelope).toEqual(whole);
      expect(JSON.parse(ours.content.toString())).toEqual(whole.payload);
    });
    fc.assert(property, { numRuns: 3000, seed: 1 });
    expect(read).toBeGreaterThan(400);
  });

  it('is judged alike in the form that this program writes and in any other', () => {
    const usual = encodeEnvelope({ ...envelope, payload: 7 }).toString();
    const replaced: [RegExp, string[]][] = [
      [/"source":"[^"]*"/, ['""', '"a\\u0062"', '"a\\"b"', '"a\tb"', '"\u00e9"', '7']],
      [/"type":"[^"]*"/, ['""', '"T"', '"\\n"', 'null']],
      [/"id":"[^"]*"/, ['"x"', `"${envelope.id.toUpperCase()}"`, `"${envelope.id}"`]],
      [/"specVersion":"[^"]*"/, ['"1.0"', '"1\\u002e0"', '"1x0"', '1.0']],
      [
        /"occurredTimeUtc":"[^"]*"/,
        [
          ...['2026-02-28T23:59:59Z', '2026-02-31T00:00:00Z', '2026-01-31T00:00:00.1234567Z'],
          ...['2026-01-01T24:00:00Z', '2026-01-01T25:00:00Z', '2026-00-01T00:00:00Z'],
          ...['2026-01-01T00:60:00Z', '2026-01-01T00:00:60Z', '2026-13-01T00:00:00Z', '2026-01-01'],
          ...['2026-01-00T00:00:00Z', '2026-01-01T00:00:00.Z', '2026-01-01T00:00:00.12345678Z'],
          ...['2026-01-01T00:00:00.1aZ', '2026/01/01T00:00:00Z', '2026-01-01 00:00:00Z', 'Z'],
        ].map((time) => `"${time}"`),
      ],
    ];
    let read = 0;
    for (const [field, values] of replaced)
      for (const value of values) {
        const text = usual.replace(field, (found) => `${found.split(':')[0]}:${value}`);
        const [ours, other] = [text, text.replace('{', '{ ')].map((one) => {
          try {
            const event = parseEvent(bytes(one));
            read++;
            return { ...event, content: event.content.toString() };
          } catch (error) {
            if (isMeshError(error)) return error.code;
            throw error;
          }
        });
        expect(ours).toEqual(other);
      }
    expect(read).toBeGreaterThan(20);
  });

  it('is refused with its event when the payload is no JSON or not alone', () => {
    for (const text of ['', '{', '1,2', '1}', '1,"more":2', "'a'", '\ufeff1']) {
      expect(codeOf(() => parseEvent(bytes(`${head},"payload":${text}}`)))).toBe('EVENT_INVALID');
    }
  });
});
