// Enrolment as pure steps for both sides: who proves what over which transcript. No sockets, no
// clock, no randomness, no store: whether a token is unused and who gets which name is the caller's business.
//
//   node: createHello ─► ODCM: createOffer ─► node: verifyOffer, createEnrolRequest
//   ─► ODCM: parseEnrolRequest (finds the token), verifyEnrolRequest, createAnswer ─► node: verifyAnswer

import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { ed25519FromRaw, ed25519Raw, verifyEd25519 } from '../protocols/ed25519.ts';
import { MeshError } from '../protocols/errors.ts';
import type { SpaceId, SpaceName } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { rootKeyId } from '../protocols/root.ts';
import { type VerifiedRoot, verifyRootChain } from '../protocols/root-chain.ts';
import {
  type EnrolProof,
  EXCHANGE_KEY_INFO,
  enrolProofBytes,
  enrolTranscript,
} from '../protocols/signable.ts';
import { type VerifiedChain, verifyChain } from './chain.ts';
import { checkWords } from './check-words.ts';
import { signEd25519 } from './ed25519.ts';
import {
  type Answer,
  type EnrolRequest,
  encodeAnswer,
  encodeAnswerClaims,
  encodeEnrolClaims,
  encodeEnrolRequest,
  encodeHello,
  encodeOffer,
  encodeOfferClaims,
  type Offer,
  OTHER_NAME,
  parseAnswer,
  parseEnrolRequest,
  parseHello,
  parseOffer,
} from './enrol-messages.ts';
import type { CertificateFiles } from './message-fields.ts';
import { type VerifiedRequest, verifyRequest } from './request.ts';
import { type Token, tokenKey } from './token.ts';
import { agreeX25519, assertStrongX25519, x25519Raw } from './x25519.ts';

/** Step 1, node: 32 fresh random bytes. */
export function createHello(nonce: Uint8Array): Buffer {
  const hello = encodeHello({ nonce: Buffer.from(nonce) });
  parseHello(hello);
  return hello;
}

export interface OfferParts {
  readonly hello: Uint8Array;
  readonly roots: readonly Buffer[];
  readonly head: string;
  /** 32 fresh random bytes. */
  readonly nonce: Uint8Array;
  /** Private X25519 key made for this enrolment. */
  readonly exchange: KeyObject;
  readonly directoryKey: KeyObject;
}

/** Step 2, ODCM: the signature covers the node's nonce, so that an old offer cannot be played back. */
export function createOffer(parts: OfferParts): Buffer {
  parseHello(parts.hello);
  const claims = {
    roots: parts.roots,
    head: parts.head,
    nonce: Buffer.from(parts.nonce),
    exchange: x25519Raw(parts.exchange),
    keyid: rootKeyId(ed25519Raw(parts.directoryKey)),
  };
  const transcript = enrolTranscript([parts.hello, encodeOfferClaims(claims)]);
  const signature = signEd25519(parts.directoryKey, enrolProofBytes('offer', transcript));
  return fitting(encodeOffer({ ...claims, signature }), LIMITS.enrolAnswerBytes);
}

export interface VerifiedOffer {
  readonly hello: Uint8Array;
  readonly bytes: Uint8Array;
  readonly offer: Offer;
  /** Root chain that begins with what the token pins. The caller still checks how fresh `offer.head` is. */
  readonly root: VerifiedRoot;
}

export interface OfferExpectations {
  readonly hello: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly nowMs: number;
}

/** Step 2, node: this is the mesh of the token, and who speaks holds one of its directory keys now. */
export function verifyOffer(bytes: Uint8Array, expected: OfferExpectations): VerifiedOffer {
  const offer = parseOffer(bytes);
  const root = verifyRootChain(offer.roots, expected);
  const transcript = enrolTranscript([expected.hello, encodeOfferClaims(offer)]);
  verifyByDirectory(root, offer, 'offer', transcript);
  assertStrongX25519(offer.exchange);
  return { hello: expected.hello, bytes, offer, root };
}

export interface EnrolRequestParts {
  readonly offer: VerifiedOffer;
  readonly token: Token;
  readonly space: SpaceName | null;
  readonly csr: string;
  readonly nodeKey: KeyObject;
  readonly exchangeKey: KeyObject;
  readonly addresses: readonly string[];
}

/** Step 3, node: the token and both keys each prove themselves over everything said so far and all claims. */
export function createEnrolRequest(parts: EnrolRequestParts): Buffer {
  const { hello, bytes, offer } = parts.offer;
  const claims = {
    token: parts.token.id,
    space: parts.space,
    csr: parts.csr,
    nodeKey: ed25519Raw(parts.nodeKey),
    exchangeKey: x25519Raw(parts.exchangeKey),
    addresses: parts.addresses,
  };
  const transcript = enrolTranscript([hello, bytes, encodeEnrolClaims(claims)]);
  const shared = agreeX25519(parts.exchangeKey, offer.exchange);
  const proofs = {
    token: mac(tokenKey(parts.token.secret), 'token', transcript),
    nodeKey: signEd25519(parts.nodeKey, enrolProofBytes('node-key', transcript)),
    exchangeKey: mac(exchangeMacKey(shared), 'exchange-key', transcript),
  };
  const request = encodeEnrolRequest({ ...claims, proofs });
  parseEnrolRequest(request);
  return request;
}

export interface RequestExpectations {
  readonly hello: Uint8Array;
  /** Offer bytes as sent on this connection. */
  readonly offer: Uint8Array;
  readonly exchange: KeyObject;
  /** Key of the token that the request names, as ODCM keeps it. */
  readonly tokenKey: Uint8Array;
  /** Name that the token was made for. */
  readonly invited: SpaceName;
}

export interface VerifiedEnrolRequest {
  readonly request: EnrolRequest;
  readonly csr: VerifiedRequest;
  readonly name: SpaceName;
  readonly words: string[];
}

/** Step 4, ODCM: the token first, because it costs a stranger most and us least; then each key. */
export function verifyEnrolRequest(
  bytes: Uint8Array,
  expected: RequestExpectations,
): VerifiedEnrolRequest {
  const request = parseEnrolRequest(bytes);
  const { proofs } = request;
  const { hello, offer } = expected;
  const transcript = enrolTranscript([hello, offer, encodeEnrolClaims(request)]);
  if (!timingSafeEqual(proofs.token, mac(expected.tokenKey, 'token', transcript))) {
    throw new MeshError('TOKEN_UNKNOWN', 'the request was not made with the token it names', {
      detail: { proof: 'token' },
    });
  }
  const nodeKey = ed25519FromRaw(request.nodeKey);
  if (!verifyEd25519(nodeKey, enrolProofBytes('node-key', transcript), proofs.nodeKey)) {
    throw unproven('node-key', 'the sender does not hold the node key');
  }
  const shared = agreeX25519(expected.exchange, request.exchangeKey);
  const answer = mac(exchangeMacKey(shared), 'exchange-key', transcript);
  if (!timingSafeEqual(proofs.exchangeKey, answer)) {
    throw unproven('exchange-key', 'the sender does not hold the exchange key');
  }
  const csr = verifyRequest(request.csr);
  if (!csr.signedKey.nodeKey.equals(request.nodeKey)) {
    throw unproven('csr', 'the certificate request binds another node key');
  }
  const name = invitedName(request.space, expected.invited);
  return { request, csr, name, words: enrolWords(hello, offer, bytes) };
}

/** Step 5, both: what two people compare. */
export function enrolWords(hello: Uint8Array, offer: Uint8Array, request: Uint8Array): string[] {
  return checkWords(enrolTranscript([hello, offer, request]));
}

export interface AnswerParts {
  readonly hello: Uint8Array;
  readonly offer: Uint8Array;
  readonly request: Uint8Array;
  readonly directoryKey: KeyObject;
  readonly space: SpaceId;
  readonly certificates: CertificateFiles;
  readonly directory: Uint8Array;
}

/** Step 6, ODCM. */
export function createAnswer(parts: AnswerParts): Buffer {
  const claims = {
    space: parts.space,
    certificates: parts.certificates,
    directory: Buffer.from(parts.directory),
    keyid: rootKeyId(ed25519Raw(parts.directoryKey)),
  };
  const said = [parts.hello, parts.offer, parts.request, encodeAnswerClaims(claims)];
  const signed = enrolProofBytes('answer', enrolTranscript(said));
  const answer = encodeAnswer({ ...claims, signature: signEd25519(parts.directoryKey, signed) });
  return fitting(answer, LIMITS.enrolAnswerBytes);
}

export interface AnswerExpectations {
  readonly offer: VerifiedOffer;
  /** Request bytes as sent. */
  readonly request: Uint8Array;
  readonly nowMs: number;
}

export interface VerifiedAnswer {
  readonly answer: Answer;
  readonly chain: VerifiedChain;
}

/** Step 6, node: ODCM answers this very request, and the certificate is for our keys and our name. */
export function verifyAnswer(bytes: Uint8Array, expected: AnswerExpectations): VerifiedAnswer {
  const answer = parseAnswer(bytes);
  const { hello, bytes: offer, root } = expected.offer;
  const said = [hello, offer, expected.request, encodeAnswerClaims(answer)];
  verifyByDirectory(root, answer, 'answer', enrolTranscript(said));
  const { leaf, issuing, root: rootPem } = answer.certificates;
  const chain = verifyChain({
    leafPem: leaf,
    issuingPem: issuing,
    rootPem,
    pins: root.root.x509,
    mesh: root.meshId,
    space: answer.space,
    nowMs: expected.nowMs,
  });
  const ours = parseEnrolRequest(expected.request);
  const sameKeys =
    chain.nodeKey.equals(ours.nodeKey) && chain.spkiDer.equals(verifyRequest(ours.csr).spkiDer);
  if (!sameKeys || (ours.space !== null && chain.name !== ours.space)) {
    throw new MeshError('BAD_CERTIFICATE', 'the certificate is not for the keys or name we sent', {
      detail: { check: sameKeys ? 'names' : 'key' },
    });
  }
  return { answer, chain };
}

function verifyByDirectory(
  { root }: VerifiedRoot,
  { keyid, signature }: { readonly keyid: string; readonly signature: Buffer },
  proof: EnrolProof,
  transcript: Buffer,
): void {
  if (!root.roles.directory.keyids.includes(keyid)) {
    throw new MeshError('UNKNOWN_KEY', `the enrolment ${proof} is not signed by a directory key`);
  }
  const key = ed25519FromRaw(root.keys.get(keyid)!);
  if (!verifyEd25519(key, enrolProofBytes(proof, transcript), signature)) {
    throw new MeshError('BAD_SIGNATURE', `the enrolment ${proof} was altered or is from elsewhere`);
  }
}

function invitedName(proposed: SpaceName | null, invited: SpaceName): SpaceName {
  if (proposed === null || proposed === invited) return invited;
  throw new MeshError('NAME_INVALID', `the token is for space ${invited}, not ${proposed}`, {
    next: OTHER_NAME,
  });
}

function mac(key: Uint8Array, proof: EnrolProof, transcript: Uint8Array): Buffer {
  return createHmac('sha256', key).update(enrolProofBytes(proof, transcript)).digest();
}

function exchangeMacKey(shared: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, new Uint8Array(0), EXCHANGE_KEY_INFO, 32));
}

function fitting(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length <= maxBytes) return bytes;
  throw new MeshError('TOO_LARGE', `an enrolment message is larger than ${maxBytes} bytes`);
}

function unproven(proof: string, message: string): MeshError {
  return new MeshError('BAD_REQUEST_PROOF', message, { detail: { proof } });
}
