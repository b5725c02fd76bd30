import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { asMeshError, CODES, type Code, isMeshError, MeshError } from '../../protocols/errors.ts';

const TESTS = fileURLToPath(new URL('../', import.meta.url));

/** Every word in capitals that some other test says; one in a comment or a title expects nothing. */
function expectedCodes(): ReadonlySet<string> {
  const own = basename(import.meta.url);
  const names = readdirSync(TESTS, { recursive: true, encoding: 'utf8' });
  const lines = names
    .filter((name) => name.endsWith('.test.ts') && basename(name) !== own)
    .flatMap((name) => readFileSync(join(TESTS, name), 'utf8').split('\n'))
    .filter((line) => !/^\s*(?:\/\/|\*|it\(|describe\()/.test(line));
  return new Set(lines.flatMap((line) => line.match(/\b[A-Z][A-Z_]+\b/g) ?? []));
}

describe('a refusal code', () => {
  const expected = expectedCodes();

  it.each(Object.keys(CODES) as Code[])('%s is what some test expects', (code) => {
    expect(expected).toContain(code);
  });

  it.each(Object.entries(CODES))('%s tells the reader what to do', (_, { next, http, exit }) => {
    expect(next).toMatch(/^[A-Z][a-z]*:?(?: \S+)+/);
    expect(http).toBeGreaterThanOrEqual(400);
    expect(exit).toBeGreaterThan(0);
  });
});

describe('a refusal', () => {
  it('is one line of code, thing and what to do', () => {
    const refusal = new MeshError('NO_GRANT', 'payments has no grant for library/base');
    expect(refusal.line).toBe(
      `NO_GRANT: payments has no grant for library/base. ${CODES.NO_GRANT.next}`,
    );
    expect(refusal.fault).toBe('operator');
    expect(new MeshError('NO_GRANT', 'x', { next: 'Ask.' }).line).toBe('NO_GRANT: x. Ask.');
  });

  it('is known by its class and its code', () => {
    const refusal = new MeshError('BUSY', 'later');
    expect([isMeshError(refusal), isMeshError(refusal, 'BUSY')]).toEqual([true, true]);
    expect([isMeshError(refusal, 'REVOKED'), isMeshError(new Error('x'))]).toEqual([false, false]);
  });

  it('is a fault of the program when anything else was thrown', () => {
    const refusal = new MeshError('BUSY', 'later');
    expect(asMeshError(refusal)).toBe(refusal);
    const cause = new TypeError('x is not a function');
    expect(asMeshError(cause)).toMatchObject({ code: 'INTERNAL', message: cause.message, cause });
    expect(asMeshError('thrown text')).toMatchObject({ code: 'INTERNAL', message: 'thrown text' });
  });
});
