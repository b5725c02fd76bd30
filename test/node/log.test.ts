import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJsonLog, type Log, libraryLogger } from '../../node/log.ts';

async function written(write: (log: Log) => void): Promise<Record<string, unknown>[]> {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-log-'));
  try {
    const path = join(folder, 'logs', 'node.log');
    const log = createJsonLog({ path, level: 'debug', base: { space: 'library' } });
    write(log);
    log.close();
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line));
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('JSON log', () => {
  it('writes one object a line with level, time and message', async () => {
    const [line] = await written((log) => log.warn({ feed: 'variables' }, 'lagging'));
    expect(line).toMatchObject({
      level: 'warn',
      space: 'library',
      feed: 'variables',
      msg: 'lagging',
    });
    expect(Date.parse(String(line?.['time']))).not.toBeNaN();
  });

  it('is readable by its owner only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'odcm-log-'));
    try {
      const path = join(folder, 'node.log');
      createJsonLog({ path }).close();
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('blanks keys and secrets wherever they stand', async () => {
    const lines = await written((log) =>
      log.error(
        { token: 'odcm1.x', node: { privateKeyPem: 'PEM', port: 1 }, a: { b: { secret: 's' } } },
        'with secrets',
      ),
    );
    const text = JSON.stringify(lines);
    expect(text).not.toMatch(/odcm1|PEM"|"s"/);
    expect(lines[0]).toMatchObject({ token: '[redacted]', node: { port: 1 } });
  });

  it('takes errors of the network library, filled in and cut, and drops its traces', async () => {
    const lines = await written((log) => {
      const library = libraryLogger(log).forComponent('libp2p:tcp').newScope('listener');
      library('plain');
      library.trace('trace');
      library.error('cannot reach %a - %e', '/ip4/10.0.0.1', new Error('x'.repeat(10_000)));
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'debug', component: 'libp2p:tcp:listener' });
    expect(lines[0]?.['msg']).toMatch(/^cannot reach \/ip4\/10\.0\.0\.1 - Error: x+$/);
    expect(String(lines[0]?.['msg']).length).toBe(500);
  });
});
