import type { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { openScreen } from '../../../tui/demo/screen.ts';
import { textStream } from '../streams.ts';

function createKeys() {
  const modes: boolean[] = [];
  const keys = Object.assign(new Readable({ read: () => undefined }), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => modes.push(isRaw),
  });
  return { keys, modes };
}

function open(stdin: Readable = Readable.from([])) {
  const stdout = Object.assign(textStream(80), { rows: 3 });
  const onQuit = vi.fn();
  const onResize = vi.fn();
  const screen = openScreen({ stdout, stdin, onQuit, onResize });
  return { screen, stdout, onQuit, onResize };
}

describe('screen of the live overview', () => {
  it('leaves the terminal as it found it, once', () => {
    const { keys, modes } = createKeys();
    const { screen, stdout } = open(keys);
    screen.close();
    screen.close();
    expect(stdout.text).toBe('\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l');
    expect(modes).toEqual([true, false]);
    expect(keys.listenerCount('data')).toBe(0);
    expect(stdout.listenerCount('resize')).toBe(0);
  });

  it('leaves no listener behind in the process', () => {
    const before = process.listenerCount('exit');
    const { screen } = open();
    expect(process.listenerCount('exit')).toBe(before + 1);
    screen.close();
    expect(process.listenerCount('exit')).toBe(before);
  });

  it('draws every row, erasing what was there, and never one more', () => {
    const { screen, stdout } = open();
    const from = stdout.text.length;
    screen.draw(['one', 'two', 'three', 'four']);
    const frame = stdout.text.slice(from);
    screen.close();
    expect(frame).toBe('\x1b[?2026h\x1b[H\x1b[Kone\r\n\x1b[Ktwo\r\n\x1b[Kthree\x1b[?2026l');
  });

  it('draws nothing once it is closed', () => {
    const { screen, stdout } = open();
    screen.close();
    const closed = stdout.text;
    screen.draw(['late']);
    expect(stdout.text).toBe(closed);
  });

  it.each([
    ['q', 1],
    ['Q', 1],
    ['\x03', 1],
    ['jjq', 1],
    ['x', 0],
    ['\x1b[A', 0],
  ])('takes %j as %i wish to end', (typed, times) => {
    const { keys } = createKeys();
    const { screen, onQuit } = open(keys);
    keys.emit('data', Buffer.from(typed));
    screen.close();
    expect(onQuit).toHaveBeenCalledTimes(times);
  });

  it('tells of another size of the window', () => {
    const { screen, stdout, onResize } = open();
    Object.assign(stdout, { columns: 120, rows: 40 });
    (stdout as unknown as EventEmitter).emit('resize');
    expect(screen.size()).toEqual({ columns: 120, rows: 40 });
    screen.close();
    expect(onResize).toHaveBeenCalledTimes(1);
  });
});
