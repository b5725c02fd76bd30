import { describe, expect, it } from 'vitest';
import { controlSocketPath } from '../../protocols/control.ts';

describe('the control socket', () => {
  it('is in the folder of the node', () => {
    expect(controlSocketPath('/home/barry/.odcm')).toBe('/home/barry/.odcm/control.sock');
  });

  it.each([
    ['the longest path that fits', `/${'a'.repeat(93)}`, true],
    ['one byte more', `/${'a'.repeat(94)}`, false],
    ['few characters of many bytes', `/${'ü'.repeat(47)}`, false],
  ])('counts bytes: %s', (_, home, fits) => {
    if (fits) expect(Buffer.byteLength(controlSocketPath(home))).toBe(107);
    else {
      expect(() => controlSocketPath(home)).toThrow(
        expect.objectContaining({ code: 'USAGE', next: expect.stringContaining('--home') }),
      );
    }
  });
});
