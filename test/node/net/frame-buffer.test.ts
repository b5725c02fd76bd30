import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameBuffer, frameHeader } from '../../../node/net/frame-buffer.ts';

const MAX = 1000;
const framed = (frame: Uint8Array): Buffer => Buffer.concat([frameHeader(frame.byteLength), frame]);

describe('FrameBuffer', () => {
  it('gives back the frames, however the bytes were cut', () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: MAX }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 300 })), (sent, cuts) => {
        const buffer = new FrameBuffer(MAX);
        const wire = Buffer.concat(sent.map(framed));
        const received: Uint8Array[] = [];
        for (let at = 0; at < wire.byteLength; ) {
          const end = at + cuts.next().value!;
          buffer.push(wire.subarray(at, end));
          at = end;
          for (let frame = buffer.take(); frame; frame = buffer.take()) received.push(frame);
        }
        expect(received.map((frame) => [...frame])).toEqual(sent.map((frame) => [...frame]));
        expect(buffer.heldBytes).toBe(0);
      }),
      { seed: 4101 },
    );
  });

  it('hands out a view when a frame lies in one piece and joins it otherwise', () => {
    const buffer = new FrameBuffer(MAX);
    const wire = framed(Buffer.from('hello'));
    buffer.push(wire);
    expect(buffer.take()?.buffer).toBe(wire.buffer);
    buffer.push(wire.subarray(0, 6));
    buffer.push(wire.subarray(6));
    expect(buffer.take()).toEqual(Buffer.from('hello'));
  });

  it.each([
    [MAX + 1, 'TOO_LARGE'],
    [0xffff_ffff, 'TOO_LARGE'],
    [0, 'MALFORMED'],
  ])('refuses a length of %i as soon as it is there', (length, code) => {
    const buffer = new FrameBuffer(MAX);
    const header = frameHeader(length);
    buffer.push(header.subarray(0, 3));
    expect(buffer.take()).toBeUndefined();
    buffer.push(header.subarray(3));
    expect(buffer.ready).toBe(true);
    expect(() => buffer.take()).toThrow(expect.objectContaining({ code }));
  });

  it('takes the largest frame and one of a single byte', () => {
    const buffer = new FrameBuffer(MAX);
    for (const size of [MAX, 1]) {
      buffer.push(framed(new Uint8Array(size)));
      expect(buffer.take()?.byteLength).toBe(size);
    }
  });
});
