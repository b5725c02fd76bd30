import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../../tui/format/width.ts';
import { playScript, SCREENS_FOLDER, scripts, VARIANTS } from './golden.ts';

const cases = VARIANTS.flatMap((variant) => scripts().map((script) => ({ script, variant })));

describe.each(cases)('$script at $variant.name', ({ script, variant }) => {
  it('looks as it was reviewed, and fills its terminal exactly', async () => {
    const frames = await playScript(script, variant);
    expect(frames.size).toBeGreaterThan(0);
    for (const [name, frame] of frames) {
      const golden = readFileSync(join(SCREENS_FOLDER, variant.name, `${name}.screen`), 'utf8');
      expect(frame, name).toBe(golden);
      const lines = frame.slice(0, -1).split('\n');
      expect(lines).toHaveLength(variant.rows);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(variant.columns);
      if (variant.ascii) expect(frame).toMatch(/^[\n\x20-\x7e]*$/);
    }
  });
});
