// Renewal of a certificate by file: the request that a space would send to ODCM, signed the same way, and the certificates
// that come back. Form, and whose they are; what a certificate is worth is decided by chain.ts.

import { asBase64, decodeCanonical } from '../protocols/canonical-json.ts';
import type { MeshId, SpaceId, SpaceName } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { assertFileType, type CourierFile } from './courier-file.ts';
import {
  base64,
  type CertificateFiles,
  certificateFields,
  json,
  readAddressee,
  readCertificates,
  readHash,
  readMesh,
  readRoots,
  readSpaceId,
} from './message-fields.ts';

export interface RenewalRequestFile {
  readonly mesh: MeshId;
  readonly space: SpaceName;
  /** protocols/petition.ts, with the wish for a certificate. */
  readonly petition: Buffer;
  /** The wish for new keys, signed by the key in force; the other petition is signed by the new one then. */
  readonly rotation?: Buffer | undefined;
}

export interface RenewalAnswerFile {
  readonly mesh: MeshId;
  readonly space: SpaceId;
  /** SHA-256 of the petition that it answers. */
  readonly request: string;
  /** Root envelopes, version 1 first: the issuing CA may be one that the site does not know yet. */
  readonly roots: readonly Buffer[];
  readonly certificates: CertificateFiles;
}

export const encodeRenewalRequest = ({
  mesh,
  space,
  petition,
  rotation,
}: RenewalRequestFile): Buffer =>
  json({
    type: 'odcm-certificate-request' satisfies CourierFile,
    mesh,
    space,
    petition: base64(petition),
    ...(rotation ? { rotation: base64(rotation) } : {}),
  });

export const encodeRenewalAnswer = (file: RenewalAnswerFile): Buffer =>
  json({
    type: 'odcm-certificate-answer' satisfies CourierFile,
    mesh: file.mesh,
    space: file.space,
    request: file.request,
    roots: file.roots.map(base64),
    certificates: certificateFields(file.certificates),
  });

export const parseRenewalRequest = (bytes: Uint8Array): RenewalRequestFile =>
  decodeCanonical(bytes, {
    what: 'request for a certificate',
    maxBytes: LIMITS.enrolFrameBytes,
    encode: encodeRenewalRequest,
    read: (value) => {
      assertFileType(value, 'odcm-certificate-request');
      return {
        ...readAddressee(value),
        petition: asBase64(value['petition'], 'petition'),
        ...(value['rotation'] === undefined
          ? {}
          : { rotation: asBase64(value['rotation'], 'petition') }),
      };
    },
  });

export const parseRenewalAnswer = (bytes: Uint8Array): RenewalAnswerFile =>
  decodeCanonical(bytes, {
    what: 'answer with a certificate',
    maxBytes: LIMITS.enrolOfferFileBytes,
    encode: encodeRenewalAnswer,
    read: (value) => {
      assertFileType(value, 'odcm-certificate-answer');
      return {
        mesh: readMesh(value['mesh']),
        space: readSpaceId(value['space']),
        request: readHash(value['request'], 'hash of a request'),
        roots: readRoots(value['roots']),
        certificates: readCertificates(value['certificates']),
      };
    },
  });
