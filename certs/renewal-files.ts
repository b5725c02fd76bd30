// Renewal of a certificate by file: the request that a space would send to ODCM, signed the same way, and the certificates
// that come back. Form, and whose they are; what a certificate is worth is decided by chain.ts.

import {
  asBase64,
  asList,
  asObject,
  asText,
  decodeCanonical,
  type JsonObject,
} from '../protocols/canonical-json.ts';
import {
  type MeshId,
  parseMeshId,
  parseSpaceId,
  parseSpaceName,
  type SpaceId,
  type SpaceName,
} from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { assertFileType, type CourierFile } from './courier-file.ts';
import { SHA256_HEX } from './enrol-files.ts';
import type { CertificateFiles } from './enrol-messages.ts';

const MESH = /^[a-z2-7]{26}$/;
const NAME = /^[ -~]{1,63}$/;
const UUID = /^[0-9a-f-]{36}$/;
const PEM = /^[\n -~]+$/;

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
    petition: text(petition),
    ...(rotation ? { rotation: text(rotation) } : {}),
  });

export const encodeRenewalAnswer = (file: RenewalAnswerFile): Buffer =>
  json({
    type: 'odcm-certificate-answer' satisfies CourierFile,
    mesh: file.mesh,
    space: file.space,
    request: file.request,
    roots: file.roots.map(text),
    certificates: {
      leaf: file.certificates.leaf,
      issuing: file.certificates.issuing,
      root: file.certificates.root,
    },
  });

export const parseRenewalRequest = (bytes: Uint8Array): RenewalRequestFile =>
  decodeCanonical(bytes, {
    what: 'request for a certificate',
    maxBytes: LIMITS.enrolFrameBytes,
    encode: encodeRenewalRequest,
    read: (value) => {
      assertFileType(value, 'odcm-certificate-request');
      return {
        mesh: meshOf(value),
        space: parseSpaceName(asText(value['space'], NAME, 'space name')),
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
      const certificates = asObject(value['certificates'], 'certificates');
      return {
        mesh: meshOf(value),
        space: parseSpaceId(asText(value['space'], UUID, 'space id')),
        request: asText(value['request'], SHA256_HEX, 'hash of a request'),
        roots: asList(value['roots'], LIMITS.rootVersions, 'root versions', (root) =>
          asBase64(root, 'root envelope'),
        ),
        certificates: {
          leaf: asText(certificates['leaf'], PEM, 'space certificate'),
          issuing: asText(certificates['issuing'], PEM, 'issuing certificate'),
          root: asText(certificates['root'], PEM, 'root certificate'),
        },
      };
    },
  });

const meshOf = (value: JsonObject): MeshId => parseMeshId(asText(value['mesh'], MESH, 'mesh id'));

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const text = (bytes: Buffer): string => bytes.toString('base64');
