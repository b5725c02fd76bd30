// Files that a courier carries between a mesh and a site without a network: what kinds there are, and how one says that it
// is another than the one that is wanted.

import type { JsonObject } from '../protocols/canonical-json.ts';
import { MeshError } from '../protocols/errors.ts';
import type { MeshId } from '../protocols/ids.ts';

const FILES = {
  'odcm-enrolment-offer': 'the offer of an enrolment',
  'odcm-enrolment-request': 'the request for an enrolment',
  'odcm-enrolment-answer': 'the answer to an enrolment',
  'odcm-certificate-request': 'the request for a certificate',
  'odcm-certificate-answer': 'the answer with a certificate',
} as const;

export type CourierFile = keyof typeof FILES;

/** @throws MALFORMED, which names what the file is when it is one of ours */
export function assertFileType(value: JsonObject, wanted: CourierFile): void {
  const type = value['type'];
  if (type === wanted) return;
  const is =
    typeof type === 'string' && Object.hasOwn(FILES, type)
      ? FILES[type as CourierFile]
      : 'no such file';
  throw new MeshError('MALFORMED', `this is ${is}, and not ${FILES[wanted]}`, {
    next: 'Look which file is which: each begins with its type.',
  });
}

const HEAD = /^\{"type":"([a-z-]{1,64})"/;
/** So much of a file says what it is. */
export const FILE_HEAD_BYTES = 96;

/** The same of the first bytes of a file, so that another one is named as what it is even where it is too large. */
export function assertFileHead(head: Uint8Array, wanted: CourierFile): void {
  const type = HEAD.exec(Buffer.from(head).toString('latin1'))?.[1];
  if (type !== undefined) assertFileType({ type }, wanted);
}

export const otherMesh = (what: string, is: MeshId, wanted: MeshId): MeshError =>
  new MeshError('WRONG_MESH', `the ${what} is of mesh ${is}, not of mesh ${wanted}`);
