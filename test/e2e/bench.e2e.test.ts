import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './mesh.ts';

const PROGRAM = join(REPOSITORY, 'test', 'bench', 'run.ts');

async function bench(...args: string[]) {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], {
    cwd: REPOSITORY,
  });
  return {
    rows: stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    stderr,
  };
}

const UNITS: Readonly<Record<string, string>> = {
  'publish-batches': 'entries/s',
  'publish-batches-in-turn': 'entries/s',
  'publish-one-by-one': 'entries/s',
  'catch-up': 'entries/s',
  'catch-up-growth-publisher': 'MB',
  'catch-up-growth-subscriber': 'MB',
  'announce-p50': 'ms',
  'announce-p99': 'ms',
  'start-up-empty': 'ms',
  'start-up-full': 'ms',
  'cork-512-byte-sends': 'MB/s',
  'cork-4096-byte-sends': 'MB/s',
  'cork-65507-byte-sends': 'MB/s',
};

// With small counts: what the figures are, is nothing a test could know.
describe('benchmarks', () => {
  it.each(['publish', 'catch-up', 'announce', 'start-up', 'cork'])(
    'print each figure of %s as one JSON object, beside its floor',
    async (name) => {
      const { rows, stderr } = await bench(name, '--quick', '--json');
      const names = Object.keys(UNITS).filter((key) => key.startsWith(name));
      expect(rows.map((row) => row.name)).toEqual(names);
      expect(stderr).toBe('');
      for (const row of rows) {
        expect(row).toMatchObject({
          unit: UNITS[row.name],
          ours: expect.any(Number),
          better: expect.stringMatching(/^(?:higher|lower)$/),
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          machine: { cores: expect.any(Number), node: process.version },
        });
        const isGrowth = row.name.startsWith('catch-up-growth');
        expect(row.ours).toBeGreaterThanOrEqual(0);
        expect(row.floor === null).toBe(isGrowth);
        expect(row.ratio === null).toBe(isGrowth);
        expect(row.isMet === null).toBe(row.target === null);
      }
    },
    // Ten nodes are enrolled one after the other, each with an RSA key of its own.
    300_000,
  );

  it('refuse a name that is none, with those that are', async () => {
    await expect(bench('speed')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^bench: unknown speed; there are: publish, catch-up, announce, .+\n$/,
      ),
    });
  });
});
