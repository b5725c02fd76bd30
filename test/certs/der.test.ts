import { describe, expect, it } from 'vitest';
import { derFromPem, pemFromDer, readChildren, readDer, TAG } from '../../certs/der.ts';
import { certificateExtensions } from '../../certs/signed-key.ts';
import { codeOf } from './fixtures.ts';

const read = (hex: string) => readDer(Buffer.from(hex, 'hex'), TAG.sequence, 'a value');

describe('DER', () => {
  it('is read with lengths of one, two and three bytes', () => {
    expect(read('3003020101').content.toString('hex')).toBe('020101');
    expect(read(`308180${'00'.repeat(0x80)}`).content).toHaveLength(0x80);
    expect(read(`30820100${'00'.repeat(0x100)}`).content).toHaveLength(0x100);
    expect(readChildren(read('30050201010500'), 'a value').map(({ tag }) => tag)).toEqual([2, 5]);
  });

  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a tag of several bytes', '3f8101'],
    ['no stated end', '30800000'],
    ['a length of three bytes', '3083000001ff'],
    ['a length that is cut', '3082'],
    ['a length longer than needed', '308105aabbccddee'],
    ['a long length of two bytes longer than needed', `308200ff${'00'.repeat(255)}`],
    ['less than its length', '3003aabb'],
    ['more than its length', '3001aabb'],
    ['another type', '3101aa'],
  ])('is refused with %s', (_, hex) => {
    expect(codeOf(() => read(hex))).toBe('MALFORMED');
  });

  it('is one PEM block of its label', () => {
    const pem = pemFromDer(Buffer.from('3003020101', 'hex'), 'CERTIFICATE');
    expect(derFromPem(pem.replaceAll('\n', '\r\n'), 'CERTIFICATE').toString('hex')).toBe(
      '3003020101',
    );
    for (const text of [pem + pem, `text\n${pem}`, pemFromDer(Buffer.alloc(0), 'CERTIFICATE')])
      expect(codeOf(() => derFromPem(text, 'CERTIFICATE'))).toBe('MALFORMED');
    expect(codeOf(() => derFromPem(pem, 'PRIVATE KEY'))).toBe('MALFORMED');
  });

  it.each([
    ['of nothing', '3000'],
    ['of one field', '3004300202 00'.replaceAll(' ', '')],
  ])('of a certificate %s has no extensions', (_, hex) => {
    expect(codeOf(() => certificateExtensions(Buffer.from(hex, 'hex')))).toBe('MALFORMED');
  });
});
