import { describe, expect, it } from 'vitest';
import { refuseControls } from '../../../tui/commands/terminal-safe.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What reaches the terminal when the content comes in pieces of this size. */
async function shown(content: Buffer, size: number): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const piece of refuseControls(inPieces(content, size), 'web')) out.push(piece);
  return Buffer.concat(out);
}

describe.each([1, 2, 1000])('content on a terminal in pieces of %i bytes', (size) => {
  it.each(['', 'a\tb\n', 'a\r\nb\r\n', '\ufeff{"ü":"日本語 😀"}', 'שלום'])(
    'shows %j',
    async (text) => {
      expect((await shown(Buffer.from(text), size)).toString()).toBe(text);
    },
  );

  it.each([
    ['an escape sequence', 'a\x1b[2J'],
    ['a bell', 'a\x07'],
    ['DEL', '\x7f'],
    ['a carriage return alone', 'safe\rbad'],
    ['a carriage return at its end', 'safe\r'],
    ['two carriage returns', 'safe\r\r\n'],
    ['a C1 character', 'a\u009b2J'],
    ['a reversed direction', 'exe.\u202etxt'],
    ['an isolate', 'a\u2066b\u2069'],
    ['a mark of direction', 'a\u200fb'],
    ['a raw C1 byte', Buffer.from([0x61, 0x9b, 0x32, 0x4a])],
    ['a letter cut short', Buffer.from([0x61, 0xc3])],
  ])('refuses %s', async (_, content) => {
    await expect(shown(Buffer.from(content as string), size)).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});
