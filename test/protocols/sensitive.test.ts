import { describe, expect, it } from 'vitest';
import { findSensitive, refuseSensitive } from '../../protocols/sensitive.ts';

const variable = (fields: object) => ({ Name: 'Db.Password', Type: 'String', ...fields });

describe('a sensitive value', () => {
  it.each([
    ['of the type', variable({ Type: 'Sensitive', Value: 's3cret' }), 'Value'],
    ['by its mark', variable({ IsSensitive: true, Value: 's3cret' }), 'Value'],
    ['of another kind', variable({ IsSensitive: true, Value: 7 }), 'Value'],
    ['as it is sent to Octopus', { HasValue: true, NewValue: 's3cret', Hint: null }, 'NewValue'],
    ['inside a value', { Value: { HasValue: true, NewValue: 'x' } }, 'Value.NewValue'],
    ['of a parameter', { IsSensitive: true, DefaultValue: 'x' }, 'DefaultValue'],
    [
      'in a list of a list',
      {
        Sets: [
          { Variables: [variable({ Value: 'a' }), variable({ Type: 'Sensitive', Value: 'b' })] },
        ],
      },
      'Sets.0.Variables.1.Value',
    ],
  ])('is found %s', (_, json, path) => {
    expect(findSensitive(json as never)).toBe(path);
    const refuse = () => refuseSensitive(JSON.stringify(json), 'base');
    expect(refuse).toThrow(expect.objectContaining({ code: 'SENSITIVE_VALUE', detail: { path } }));
  });

  it.each([
    ['is not there', variable({ Type: 'Sensitive', Value: null })],
    ['is empty', variable({ IsSensitive: true, Value: '' })],
    ['is not told', variable({ IsSensitive: true, Value: { HasValue: true, NewValue: null } })],
    ['is one of another type', variable({ Value: 'Sensitive' })],
    ['is marked as none', variable({ IsSensitive: false, Value: 'plain' })],
    ['is text', 'Sensitive'],
    ['is nothing', null],
  ])('is none when it %s', (_, json) => {
    expect(findSensitive(json as never)).toBeUndefined();
    expect(() => refuseSensitive(JSON.stringify(json), 'base')).not.toThrow();
  });

  it('is found however deep it stands, and what is no JSON is left to others', () => {
    const depth = 100_000;
    const text = `${'['.repeat(depth)}{"Type":"Sensitive","Value":"x"}${']'.repeat(depth)}`;
    let deep: unknown = { Type: 'Sensitive', Value: 'x' };
    for (let i = 0; i < depth; i++) deep = [deep];
    expect(findSensitive(deep as never)).toMatch(/\.Value$/);
    expect(() => refuseSensitive(`${text}}`, 'base')).not.toThrow();
  });
});
