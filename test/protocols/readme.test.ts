import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Vector } from '../vectors/plain.ts';

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'protocols', 'README.md'), 'utf8');
const blocks = [...text.matchAll(/^```hex (\w+): (.+)\n([^`]*)^```$/gm)].map(
  ([, format, name, body]) => ({ format: format!, name: name!, hex: body!.replaceAll('\n', '') }),
);

const vectorsOf = (format: string): Vector[] =>
  JSON.parse(readFileSync(join(root, 'test', 'vectors', `${format}.json`), 'utf8'));

describe('wire specification', () => {
  it.each(blocks)('shows the vector $format: $name', ({ format, name, hex }) => {
    const vector = vectorsOf(format).find((v) => v.name === name);
    expect(vector?.code).toBeUndefined();
    expect(hex).toBe(vector?.hex);
  });

  it('has no other hex than vectors, and one of every format', () => {
    expect(text.match(/^```hex/gm)).toHaveLength(blocks.length);
    const outside = text.replaceAll(/^```hex [^`]*```$/gm, '');
    expect(outside.match(/\b[0-9a-f]{16,}\b/g)).toBeNull();
    expect(new Set(blocks.map((b) => b.format))).toEqual(
      new Set([
        'codec',
        'note',
        'entry',
        'segment',
        'record',
        'index',
        'sealed',
        'sharekey',
        'announcement',
        'presence',
        'request',
        'answer',
      ]),
    );
  });
});
