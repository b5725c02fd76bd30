import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const program = (name: string) => fileURLToPath(new URL(`../${name}/run.ts`, import.meta.url));

describe('asked for help', () => {
  it.each(['attacks', 'sim', 'bench'])(
    'npm run %s shows its usage and does nothing',
    async (name) => {
      for (const flag of ['--help', '-h']) {
        // Refuses, by throwing, every exit code but 0.
        const { stdout, stderr } = await run(process.execPath, [program(name), flag]);
        expect(stdout).toContain(`usage: npm run ${name} -- `);
        expect(stdout).toContain('examples:\n');
        expect(stderr).toBe('');
      }
    },
  );
});
