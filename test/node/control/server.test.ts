import { chmod, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { startControlServer } from '../../../node/control/server.ts';
import type { MeshNode } from '../../../node/node.ts';
import { tempFolder } from '../temp-folder.ts';

const nodeIn = (dir: string) => ({ home: { dir } }) as unknown as MeshNode;
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('control server', () => {
  it('closes the folder and its socket to everybody but their owner', async () => {
    const dir = await tempFolder();
    await chmod(dir, 0o755);
    const server = await startControlServer(nodeIn(dir));
    try {
      expect(await modeOf(dir)).toBe(0o700);
      expect(await modeOf(server.path)).toBe(0o600);
    } finally {
      await server.stop();
    }
  });

  it('does not listen in a folder that it cannot close', async () => {
    const gone = `${await tempFolder()}/gone`;
    await expect(startControlServer(nodeIn(gone))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });
});
