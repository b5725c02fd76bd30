import { describe, expect, it } from 'vitest';
import { encodeRenewalRequest, parseRenewalRequest } from '../../certs/renewal-files.ts';
import { parseSpaceName } from '../../protocols/ids.ts';
import { codeOf } from './fixtures.ts';

const request = {
  mesh: 'a'.repeat(26) as never,
  space: parseSpaceName('vault'),
  petition: Buffer.from('asks for a certificate'),
};
const rotation = Buffer.from('asks for new keys');

describe('a request for a certificate, as a file', () => {
  it('is read as it was written, with new keys and without', () => {
    for (const one of [request, { ...request, rotation }]) {
      const bytes = encodeRenewalRequest(one);
      expect(parseRenewalRequest(bytes)).toEqual(one);
      expect(encodeRenewalRequest(parseRenewalRequest(bytes))).toEqual(bytes);
    }
    expect(encodeRenewalRequest(request).includes('rotation')).toBe(false);
  });

  it.each<[string, string, unknown]>([
    ['a number for new keys', 'MALFORMED', 1],
    ['nothing for new keys', 'MALFORMED', null],
    ['text that is no base64', 'NOT_CANONICAL', 'new keys!'],
    ['bytes in another spelling', 'NOT_CANONICAL', `${rotation.toString('base64')} `],
  ])('is refused with %s', (_, code, value) => {
    const file = JSON.parse(encodeRenewalRequest(request).toString()) as object;
    const bytes = Buffer.from(JSON.stringify({ ...file, rotation: value }));
    expect(codeOf(() => parseRenewalRequest(bytes))).toBe(code);
  });

  it('is refused with its parts in another order', () => {
    const { petition, ...rest } = JSON.parse(encodeRenewalRequest(request).toString());
    const bytes = Buffer.from(
      JSON.stringify({ ...rest, rotation: rotation.toString('base64'), petition }),
    );
    expect(codeOf(() => parseRenewalRequest(bytes))).toBe('NOT_CANONICAL');
  });
});
