// Fields that messages and files of enrolment and renewal have in common: how each is written and what form it must have.
// What they are worth is decided by whoever reads them.

import {
  asBase64,
  asList,
  asObject,
  asText,
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

const MESH = /^[a-z2-7]{26}$/;
const NAME = /^[ -~]{1,63}$/;
const UUID = /^[0-9a-f-]{36}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;
/** Lines of PEM. */
const PRINTABLE_LINES = /^[\n -~]+$/;

/** A certificate of a space with its chain, each in PEM. */
export interface CertificateFiles {
  readonly leaf: string;
  readonly issuing: string;
  readonly root: string;
}

export const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
export const base64 = (bytes: Buffer): string => bytes.toString('base64');

/** In the order in which they are written, whatever the order they come in. */
export const certificateFields = ({ leaf, issuing, root }: CertificateFiles) => ({
  ...{ leaf, issuing, root },
});

export function readCertificates(value: unknown): CertificateFiles {
  const certificates = asObject(value, 'certificates');
  return {
    leaf: readPem(certificates['leaf'], 'space certificate'),
    issuing: readPem(certificates['issuing'], 'issuing certificate'),
    root: readPem(certificates['root'], 'root certificate'),
  };
}

export const readPem = (value: unknown, what: string): string =>
  asText(value, PRINTABLE_LINES, what);

/** Root envelopes, version 1 first. */
export const readRoots = (value: unknown): Buffer[] =>
  asList(value, LIMITS.rootVersions, 'root versions', (root) => asBase64(root, 'root envelope'));

export const readMesh = (value: unknown): MeshId => parseMeshId(asText(value, MESH, 'mesh id'));

export const readSpaceId = (value: unknown): SpaceId =>
  parseSpaceId(asText(value, UUID, 'space id'));

export const readSpaceName = (value: unknown): SpaceName =>
  parseSpaceName(asText(value, NAME, 'space name'));

/** For whom a file is: its mesh and the name of its space. */
export const readAddressee = (value: JsonObject) => ({
  mesh: readMesh(value['mesh']),
  space: readSpaceName(value['space']),
});

/** A SHA-256 as hexadecimal text. */
export const readHash = (value: unknown, what: string): string => asText(value, SHA256_HEX, what);
