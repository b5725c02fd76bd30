import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODES, isMeshError } from '../../protocols/errors.ts';
import {
  type Answer,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
} from '../../protocols/sync.ts';
import answers from '../vectors/answer.json' with { type: 'json' };
import requests from '../vectors/request.json' with { type: 'json' };

const whole = (a: Answer) => Buffer.concat(encodeAnswer(a));
const seeds = (vectors: readonly { hex: string; code?: string }[]) =>
  vectors.filter((v) => v.code === undefined).map((v) => Buffer.from(v.hex, 'hex'));

/** A good message with one byte changed, cut or put in. */
const nearly = (messages: readonly Buffer[]) =>
  fc
    .tuple(fc.constantFrom(...messages), fc.nat(), fc.nat(255), fc.nat(2))
    .map(([m, n, byte, how]) => {
      const at = n % m.length;
      if (how === 0) return m.subarray(0, at);
      const rest = m.subarray(how === 1 ? at + 1 : at);
      return Buffer.concat([m.subarray(0, at), Buffer.of(byte), rest]);
    });

function acceptsOnlyCanonical(bytes: Buffer, read: (bytes: Buffer) => Uint8Array): void {
  try {
    expect(Buffer.from(read(bytes))).toEqual(bytes);
  } catch (error) {
    if (!isMeshError(error)) throw error;
  }
}

describe('sync messages', () => {
  it('are accepted in their one encoding only', () => {
    fc.assert(
      fc.property(nearly(seeds(requests)), (bytes) =>
        acceptsOnlyCanonical(bytes, (b) => encodeRequest(decodeRequest(b))),
      ),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(nearly(seeds(answers)), (bytes) =>
        acceptsOnlyCanonical(bytes, (b) => {
          const answer = decodeAnswer(b);
          // Codes this version does not know are read as INTERNAL; those cannot be written again.
          return answer.type === 'refused' ? b : whole(answer);
        }),
      ),
      { numRuns: 5000 },
    );
  });

  it('carry every code of a refusal', () => {
    for (const code of Object.keys(CODES) as (keyof typeof CODES)[]) {
      const refusal = { type: 'refused', code, message: `because of ${code}` } as const;
      expect(decodeAnswer(whole(refusal))).toEqual(refusal);
    }
  });

  it('read a code of a newer version, or of a prototype, as INTERNAL', () => {
    for (const code of ['NEWER_THAN_THIS', 'toString', '__proto__']) {
      const bytes = whole({ type: 'refused', code: code as 'INTERNAL', message: 'x' });
      expect(decodeAnswer(bytes)).toMatchObject({ type: 'refused', code: 'INTERNAL' });
    }
  });

  it('cut the text of a refusal so that it can always be read', () => {
    for (const text of ['x', 'é', '€', '😀']) {
      const bytes = whole({ type: 'refused', code: 'BUSY', message: text.repeat(3000) });
      expect(decodeAnswer(bytes)).toMatchObject({ code: 'BUSY' });
    }
  });

  it('pass large bytes through without a copy', () => {
    const bytes = Buffer.alloc(60_000, 1);
    const parts = encodeAnswer({ type: 'segment', bytes });
    expect(parts[1]).toBe(bytes);
    expect(decodeAnswer(Buffer.concat(parts))).toEqual({ type: 'segment', bytes });
  });
});
