import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CRASHPOINTS } from '../../node/crashpoint.ts';
import { KILLED_AT } from './rows/store-crash.ts';

const NODE = fileURLToPath(new URL('../../node/', import.meta.url));

/** The places that the program comes by, as its text has them. */
function placesInCode(): Set<string> {
  const texts = readdirSync(NODE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(NODE, name), 'utf8'));
  const calls = texts.flatMap((text) => [...text.matchAll(/\bcrashpoint\('([^']+)'\)/g)]);
  return new Set(calls.map(([, place]) => place!));
}

describe('a named crash point', () => {
  it('stands in the code, and each that stands there is named', () => {
    expect([...placesInCode()].sort()).toEqual([...CRASHPOINTS].sort());
  });

  it('is killed at by a row of the catalogue', () => {
    expect([...KILLED_AT].sort()).toEqual([...CRASHPOINTS].sort());
  });
});
