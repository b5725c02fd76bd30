import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileHead } from '../../certs/courier-file.ts';
import { signEd25519 } from '../../certs/ed25519.ts';
import { createHello, createOffer } from '../../certs/enrol.ts';
import {
  createOfferFile,
  encodeAnswerFile,
  encodeRequestFile,
  parseAnswerFile,
  parseOfferFile,
  parseRequestFile,
  verifyOfferFile,
} from '../../certs/enrol-files.ts';
import {
  encodeRenewalAnswer,
  encodeRenewalRequest,
  parseRenewalAnswer,
  parseRenewalRequest,
} from '../../certs/renewal-files.ts';
import { makeToken } from '../../certs/token.ts';
import { agreeX25519, generateX25519, x25519Private, x25519Raw } from '../../certs/x25519.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { parseMeshId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { enrolProofBytes, enrolTranscript } from '../../protocols/signable.ts';
import { LIBRARY, makeTrustRoot, NOW_MS, SPACE, type TrustRoot } from './fixtures.ts';

const at = (ms: number): string => new Date(NOW_MS + ms).toISOString();
function codeOf(act: () => unknown): string {
  try {
    act();
    return 'done';
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
}

let trust: TrustRoot;
let file: Buffer;
beforeAll(async () => {
  trust = await makeTrustRoot();
  file = offerFile();
});

function offerFile(created = at(0), expires = at(1000)): Buffer {
  const hello = createHello(Buffer.alloc(32, 1));
  const directoryKey = trust.directoryKey;
  const offer = createOffer({
    ...{ hello, directoryKey, roots: [trust.envelope], head: 'a head' },
    nonce: Buffer.alloc(32, 2),
    exchange: generateX25519(),
  });
  const token = makeToken({
    id: Buffer.alloc(5, 1),
    secret: Buffer.alloc(16, 2),
    fingerprint: trust.fingerprint,
  });
  const { mesh } = trust;
  return createOfferFile({
    mesh,
    space: LIBRARY,
    token,
    created,
    expires,
    hello,
    offer,
    directoryKey,
  });
}

const verify = (bytes: Buffer, nowMs = NOW_MS) => codeOf(() => verifyOfferFile(bytes, { nowMs }));

describe('an offer as a file', () => {
  it('says for whom it is and until when, under the signature of ODCM', () => {
    const { file: read, token, createdMs } = verifyOfferFile(file, { nowMs: NOW_MS });
    expect([read.space, read.mesh, createdMs]).toEqual([LIBRARY, trust.mesh, NOW_MS]);
    expect(token.endpoint).toBeUndefined();
  });

  it('for another mesh than the one that is meant is refused', () => {
    const into = (mesh: typeof trust.mesh) =>
      codeOf(() => verifyOfferFile(file, { nowMs: NOW_MS, mesh }));
    expect(into(trust.mesh)).toBe('done');
    expect(into(parseMeshId('aeaqcaibaeaqcaibaeaqcaibae'))).toBe('WRONG_MESH');
  });

  it('counts from when it was made, less the skew of clocks, until the moment it ends', () => {
    expect(verify(file, NOW_MS + 999)).toBe('done');
    expect(verify(file, NOW_MS + 1000)).toBe('TOKEN_EXPIRED');
    expect(verify(file, NOW_MS - LIMITS.clockSkewMs)).toBe('done');
    expect(verify(file, NOW_MS - LIMITS.clockSkewMs - 1)).toBe('CLOCK_REGRESSED');
  });

  it('is refused when any bit of it is turned over', () => {
    for (let bit = 0; bit < file.length * 8; bit += 37) {
      const bytes = Buffer.from(file);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(verify(bytes)).not.toBe('done');
    }
  });

  it('is refused with the signature of another kind of message', () => {
    const { signature, ...claims } = JSON.parse(file.toString());
    const transcript = enrolTranscript([Buffer.from(JSON.stringify(claims))]);
    const other = signEd25519(trust.directoryKey, enrolProofBytes('offer', transcript));
    const bytes = Buffer.from(JSON.stringify({ ...claims, signature: other.toString('base64') }));
    expect(signature).not.toBe(other.toString('base64'));
    expect(verify(bytes)).toBe('BAD_SIGNATURE');
  });

  it('has no time that is none', () => {
    expect(codeOf(() => offerFile(at(0), '2026-99-99T00:00:00.000Z'))).toBe('MALFORMED');
    expect(codeOf(() => offerFile('soon'))).toBe('MALFORMED');
  });
});

describe('files of a courier', () => {
  const mesh = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
  const base = { mesh, space: LIBRARY };
  const hash = 'ab'.repeat(32);
  const certificates = { leaf: 'L', issuing: 'I', root: 'R' };
  const request = { ...base, request: Buffer.from('asked') };
  const answer = {
    ...base,
    request: hash,
    roots: [Buffer.from('root')],
    answer: Buffer.from('answered'),
    directory: Buffer.from('directory'),
  };
  const renewal = { ...base, petition: Buffer.from('petition') };
  const renewed = { mesh, space: SPACE, request: hash, roots: [], certificates };
  const kinds = [
    [encodeRequestFile(request), parseRequestFile, request],
    [encodeAnswerFile(answer), parseAnswerFile, answer],
    [encodeRenewalRequest(renewal), parseRenewalRequest, renewal],
    [encodeRenewalAnswer(renewed), parseRenewalAnswer, renewed],
  ] as const;

  it('read back as they were written, in one spelling', () => {
    for (const [bytes, parse, value] of kinds) {
      expect(parse(bytes)).toEqual(value);
      const spaced = Buffer.from(JSON.stringify(JSON.parse(bytes.toString()), null, 1));
      expect(codeOf(() => parse(spaced))).toBe('NOT_CANONICAL');
      const more = { ...JSON.parse(bytes.toString()), more: true };
      expect(codeOf(() => parse(Buffer.from(JSON.stringify(more))))).toBe('NOT_CANONICAL');
      expect(codeOf(() => parse(bytes.subarray(0, -1)))).toBe('MALFORMED');
      expect(codeOf(() => parse(Buffer.from('[]')))).toBe('MALFORMED');
    }
  });

  it('are not taken one for another', () => {
    const parsers = [parseOfferFile, ...kinds.map(([, parse]) => parse)];
    const files = [file, ...kinds.map(([bytes]) => bytes)];
    for (const [i, bytes] of files.entries())
      for (const [j, parse] of parsers.entries())
        expect(codeOf(() => parse(bytes))).toBe(i === j ? 'done' : 'MALFORMED');
  });

  it('say what they are in their first bytes', () => {
    expect(codeOf(() => assertFileHead(file.subarray(0, 96), 'odcm-enrolment-offer'))).toBe('done');
    const wrong = () => assertFileHead(file.subarray(0, 96), 'odcm-enrolment-answer');
    expect(wrong).toThrow('this is the offer of an enrolment, and not the answer');
    expect(
      codeOf(() => assertFileHead(Buffer.from('{"type":"constructor"'), 'odcm-enrolment-offer')),
    ).toBe('MALFORMED');
  });
});

describe('an X25519 key made of a secret', () => {
  it('is the same each time, and another for another secret', () => {
    const raw = (byte: number) => x25519Raw(x25519Private(Buffer.alloc(32, byte))).toString('hex');
    expect(raw(1)).toBe(raw(1));
    expect(raw(1)).not.toBe(raw(2));
  });

  it('agrees with other keys as any, and needs all of its 32 bytes', () => {
    const [mine, yours] = [x25519Private(Buffer.alloc(32, 1)), generateX25519()];
    const agreed = agreeX25519(mine, x25519Raw(yours));
    expect(agreed.equals(agreeX25519(yours, x25519Raw(mine)))).toBe(true);
    expect(codeOf(() => x25519Private(Buffer.alloc(31, 1)))).toBe('MALFORMED');
  });
});
