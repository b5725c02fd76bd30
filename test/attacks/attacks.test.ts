// The quick part of the catalogue: each row that can run in a moment is one test.

import { describe, expect, it } from 'vitest';
import { findRows, QUICK, runRow, whyNot } from './suite.ts';

const { rows, broken } = await findRows();
const runnable = rows.filter((row) => whyNot(row, QUICK) === undefined);

describe('an attack of the catalogue', () => {
  it('has its row in a file that loads', () => {
    expect(broken).toEqual([]);
    expect(runnable.length).toBeGreaterThan(0);
  });

  it.each(runnable)('comes to nothing: $id $what ($how)', async (row) => {
    const { measured, state } = await runRow(row, QUICK);
    expect({ measured, state }).toEqual({ measured, state: 'passed' });
  });
});
