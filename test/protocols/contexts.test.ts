import { describe, expect, it } from 'vitest';
import {
  BUILT_IN_CONTEXTS,
  checkContent,
  nounOf,
  publishedEvent,
  withdrawnEvent,
} from '../../protocols/contexts.ts';
import { parseContextName } from '../../protocols/ids.ts';
import { codeOf } from '../certs/fixtures.ts';

const context = (name: string) => BUILT_IN_CONTEXTS.find((c) => c.name === name)!;
const json = context('variables');
const any = context('server-extensions');

describe('contexts', () => {
  it('name their events after their noun', () => {
    expect(publishedEvent(json)).toBe('VariableSetPublishedV1Event');
    expect(withdrawnEvent(context('step-templates'))).toBe('StepTemplateWithdrawnV1Event');
    expect(nounOf(parseContextName('team-notes'))).toBe('TeamNotes');
    expect(nounOf(parseContextName('k8s-3d'))).toBe('K8s3d');
  });

  it('have names and nouns of their own', () => {
    for (const key of ['name', 'noun'] as const) {
      expect(new Set(BUILT_IN_CONTEXTS.map((c) => c[key])).size).toBe(BUILT_IN_CONTEXTS.length);
    }
  });

  it('take JSON with and without a byte-order mark, with any line ends', () => {
    for (const text of ['{"a":1}', '\ufeff{"a":1}', '[\r\n]\r\n', ' null ', '"é"', '1']) {
      expect(() => checkContent(json, Buffer.from(text), 'base.json')).not.toThrow();
    }
  });

  it.each([
    ['text', Buffer.from('hello')],
    ['JSON that is cut', Buffer.from('{"a":')],
    ['two values', Buffer.from('{}{}')],
    ['a byte-order mark alone', Buffer.from('\ufeff')],
    ['two byte-order marks', Buffer.from('\ufeff\ufeff{}')],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xe9, 0x22])],
    ['JSON in UTF-16', Buffer.from('{}', 'utf16le')],
    ['spaces', Buffer.from('  \n')],
  ])('that promise JSON refuse %s', (_, bytes) => {
    expect(codeOf(() => checkContent(json, bytes, 'base.json'))).toBe('NOT_JSON');
    expect(() => checkContent(any, bytes, 'base.zip')).not.toThrow();
  });

  it('take nothing that is empty', () => {
    for (const c of [json, any]) {
      expect(codeOf(() => checkContent(c, Buffer.alloc(0), 'base'))).toBe('FILE_EMPTY');
    }
  });
});
