import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { asMeshError, CODES, type Code, isMeshError, MeshError } from '../../protocols/errors.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const textOf = (file: string): string => readFileSync(file, 'utf8');
/** Without the refusals that a test makes itself. */
const claimsOf = (file: string): string =>
  textOf(file).replaceAll(/new MeshError\(\s*'[A-Z_]+'/g, '');

/** Every word in capitals that these files say; one in a comment or a title of a test counts for nothing. */
function codesIn(
  folder: string,
  isMeant: (name: string) => boolean,
  read = textOf,
): ReadonlySet<string> {
  const lines = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(isMeant)
    .flatMap((name) => read(join(folder, name)).split('\n'))
    .filter((line) => !/^\s*(?:\/\/|\*|\/\*|it\(|describe\()/.test(line));
  return new Set(lines.flatMap((line) => line.match(/\b[A-Z][A-Z_]+\b/g) ?? []));
}

const own = basename(import.meta.url);
const isTest = (name: string) => name.endsWith('.test.ts') && basename(name) !== own;
const isProduct = (name: string) => /\.tsx?$/.test(name) && basename(name) !== 'errors.ts';

describe('a refusal code', () => {
  const expected = codesIn(join(ROOT, 'test'), isTest, claimsOf);
  const said = new Set(
    ['protocols', 'certs', 'node', 'tui'].flatMap((part) => [
      ...codesIn(join(ROOT, part), isProduct),
    ]),
  );
  const codes = Object.keys(CODES) as Code[];

  it.each(codes)('%s is what the program says somewhere, and what some test expects', (code) => {
    expect(said).toContain(code);
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
