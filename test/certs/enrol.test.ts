import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519, signEd25519 } from '../../certs/ed25519.ts';
import {
  createAnswer,
  createEnrolRequest,
  createHello,
  createOffer,
  enrolWords,
  verifyAnswer,
  verifyEnrolRequest,
  verifyOffer,
} from '../../certs/enrol.ts';
import {
  encodeEnrolClaims,
  encodeEnrolRequest,
  encodeRefusal,
  parseAnswer,
  parseEnrolRequest,
  parseHello,
  parseOffer,
} from '../../certs/enrol-messages.ts';
import { signRoot } from '../../certs/root-keys.ts';
import { makeToken, parseToken, tokenKey } from '../../certs/token.ts';
import { generateX25519, x25519Raw } from '../../certs/x25519.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { parseSpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { buildRootPayload } from '../../protocols/root.ts';
import { enrolProofBytes, enrolTranscript } from '../../protocols/signable.ts';
import {
  codeOf,
  DAY_MS,
  flipBit,
  issueFor,
  LIBRARY,
  makeNode,
  makeTrustRoot,
  NOW_MS,
  type Node,
  nonce,
  refusalOf,
  SPACE,
  type TrustRoot,
} from './fixtures.ts';

let trust: TrustRoot;
let other: TrustRoot;
let node: Node;
let stranger: Node;
beforeAll(async () => {
  [trust, other] = await Promise.all([makeTrustRoot(), makeTrustRoot()]);
  [node, stranger] = await Promise.all([makeNode(), makeNode()]);
});

const newToken = (fingerprint: Uint8Array) =>
  parseToken(makeToken({ id: randomBytes(5), secret: randomBytes(16), fingerprint }));

interface Options {
  space?: string | null;
  csr?: string;
  addresses?: string[];
}

/** Everything both sides say and hold in one enrolment that succeeds. */
function enrolment(options: Options = {}) {
  const exchange = generateX25519();
  const token = newToken(trust.fingerprint);
  const hello = createHello(nonce());
  const { directoryKey } = trust;
  const offer = createOffer({
    hello,
    roots: [trust.envelope],
    head: 'odcm/…/dir/1\n7\nroot\n\n— odcm/…/dir/1 signature\n',
    nonce: nonce(),
    exchange,
    directoryKey,
  });
  const verifiedOffer = verifyOffer(offer, {
    hello,
    fingerprint: token.fingerprint,
    nowMs: NOW_MS,
  });
  const request = createEnrolRequest({
    offer: verifiedOffer,
    token,
    space: typeof options.space === 'string' ? parseSpaceName(options.space) : null,
    csr: options.csr ?? node.csr,
    nodeKey: node.nodeKey,
    exchangeKey: generateX25519(),
    addresses: options.addresses ?? ['/ip4/127.0.0.1/tcp/4001'],
  });
  const expected = { hello, offer, exchange, tokenKey: tokenKey(token.secret), invited: LIBRARY };
  const certificates = {
    leaf: issueFor(trust, node.request),
    issuing: trust.issuing.certificatePem,
    root: trust.root.certificatePem,
  };
  const answerParts = {
    hello,
    offer,
    request,
    directoryKey,
    space: SPACE,
    certificates,
    directory: Buffer.from('entry 7 and its proof'),
  };
  return { token, hello, offer, verifiedOffer, request, expected, answerParts };
}

const offerCode = (bytes: Uint8Array, changed: object = {}) => {
  const { hello, token } = enrolment();
  const expected = { hello, fingerprint: token.fingerprint, nowMs: NOW_MS, ...changed };
  return codeOf(() => verifyOffer(bytes, expected));
};

/** A changed request whose token, node key and exchange proofs are those of the unchanged one. */
const altered = (bytes: Buffer, change: object): Buffer =>
  encodeEnrolRequest({ ...parseEnrolRequest(bytes), ...change });

describe('an enrolment', () => {
  it('ends with a certificate for the keys of the node, and the same words on both screens', () => {
    const { hello, offer, verifiedOffer, request, expected, answerParts } = enrolment();
    const verified = verifyEnrolRequest(request, expected);
    expect(verified.name).toBe('library');
    expect(verified.request.addresses).toEqual(['/ip4/127.0.0.1/tcp/4001']);
    expect(verified.csr.signedKey.nodeKey).toEqual(node.request.signedKey.nodeKey);
    expect(verified.words).toEqual(enrolWords(hello, offer, request));
    expect(verified.words).toHaveLength(6);
    const answered = verifyAnswer(createAnswer(answerParts), {
      offer: verifiedOffer,
      request,
      nowMs: NOW_MS,
    });
    expect(answered.answer.space).toBe(SPACE);
    expect(answered.answer.directory.toString()).toBe('entry 7 and its proof');
    expect(answered.chain.name).toBe('library');
  });

  it('says the directory head and the root to the node, and no secret to anybody', () => {
    const { verifiedOffer, request, token } = enrolment();
    expect(verifiedOffer.offer.head).toContain('dir/1');
    expect(verifiedOffer.root.meshId).toBe(trust.mesh);
    expect(parseEnrolRequest(request).token).toBe(token.id);
    expect(request.includes(token.secret.toString('base64'))).toBe(false);
  });

  it('takes the proposed name when it is the invited one, and refuses any other', () => {
    const same = enrolment({ space: 'library' });
    expect(verifyEnrolRequest(same.request, same.expected).name).toBe('library');
    const wrong = enrolment({ space: 'payments' });
    expect(codeOf(() => verifyEnrolRequest(wrong.request, wrong.expected))).toBe('NAME_INVALID');
  });

  it('says at both ends that the token is for another name, not how names are spelled', () => {
    const { request, expected } = enrolment({ space: 'payments' });
    const refusal = refusalOf(() => verifyEnrolRequest(request, expected));
    const received = refusalOf(() => parseAnswer(encodeRefusal(refusal)));
    expect(received).toMatchObject({ code: 'NAME_INVALID', message: refusal.message });
    for (const { next } of [refusal, received]) expect(next).toMatch(/without --space.*invite/);
  });

  it('gives other words to every enrolment', () => {
    const words = Array.from({ length: 8 }, () => {
      const { hello, offer, request } = enrolment();
      return enrolWords(hello, offer, request).join(' ');
    });
    expect(new Set(words).size).toBe(8);
  });

  it('is refused when any bit of any message is turned over on its way', () => {
    const all = enrolment();
    const answer = createAnswer(all.answerParts);
    const { hello, offer, verifiedOffer, request, expected, token } = all;
    const fingerprint = token.fingerprint;
    const steps: ((bit: number) => unknown)[] = [
      (bit) => {
        // ODCM answers the hello it got; the node compares with the one it sent.
        const got = flipBit(hello, bit);
        const { directoryKey } = trust;
        const parts = { roots: [trust.envelope], head: '', nonce: nonce(), directoryKey };
        const reply = createOffer({ ...parts, hello: got, exchange: generateX25519() });
        verifyOffer(reply, { hello, fingerprint, nowMs: NOW_MS });
      },
      (bit) => verifyOffer(flipBit(offer, bit), { hello, fingerprint, nowMs: NOW_MS }),
      (bit) => verifyEnrolRequest(flipBit(request, bit), expected),
      (bit) => verifyAnswer(flipBit(answer, bit), { offer: verifiedOffer, request, nowMs: NOW_MS }),
    ];
    fc.assert(
      fc.property(fc.nat(steps.length - 1), fc.nat(), (step, bit) => {
        try {
          steps[step]!(bit);
        } catch (error) {
          return isMeshError(error) && error.code !== 'INTERNAL';
        }
        return false;
      }),
      { numRuns: 800 },
    );
  });
});

describe('an offer', () => {
  it('is refused when it answers the hello of another enrolment', () => {
    expect(offerCode(enrolment().offer)).toBe('BAD_SIGNATURE');
  });

  it('is refused when it comes from another mesh than the token pins', () => {
    const { hello, offer } = enrolment();
    const fingerprint = other.fingerprint;
    expect(codeOf(() => verifyOffer(offer, { hello, fingerprint, nowMs: NOW_MS }))).toBe(
      'WRONG_MESH',
    );
  });

  it('is refused when no key of the directory signed it, a root key included', () => {
    const { hello, token } = enrolment();
    for (const directoryKey of [generateEd25519(), trust.rootKeys[0]!, other.directoryKey]) {
      const roots = [trust.envelope];
      const exchange = generateX25519();
      const offer = createOffer({ hello, roots, head: '', nonce: nonce(), exchange, directoryKey });
      const { fingerprint } = token;
      const act = () => verifyOffer(offer, { hello, fingerprint, nowMs: NOW_MS });
      expect(codeOf(act)).toBe('UNKNOWN_KEY');
    }
  });

  it('is refused when its directory key was replaced by a newer root', () => {
    const roles = {
      ...trust.input.roles,
      directory: { keys: [ed25519Raw(generateEd25519())], threshold: 1 },
    };
    const payload = buildRootPayload({ ...trust.input, version: 2, roles });
    const roots = [trust.envelope, signRoot(payload, trust.rootKeys)];
    const { hello, token } = enrolment();
    const { directoryKey } = trust;
    const exchange = generateX25519();
    const offer = createOffer({ hello, roots, head: '', nonce: nonce(), exchange, directoryKey });
    const { fingerprint } = token;
    const act = () => verifyOffer(offer, { hello, fingerprint, nowMs: NOW_MS });
    expect(codeOf(act)).toBe('UNKNOWN_KEY');
  });

  it('is refused when the root has expired', () => {
    const { hello, offer, token } = enrolment();
    const { fingerprint } = token;
    const act = () => verifyOffer(offer, { hello, fingerprint, nowMs: NOW_MS + 400 * DAY_MS });
    expect(codeOf(act)).toBe('ROOT_EXPIRED');
  });

  it('is never made larger than a node reads', () => {
    const { hello } = enrolment();
    const roots = Array.from({ length: 900 }, () => trust.envelope);
    const parts = { roots, head: '', nonce: nonce(), exchange: generateX25519() };
    const act = () => createOffer({ ...parts, hello, directoryKey: trust.directoryKey });
    expect(codeOf(act)).toBe('TOO_LARGE');
  });
});

describe('a request', () => {
  it('is refused when made with another secret under the same token id', () => {
    const { request, expected } = enrolment();
    const wrong = { ...expected, tokenKey: tokenKey(randomBytes(16)) };
    const refusal = refusalOf(() => verifyEnrolRequest(request, wrong));
    expect(refusal).toMatchObject({ code: 'TOKEN_UNKNOWN', detail: { proof: 'token' } });
  });

  it('is refused when played back on another connection', () => {
    const [first, second] = [enrolment(), enrolment()];
    const expected = { ...second.expected, tokenKey: first.expected.tokenKey };
    expect(codeOf(() => verifyEnrolRequest(first.request, expected))).toBe('TOKEN_UNKNOWN');
  });

  it('is refused when any claim is changed after it was made', () => {
    const { request, expected } = enrolment();
    const changes = [
      { space: LIBRARY },
      { csr: stranger.csr },
      { nodeKey: stranger.request.signedKey.nodeKey },
      { exchangeKey: x25519Raw(generateX25519()) },
      { addresses: [] },
      { token: 'aaaaaaaa' },
    ];
    for (const change of changes) {
      const act = () => verifyEnrolRequest(altered(request, change), expected);
      expect(codeOf(act)).toBe('TOKEN_UNKNOWN');
    }
  });

  it('is refused when the holder of the token does not hold the keys it names', () => {
    const { hello, offer, request, expected, verifiedOffer, token } = enrolment();
    const proofs = parseEnrolRequest(request).proofs;
    const reproved = (change: { nodeKey?: Buffer; exchangeKey?: Buffer }) =>
      altered(request, { proofs: { ...proofs, ...change } });
    const refusal = (bytes: Buffer) => refusalOf(() => verifyEnrolRequest(bytes, expected));
    const transcript = enrolTranscript([
      hello,
      offer,
      encodeEnrolClaims(parseEnrolRequest(request)),
    ]);
    const byStranger = signEd25519(stranger.nodeKey, enrolProofBytes('node-key', transcript));
    expect(refusal(reproved({ nodeKey: byStranger }))).toMatchObject({
      code: 'BAD_REQUEST_PROOF',
      detail: { proof: 'node-key' },
    });
    const otherPurpose = signEd25519(node.nodeKey, enrolProofBytes('answer', transcript));
    expect(refusal(reproved({ nodeKey: otherPurpose })).detail).toEqual({ proof: 'node-key' });
    expect(refusal(reproved({ exchangeKey: proofs.token }))).toMatchObject({
      code: 'BAD_REQUEST_PROOF',
      detail: { proof: 'exchange-key' },
    });
    const foreign = createEnrolRequest({
      offer: verifiedOffer,
      token,
      space: null,
      csr: stranger.csr,
      nodeKey: node.nodeKey,
      exchangeKey: generateX25519(),
      addresses: [],
    });
    expect(refusal(foreign)).toMatchObject({
      code: 'BAD_REQUEST_PROOF',
      detail: { proof: 'csr' },
    });
  });

  it('is refused when its certificate request is none', () => {
    const { request, expected } = enrolment({ csr: 'hello' });
    expect(codeOf(() => verifyEnrolRequest(request, expected))).toBe('BAD_REQUEST_PROOF');
  });

  it('is never made with addresses that ODCM would refuse', () => {
    const long = `/${'a'.repeat(LIMITS.addressChars)}`;
    const lists = [Array(9).fill('/a'), ['a'], ['/a b'], [''], ['/ä'], [long]] as string[][];
    for (const addresses of lists) {
      expect(codeOf(() => enrolment({ addresses }))).toBe('MALFORMED');
    }
    const most = Array<string>(8).fill(long.slice(0, -1));
    const { request, expected } = enrolment({ addresses: most });
    expect(verifyEnrolRequest(request, expected).request.addresses).toEqual(most);
  });
});

describe('an answer', () => {
  it('is refused when it answers another request', () => {
    const [first, second] = [enrolment(), enrolment()];
    const expected = { offer: second.verifiedOffer, request: second.request, nowMs: NOW_MS };
    expect(codeOf(() => verifyAnswer(createAnswer(first.answerParts), expected))).toBe(
      'BAD_SIGNATURE',
    );
  });

  it('is refused when no key of the directory signed it', () => {
    const { verifiedOffer, request, answerParts } = enrolment();
    const answer = createAnswer({ ...answerParts, directoryKey: generateEd25519() });
    const expected = { offer: verifiedOffer, request, nowMs: NOW_MS };
    expect(codeOf(() => verifyAnswer(answer, expected))).toBe('UNKNOWN_KEY');
  });

  it('is refused when its certificate is for other keys, another name, or from another mesh', () => {
    const { verifiedOffer, request, answerParts } = enrolment();
    const expected = { offer: verifiedOffer, request, nowMs: NOW_MS };
    const { certificates } = answerParts;
    const answered = (change: object) =>
      refusalOf(() =>
        verifyAnswer(
          createAnswer({ ...answerParts, certificates: { ...certificates, ...change } }),
          expected,
        ),
      );
    const strangers = answered({ leaf: issueFor(trust, stranger.request) });
    expect(strangers).toMatchObject({ code: 'BAD_CERTIFICATE', detail: { check: 'key' } });
    const foreign = answered({ leaf: issueFor(other, node.request) });
    expect(foreign).toMatchObject({ code: 'BAD_CERTIFICATE', detail: { check: 'issuer' } });
    const fake = answered({ root: other.root.certificatePem });
    expect(fake).toMatchObject({ code: 'BAD_CERTIFICATE', detail: { check: 'root-pin' } });
  });

  it('is refused when the name is not the one that was asked for', () => {
    const { verifiedOffer, request, answerParts } = enrolment({ space: 'payments' });
    const expected = { offer: verifiedOffer, request, nowMs: NOW_MS };
    expect(refusalOf(() => verifyAnswer(createAnswer(answerParts), expected))).toMatchObject({
      code: 'BAD_CERTIFICATE',
      detail: { check: 'names' },
    });
  });
});

describe('a refusal', () => {
  it('takes the place of offer and answer and is thrown as what ODCM meant', () => {
    const bytes = encodeRefusal(new MeshError('TOKEN_USED', 'token was used on Friday'));
    for (const parse of [parseOffer, parseAnswer]) {
      expect(refusalOf(() => parse(bytes))).toMatchObject({
        code: 'TOKEN_USED',
        message: 'token was used on Friday',
      });
    }
  });

  it('never carries control characters or long texts to a terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (message) => {
        const bytes = encodeRefusal(new MeshError('BUSY', message));
        const refusal = refusalOf(() => parseOffer(bytes));
        expect(refusal.code).toBe('BUSY');
        expect(refusal.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
        expect(refusal.message.length).toBeLessThanOrEqual(400);
      }),
    );
    const raw = (message: string) => Buffer.from(JSON.stringify({ error: 'BUSY', message }));
    expect(codeOf(() => parseOffer(raw('\u001b[2J')))).toBe('MALFORMED');
    expect(codeOf(() => parseOffer(raw('')))).toBe('MALFORMED');
    expect(codeOf(() => parseOffer(raw('x'.repeat(401))))).toBe('TOO_LARGE');
  });

  it('is itself refused when its code is not known', () => {
    for (const error of ['NOPE', 'toString', '__proto__', 7, null]) {
      const bytes = Buffer.from(JSON.stringify({ error, message: 'x' }));
      expect(codeOf(() => parseAnswer(bytes))).toBe('MALFORMED');
    }
  });
});

describe('enrolment messages', () => {
  const parsers = [parseHello, parseOffer, parseEnrolRequest, parseAnswer];
  const allCodes = (bytes: Uint8Array) =>
    new Set(parsers.map((parse) => codeOf(() => parse(bytes))));

  it('are read as their own kind only', () => {
    const { hello, offer, request, answerParts } = enrolment();
    const messages = [hello, offer, request, createAnswer(answerParts)];
    for (const [i, bytes] of messages.entries()) {
      for (const [j, parse] of parsers.entries()) {
        if (i === j) expect(parse(bytes)).toBeTypeOf('object');
        else expect(codeOf(() => parse(bytes))).toBe('MALFORMED');
      }
    }
  });

  it('are refused when they are rubbish, nested without end, or too large', () => {
    for (const text of ['', 'null', '[]', '{}', '"x"', '['.repeat(60_000)]) {
      expect(allCodes(Buffer.from(text))).toEqual(new Set(['MALFORMED']));
    }
    expect(allCodes(Buffer.alloc(LIMITS.enrolAnswerBytes + 1))).toEqual(new Set(['TOO_LARGE']));
    const frame = Buffer.alloc(LIMITS.enrolFrameBytes + 1);
    expect(codeOf(() => parseHello(frame))).toBe('TOO_LARGE');
    expect(codeOf(() => parseEnrolRequest(frame))).toBe('TOO_LARGE');
  });

  it('are refused in any other spelling: spaces, unknown or doubled fields, another order', () => {
    const hello = createHello(nonce()).toString();
    const { type, nonce: text } = JSON.parse(hello) as { type: string; nonce: string };
    const spellings = [
      `${hello}\n`,
      hello.replace('{', '{"extra":1,'),
      hello.replace('{', '{"type":"enrol-hello",'),
      JSON.stringify({ nonce: text, type }),
      hello.replace('enrol', '\\u0065nrol'),
      hello.replace('=', ''),
    ];
    for (const bad of spellings) {
      expect(bad).not.toBe(hello);
      expect(codeOf(() => parseHello(Buffer.from(bad)))).toBe('NOT_CANONICAL');
    }
  });

  it('are refused with a nonce of another length', () => {
    expect(codeOf(() => createHello(Buffer.alloc(31)))).toBe('MALFORMED');
  });
});
