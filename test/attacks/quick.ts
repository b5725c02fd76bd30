// The quick part of the catalogue as tests: each row that can run in a moment is one. Dealt to several files by family, so
// that they run beside each other.

import { describe, expect, it } from 'vitest';
import { findRows, QUICK, runRow, whyNot } from './suite.ts';

export async function testFamilies(families: string): Promise<void> {
  const { rows, broken } = await findRows();
  const runnable = rows.filter(
    (row) => families.includes(row.id[0]!) && whyNot(row, QUICK) === undefined,
  );

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
}
