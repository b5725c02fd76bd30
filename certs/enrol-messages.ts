// The four enrolment messages and the refusal, as canonical JSON. Form only: what the proofs in
// them are worth is decided in enrol.ts. Field order is part of the form, because transcripts hash these bytes.

import { ADDRESS } from '../protocols/address.ts';
import {
  asBase64,
  asList,
  asObject,
  asText,
  decodeCanonical,
  type JsonObject,
} from '../protocols/canonical-json.ts';
import { CODES, type Code, MeshError } from '../protocols/errors.ts';
import type { SpaceId, SpaceName } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import {
  base64,
  type CertificateFiles,
  certificateFields,
  json,
  readCertificates,
  readHash,
  readPem,
  readRoots,
  readSpaceId,
  readSpaceName,
} from './message-fields.ts';

const NONCE_BYTES = 32;
const REFUSAL_CHARS = 400;

/** Step 1. */
export interface Hello {
  readonly nonce: Buffer;
}

export interface OfferClaims {
  /** Root envelopes, version 1 first. */
  readonly roots: readonly Buffer[];
  /** Newest checkpoint of the directory as a signed note; this file does not look inside. */
  readonly head: string;
  readonly nonce: Buffer;
  /** Ephemeral X25519 key: the node answers it to prove its own. */
  readonly exchange: Buffer;
  /** Directory key that signs. */
  readonly keyid: string;
}

/** Step 2. */
export interface Offer extends OfferClaims {
  readonly signature: Buffer;
}

export interface EnrolClaims {
  /** Id of the token, its public part. */
  readonly token: string;
  /** Proposed name; null takes the name of the invitation. */
  readonly space: SpaceName | null;
  readonly csr: string;
  readonly nodeKey: Buffer;
  readonly exchangeKey: Buffer;
  readonly addresses: readonly string[];
}

export interface EnrolProofs {
  /** HMAC under the token key. */
  readonly token: Buffer;
  /** Ed25519 signature by the node key. */
  readonly nodeKey: Buffer;
  /** HMAC under what the X25519 keys of both sides agree on. */
  readonly exchangeKey: Buffer;
}

/** Step 3. */
export interface EnrolRequest extends EnrolClaims {
  readonly proofs: EnrolProofs;
}

export interface AnswerClaims {
  readonly space: SpaceId;
  readonly certificates: CertificateFiles;
  /** What of the directory proves the enrolment; opaque here. */
  readonly directory: Buffer;
  readonly keyid: string;
}

/** Step 6. */
export interface Answer extends AnswerClaims {
  readonly signature: Buffer;
}

export const encodeHello = (hello: Hello): Buffer =>
  json({ type: 'enrol-hello', nonce: base64(hello.nonce) });

const offerFields = (claims: OfferClaims) => ({
  type: 'enrol-offer',
  roots: claims.roots.map(base64),
  head: claims.head,
  nonce: base64(claims.nonce),
  exchange: base64(claims.exchange),
  keyid: claims.keyid,
});
export const encodeOfferClaims = (claims: OfferClaims): Buffer => json(offerFields(claims));
export const encodeOffer = (offer: Offer): Buffer =>
  json({ ...offerFields(offer), signature: base64(offer.signature) });

const requestFields = (claims: EnrolClaims) => ({
  type: 'enrol-request',
  token: claims.token,
  space: claims.space,
  csr: claims.csr,
  nodeKey: base64(claims.nodeKey),
  exchangeKey: base64(claims.exchangeKey),
  addresses: claims.addresses,
});
export const encodeEnrolClaims = (claims: EnrolClaims): Buffer => json(requestFields(claims));
export function encodeEnrolRequest(request: EnrolRequest): Buffer {
  const { token, nodeKey, exchangeKey } = request.proofs;
  const proofs = {
    token: base64(token),
    nodeKey: base64(nodeKey),
    exchangeKey: base64(exchangeKey),
  };
  return json({ ...requestFields(request), proofs });
}

const answerFields = (claims: AnswerClaims) => ({
  type: 'enrol-answer',
  space: claims.space,
  certificates: certificateFields(claims.certificates),
  directory: base64(claims.directory),
  keyid: claims.keyid,
});
export const encodeAnswerClaims = (claims: AnswerClaims): Buffer => json(answerFields(claims));
export const encodeAnswer = (answer: Answer): Buffer =>
  json({ ...answerFields(answer), signature: base64(answer.signature) });

/** What ODCM sends instead of an offer or answer. Only code and sentence: causes and details stay at home. */
export function encodeRefusal({ code, message }: MeshError): Buffer {
  const line = message.slice(0, REFUSAL_CHARS).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ');
  return json({ error: code, message: line === '' ? code : line });
}

export const parseHello = (bytes: Uint8Array): Hello =>
  decodeCanonical(bytes, {
    what: 'enrolment hello',
    maxBytes: LIMITS.enrolFrameBytes,
    encode: encodeHello,
    read: (value) => {
      asText(value['type'], /^enrol-hello$/, 'type of enrolment hello');
      return { nonce: asBase64(value['nonce'], 'nonce', NONCE_BYTES) };
    },
  });

/** A refusal in place of the offer is thrown as the error it names. */
export const parseOffer = (bytes: Uint8Array): Offer =>
  decodeCanonical(bytes, {
    what: 'enrolment offer',
    maxBytes: LIMITS.enrolAnswerBytes,
    encode: encodeOffer,
    read: (value) => {
      throwRefusal(value);
      asText(value['type'], /^enrol-offer$/, 'type of enrolment offer');
      return {
        roots: readRoots(value['roots']),
        head: bounded(value['head'], LIMITS.noteBytes, 'directory head'),
        nonce: asBase64(value['nonce'], 'nonce', NONCE_BYTES),
        exchange: asBase64(value['exchange'], 'exchange key', 32),
        keyid: readHash(value['keyid'], 'key id of enrolment offer'),
        signature: asBase64(value['signature'], 'signature', 64),
      };
    },
  });

export const parseEnrolRequest = (bytes: Uint8Array): EnrolRequest =>
  decodeCanonical(bytes, {
    what: 'enrolment request',
    maxBytes: LIMITS.enrolFrameBytes,
    encode: encodeEnrolRequest,
    read: readRequest,
  });

function readRequest(value: JsonObject): EnrolRequest {
  asText(value['type'], /^enrol-request$/, 'type of enrolment request');
  const proofs = asObject(value['proofs'], 'proofs');
  const space = value['space'];
  return {
    token: asText(value['token'], /^[a-z2-7]{8}$/, 'token id'),
    space: space === null ? null : readSpaceName(space),
    csr: readPem(value['csr'], 'certificate request'),
    nodeKey: asBase64(value['nodeKey'], 'node key', 32),
    exchangeKey: asBase64(value['exchangeKey'], 'exchange key', 32),
    addresses: asList(value['addresses'], LIMITS.addresses, 'addresses', (address) =>
      asText(address, ADDRESS, 'address'),
    ),
    proofs: {
      token: asBase64(proofs['token'], 'token proof', 32),
      nodeKey: asBase64(proofs['nodeKey'], 'node key proof', 64),
      exchangeKey: asBase64(proofs['exchangeKey'], 'exchange key proof', 32),
    },
  };
}

/** A refusal in place of the answer is thrown as the error it names. */
export const parseAnswer = (bytes: Uint8Array): Answer =>
  decodeCanonical(bytes, {
    what: 'enrolment answer',
    maxBytes: LIMITS.enrolAnswerBytes,
    encode: encodeAnswer,
    read: (value) => {
      throwRefusal(value);
      asText(value['type'], /^enrol-answer$/, 'type of enrolment answer');
      return {
        space: readSpaceId(value['space']),
        certificates: readCertificates(value['certificates']),
        directory: asBase64(value['directory'], 'directory part'),
        keyid: readHash(value['keyid'], 'key id of enrolment answer'),
        signature: asBase64(value['signature'], 'signature', 64),
      };
    },
  });

/** What somebody does next whose token is for another name than the one proposed. */
export const OTHER_NAME =
  'Join without --space, or ask for a token for that name with: odcm invite SPACE';

/** The text comes from a stranger and reaches a terminal: printable and short, or it is not shown at all. */
function throwRefusal(value: JsonObject): void {
  const code = value['error'];
  if (code === undefined) return;
  if (typeof code !== 'string' || !Object.hasOwn(CODES, code)) {
    throw new MeshError('MALFORMED', 'ODCM refused with a code that is not known here');
  }
  const message = asText(value['message'], /^[^\p{C}\p{Zl}\p{Zp}]+$/u, 'refusal');
  bounded(message, REFUSAL_CHARS, 'refusal');
  throw refusalOf(code as Code, message);
}

/** A name is refused in an enrolment only because the token is for another; what to do is not sent along. */
const refusalOf = (code: Code, message: string): MeshError =>
  new MeshError(code, message, code === 'NAME_INVALID' ? { next: OTHER_NAME } : {});

function bounded(value: unknown, maxChars: number, what: string): string {
  if (typeof value !== 'string' || value.length > maxChars) {
    throw new MeshError('TOO_LARGE', `${what} is no text of at most ${maxChars} characters`);
  }
  return value;
}
