import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  cosign,
  cosignedAt,
  decodeNote,
  linesOf,
  logKey,
  signCheckpoint,
  signCheckpointBy,
  signedOnly,
  sizeOfNote,
  verifyNote,
  withoutCosignatures,
} from '../../protocols/checkpoint.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { isMeshError } from '../../protocols/errors.ts';
import type { Origin } from '../../protocols/ids.ts';
import { codeOf } from '../certs/fixtures.ts';
import appendix from '../vectors/appendix.json' with { type: 'json' };
import { checkpointOf, KEY, keyOf, LOG_KEY, noteOf, ORIGIN, samplePack } from './sample-log.ts';

const bytes = noteOf(samplePack(3));
const note = decodeNote(bytes);
const lines = (...texts: string[]) =>
  Buffer.from(`${bytes.toString().split('\n\n')[0]}\n\n${texts.join('')}`);
const signature = bytes.toString().split('\n\n')[1]!;
const cosignature = (timeS: number) =>
  cosign(note, LOG_KEY, KEY.privateKey, timeS).toString().slice(bytes.toString().length);

describe('checkpoint', () => {
  it('is signed and cosigned as in the design', () => {
    const origin = appendix.origin as Origin;
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
    const der = Buffer.concat([prefix, Buffer.from(appendix.seed, 'hex')]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const raw = Buffer.from(appendix.publicKey, 'hex');
    const key = logKey(origin, ed25519FromRaw(raw), raw);
    const root = Buffer.from(appendix.root, 'hex');
    const signed = signCheckpoint({ origin, size: 3, root }, key, privateKey);
    const body = `${origin}\n3\n${root.toString('base64')}\n`;
    expect(signed.toString()).toBe(`${body}\n— ${origin} ${appendix.signature}\n`);
    const both = cosign(decodeNote(signed), key, privateKey, appendix.cosignedAtS);
    expect(both.toString()).toBe(`${signed}— ${origin} ${appendix.cosignature}\n`);
    expect(verifyNote(decodeNote(both), origin, key)).toEqual({ origin, size: 3, root });
    expect(cosignedAt(decodeNote(both), key)).toBe(appendix.cosignedAtS);
    expect([signed.length, both.length]).toEqual([297, 482]);
  });

  it.each([0, 9, 10, 4_294_967_296, Number.MAX_SAFE_INTEGER])(
    'of size %d tells it without being taken apart',
    (size) => {
      const signed = signCheckpoint({ ...note.checkpoint, size }, LOG_KEY, KEY.privateKey);
      expect(sizeOfNote(signed)).toBe(size);
      expect(sizeOfNote(cosign(decodeNote(signed), LOG_KEY, KEY.privateKey, 7))).toBe(size);
    },
  );

  it('verifies under the key of its log', () => {
    expect(verifyNote(note, ORIGIN, LOG_KEY)).toEqual(checkpointOf(samplePack(3)));
  });

  it('is refused under another key, origin or signature', () => {
    const other = keyOf(0x43);
    const otherKey = logKey(ORIGIN, other.publicKey, other.raw);
    expect(codeOf(() => verifyNote(note, ORIGIN, otherKey))).toBe('UNKNOWN_KEY');
    const sameId = { ...otherKey, signatureId: LOG_KEY.signatureId };
    expect(codeOf(() => verifyNote(note, ORIGIN, sameId))).toBe('BAD_SIGNATURE');
    const foreign = ORIGIN.replace('/1', '/2') as Origin;
    expect(codeOf(() => verifyNote(note, foreign, LOG_KEY))).toBe('WRONG_ORIGIN');
    const renamed = decodeNote(lines(signature.replace(ORIGIN, 'x')));
    expect(codeOf(() => verifyNote(renamed, ORIGIN, LOG_KEY))).toBe('UNKNOWN_KEY');
  });

  it('is refused with any bit of it flipped', () => {
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << bit;
        let refusal: unknown;
        try {
          verifyNote(decodeNote(changed), ORIGIN, LOG_KEY);
        } catch (error) {
          refusal = error;
        }
        expect(isMeshError(refusal), `bit ${bit} of byte ${at}`).toBe(true);
      }
    }
  });

  it('takes no cosignature for a signature and no signature for a time', () => {
    const only = decodeNote(lines(cosignature(1_795_000_000)));
    expect(codeOf(() => verifyNote(only, ORIGIN, LOG_KEY))).toBe('UNKNOWN_KEY');
    expect(cosignedAt(note, LOG_KEY)).toBeUndefined();
  });

  it('is as old as the newest time that its key vouches for', () => {
    const times = [1_795_000_000, 1_795_000_060, 1_795_000_030].map(cosignature);
    expect(cosignedAt(decodeNote(lines(signature, ...times)), LOG_KEY)).toBe(1_795_000_060);
  });

  it('gets no time from forged cosignatures, whatever time they claim', () => {
    const real = Buffer.from(cosignature(1_795_000_000).trimEnd().split(' ')[2]!, 'base64');
    const forged = (time: bigint) => {
      const blob = Buffer.from(real);
      blob.writeBigUInt64BE(time, 4);
      return `— ${ORIGIN} ${blob.toString('base64')}\n`;
    };
    const hostile = [1_795_000_001n, 2n ** 53n, 2n ** 64n - 1n].map(forged);
    expect(cosignedAt(decodeNote(lines(signature, ...hostile)), LOG_KEY)).toBeUndefined();
    const mixed = decodeNote(lines(signature, ...hostile, cosignature(1_795_000_000)));
    expect(cosignedAt(mixed, LOG_KEY)).toBe(1_795_000_000);
  });

  it('keeps one line of each key that is asked for, and nothing that others added', () => {
    const junk = (byte: number) => `— ${ORIGIN} ${Buffer.alloc(68, byte).toString('base64')}\n`;
    const fat = decodeNote(
      lines(junk(1), signature, junk(2), signature, cosignature(1_795_000_000)),
    );
    const ids = [LOG_KEY.signatureId, Buffer.alloc(4, 9)];
    expect(linesOf(fat, ids)).toEqual(bytes);
  });

  it("keeps the line of its key and one that may be the next key's, whatever a carrier added", () => {
    const junk = (byte: number) => `— ${ORIGIN} ${Buffer.alloc(68, byte).toString('base64')}\n`;
    const fat = lines(junk(1), signature, junk(2), cosignature(1_795_000_000));
    expect(signedOnly(decodeNote(fat), [LOG_KEY])).toEqual(lines(signature, junk(1)));
    expect(signedOnly(decodeNote(bytes), [LOG_KEY])).toEqual(bytes);
  });

  it('has a line of each who signs, and is not made without any', () => {
    const checkpoint = checkpointOf(samplePack(1));
    expect(codeOf(() => signCheckpointBy(checkpoint, []))).toBe('UNKNOWN_KEY');
    const other = keyOf(0x17);
    const both = [
      { key: LOG_KEY, privateKey: KEY.privateKey },
      { key: logKey(ORIGIN, other.publicKey, other.raw), privateKey: other.privateKey },
    ];
    const signed = decodeNote(signCheckpointBy(checkpoint, both));
    for (const { key } of both) expect(verifyNote(signed, ORIGIN, key)).toEqual(checkpoint);
  });

  it('keeps its signature without the cosignatures, wherever it stands', () => {
    const cosigned = [cosignature(1_795_000_000), cosignature(1_795_000_030)] as const;
    for (const order of [
      [signature, ...cosigned],
      [cosigned[0], signature, cosigned[1]],
      [...cosigned, signature],
    ]) {
      expect(withoutCosignatures(decodeNote(lines(...order)))).toEqual(bytes);
    }
  });
});
