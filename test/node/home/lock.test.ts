import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createHome } from '../../../node/home/create.ts';
import { lockHome } from '../../../node/home/lock.ts';
import { cleanUp, codeOf, newFolder, refusalOf } from '../enrol/mesh.ts';

const HOLDER = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await cleanUp();
});

async function holdElsewhere(dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [HOLDER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout!, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('the lock of a folder', () => {
  it('refuses a second process and names the first', async () => {
    const dir = await newFolder();
    const holder = await holdElsewhere(dir);
    const refusal = await refusalOf(lockHome(dir));
    expect(refusal?.code).toBe('LOCKED');
    expect(refusal?.message).toBe(`process ${holder.pid} works on ${dir}`);
    expect(refusal?.detail).toEqual({ pid: holder.pid });
  });

  it('ends with its process, also when that is killed', async () => {
    const dir = await newFolder();
    await kill(await holdElsewhere(dir));
    const lock = await lockHome(dir);
    expect(await codeOf(lockHome(dir))).toBe('LOCKED');
    await lock.release();
  });

  it('can be taken again once it is released', async () => {
    const dir = await newFolder();
    for (let i = 0; i < 3; i++) {
      const lock = await lockHome(dir);
      await lock.release();
      await lock.release();
    }
    await (await lockHome(dir)).release();
  });

  it('names no process that is gone', async () => {
    const dir = await newFolder();
    const dead = await holdElsewhere(dir);
    await kill(dead);
    const lock = await lockHome(dir);
    await writeFile(join(dir, 'lock.pid'), `${dead.pid}\n`);
    expect((await refusalOf(lockHome(dir)))?.message).toBe(`another process works on ${dir}`);
    await writeFile(join(dir, 'lock.pid'), '-1\n');
    expect((await refusalOf(lockHome(dir)))?.message).toBe(`another process works on ${dir}`);
    await lock.release();
  });

  it('of different folders is held side by side', async () => {
    const locks = await Promise.all([lockHome(await newFolder()), lockHome(await newFolder())]);
    for (const lock of locks) await lock.release();
  });

  it('keeps a folder from being made twice at once', async () => {
    const dir = join(await newFolder(), 'node');
    await holdElsewhere(dir);
    expect(await codeOf(createHome(dir, async () => 'made'))).toBe('LOCKED');
  });

  it('says so when there can be no such folder', async () => {
    const file = join(await newFolder(), 'file');
    await writeFile(file, 'not a folder');
    const refusal = await refusalOf(lockHome(join(file, 'node')));
    expect(refusal?.code).toBe('FILE_UNREADABLE');
    expect(refusal?.message).toContain('ENOTDIR');
  });
});
