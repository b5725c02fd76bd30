import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const MODULE = new URL('../../../node/commands/end-process.ts', import.meta.url).href;

/** Runs a program that a forgotten timer would keep for an hour. */
function run(program: string): Promise<{ code: unknown; stdout: string }> {
  const text = `import { endSoon } from '${MODULE}'; setTimeout(() => {}, 3_600_000); ${program}`;
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--eval', text];
    execFile(process.execPath, args, { maxBuffer: 2 ** 24 }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, stdout }),
    );
  });
}

describe('a process that is done', () => {
  it('ends with its exit code in spite of a forgotten timer, and with all it wrote', async () => {
    const { code, stdout } = await run(
      `process.stdout.write('x'.repeat(3_000_000)); process.exitCode = 3; endSoon();`,
    );
    expect({ code, length: stdout.length }).toEqual({ code: 3, length: 3_000_000 });
  });

  it('waits for its exit code', async () => {
    const { code } = await run('endSoon(); setTimeout(() => { process.exitCode = 4; }, 200);');
    expect(code).toBe(4);
  });
});
