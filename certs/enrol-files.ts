// Enrolment by file: the messages of enrol.ts as three files that a courier carries, each canonical JSON that says what it
// is. An offer stands for itself, because no node has spoken yet: ODCM signs for whom it is and until when.

import type { KeyObject } from 'node:crypto';
import { hash } from 'node:crypto';
import { asBase64, asText, decodeCanonical } from '../protocols/canonical-json.ts';
import { ed25519FromRaw, ed25519Raw, verifyEd25519 } from '../protocols/ed25519.ts';
import { MeshError } from '../protocols/errors.ts';
import type { MeshId, SpaceName } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { rootKeyId } from '../protocols/root.ts';
import { enrolProofBytes, enrolTranscript } from '../protocols/signable.ts';
import { assertFileType, type CourierFile, otherMesh } from './courier-file.ts';
import { signEd25519 } from './ed25519.ts';
import { type VerifiedOffer, verifyOffer } from './enrol.ts';
import { base64, json, readAddressee, readHash, readRoots } from './message-fields.ts';
import { parseToken, type Token } from './token.ts';

const TOKEN = /^[!-~]{1,512}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export interface OfferFileClaims {
  readonly mesh: MeshId;
  /** Name that the new space will have. */
  readonly space: SpaceName;
  /** A secret: whoever has the file may ask in the name of the site. */
  readonly token: string;
  readonly created: string;
  readonly expires: string;
  readonly hello: Buffer;
  readonly offer: Buffer;
  readonly keyid: string;
}

export interface OfferFile extends OfferFileClaims {
  readonly signature: Buffer;
}

export interface RequestFile {
  readonly mesh: MeshId;
  readonly space: SpaceName;
  readonly request: Buffer;
}

export interface AnswerFile {
  readonly mesh: MeshId;
  readonly space: SpaceName;
  /** SHA-256 of the request that it answers. */
  readonly request: string;
  /** Root envelopes, version 1 first: there may be more than when the offer was made. */
  readonly roots: readonly Buffer[];
  readonly answer: Buffer;
  /** The whole directory; it proves itself. */
  readonly directory: Buffer;
}

const offerFields = (claims: OfferFileClaims) => ({
  type: 'odcm-enrolment-offer' satisfies CourierFile,
  mesh: claims.mesh,
  space: claims.space,
  token: claims.token,
  created: claims.created,
  expires: claims.expires,
  hello: base64(claims.hello),
  offer: base64(claims.offer),
  keyid: claims.keyid,
});
const encodeOfferFile = (file: OfferFile): Buffer =>
  json({ ...offerFields(file), signature: base64(file.signature) });

export const encodeRequestFile = ({ mesh, space, request }: RequestFile): Buffer =>
  json({
    type: 'odcm-enrolment-request' satisfies CourierFile,
    mesh,
    space,
    request: base64(request),
  });

export const encodeAnswerFile = (file: AnswerFile): Buffer =>
  json({
    type: 'odcm-enrolment-answer' satisfies CourierFile,
    mesh: file.mesh,
    space: file.space,
    request: file.request,
    roots: file.roots.map(base64),
    answer: base64(file.answer),
    directory: base64(file.directory),
  });

export function createOfferFile(
  parts: Omit<OfferFileClaims, 'keyid'> & { readonly directoryKey: KeyObject },
): Buffer {
  const { directoryKey, ...rest } = parts;
  const claims = { ...rest, keyid: rootKeyId(ed25519Raw(directoryKey)) };
  const file = encodeOfferFile({
    ...claims,
    signature: signEd25519(directoryKey, offerFileBytes(claims)),
  });
  parseOfferFile(file);
  return file;
}

const offerFileBytes = (claims: OfferFileClaims): Buffer =>
  enrolProofBytes('offer-file', enrolTranscript([json(offerFields(claims))]));

export const parseOfferFile = (bytes: Uint8Array): OfferFile =>
  decodeCanonical(bytes, {
    what: 'offer of an enrolment',
    maxBytes: LIMITS.enrolOfferFileBytes,
    encode: encodeOfferFile,
    read: (value) => {
      assertFileType(value, 'odcm-enrolment-offer');
      return {
        ...readAddressee(value),
        token: asText(value['token'], TOKEN, 'token'),
        created: instant(value['created']),
        expires: instant(value['expires']),
        hello: asBase64(value['hello'], 'enrolment hello'),
        offer: asBase64(value['offer'], 'enrolment offer'),
        keyid: readHash(value['keyid'], 'key id of an offer'),
        signature: asBase64(value['signature'], 'signature', 64),
      };
    },
  });

export const parseRequestFile = (bytes: Uint8Array): RequestFile =>
  decodeCanonical(bytes, {
    what: 'request for an enrolment',
    maxBytes: 2 * LIMITS.enrolFrameBytes,
    encode: encodeRequestFile,
    read: (value) => {
      assertFileType(value, 'odcm-enrolment-request');
      return { ...readAddressee(value), request: asBase64(value['request'], 'enrolment request') };
    },
  });

export const parseAnswerFile = (bytes: Uint8Array): AnswerFile =>
  decodeCanonical(bytes, {
    what: 'answer to an enrolment',
    maxBytes: LIMITS.enrolAnswerFileBytes,
    encode: encodeAnswerFile,
    read: (value) => {
      assertFileType(value, 'odcm-enrolment-answer');
      return {
        ...readAddressee(value),
        request: readHash(value['request'], 'hash of a request'),
        roots: readRoots(value['roots']),
        answer: asBase64(value['answer'], 'enrolment answer'),
        directory: asBase64(value['directory'], 'directory'),
      };
    },
  });

export interface VerifiedOfferFile {
  readonly file: OfferFile;
  readonly token: Token;
  readonly offer: VerifiedOffer;
  readonly createdMs: number;
}

/**
 * The mesh that its token pins made this offer, and it still counts. Whether this is the mesh that was meant, people tell
 * by the check words; or the caller, when it knows the mesh.
 * @throws TOKEN_EXPIRED, CLOCK_REGRESSED, WRONG_MESH, UNKNOWN_KEY, BAD_SIGNATURE, ROOT_INVALID …
 */
export function verifyOfferFile(
  bytes: Uint8Array,
  { nowMs, mesh }: { readonly nowMs: number; readonly mesh?: MeshId | undefined },
): VerifiedOfferFile {
  const file = parseOfferFile(bytes);
  if (mesh !== undefined && file.mesh !== mesh) throw otherMesh('offer', file.mesh, mesh);
  const token = parseToken(file.token);
  const { hello, keyid, signature } = file;
  const offer = verifyOffer(file.offer, { hello, fingerprint: token.fingerprint, nowMs });
  const { root, meshId } = offer.root;
  if (meshId !== file.mesh) throw otherMesh('offer', meshId, file.mesh);
  if (!root.roles.directory.keyids.includes(keyid)) {
    throw new MeshError('UNKNOWN_KEY', 'the offer is not signed by a directory key');
  }
  if (!verifyEd25519(ed25519FromRaw(root.keys.get(keyid)!), offerFileBytes(file), signature)) {
    throw new MeshError('BAD_SIGNATURE', 'the offer was altered or is from elsewhere');
  }
  const [createdMs, expiresMs] = [Date.parse(file.created), Date.parse(file.expires)];
  if (nowMs >= expiresMs) {
    throw new MeshError('TOKEN_EXPIRED', `the offer for ${file.space} expired at ${file.expires}`, {
      next: 'Ask ODCM for a new one: odcm invite SPACE --offer FILE',
    });
  }
  if (createdMs - nowMs > LIMITS.clockSkewMs) {
    throw new MeshError('CLOCK_REGRESSED', `the offer was made at ${file.created}, after now`, {
      next: 'Correct the clock of this machine; without a network nobody else corrects it.',
    });
  }
  return { file, token, offer, createdMs };
}

export const requestHash = (request: Uint8Array): string => hash('sha256', request, 'hex');

function instant(value: unknown): string {
  const at = asText(value, INSTANT, 'time');
  if (!Number.isNaN(Date.parse(at))) return at;
  throw new MeshError('MALFORMED', 'a time in an offer is none');
}
