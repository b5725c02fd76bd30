// What the directory is told of a space's certificate, so that every node sees when it ends.

import { certificateFacts } from '../../certs/certificate-facts.ts';
import type { DirectoryPayload } from '../../protocols/directory-events.ts';
import type { SpaceId } from '../../protocols/ids.ts';

export function certificateEvent(
  space: SpaceId,
  pem: string,
): DirectoryPayload<'SpaceCertificateV1Event'> {
  const { sha256, serial, notBefore, notAfter } = certificateFacts(pem);
  return { space, sha256, serial, notBefore, notAfter };
}
