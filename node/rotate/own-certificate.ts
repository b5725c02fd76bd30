// The next certificate of this space, however it came: what ODCM answers, whether it is for us, and putting it in place.

import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { VerifiedChain } from '../../certs/chain.ts';
import type { CertificateFiles } from '../../certs/message-fields.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { SpaceName } from '../../protocols/ids.ts';
import { writeFileDurable } from '../home/files.ts';
import type { HomePaths } from '../home/home.ts';

const Files = z.strictObject({ leaf: z.string(), issuing: z.string(), root: z.string() });

/** As ODCM answers a petition. @throws MALFORMED */
export function parseCertificateFiles(text: string): CertificateFiles {
  try {
    return Files.parse(JSON.parse(text));
  } catch (cause) {
    const { message } = asMeshError(cause);
    throw new MeshError('MALFORMED', `the answer of ODCM holds no certificates (${message})`, {
      cause,
    });
  }
}

export interface Ours {
  readonly nodeKey: KeyObject;
  readonly spkiDer: Uint8Array;
  readonly name: SpaceName;
}

/** @throws BAD_CERTIFICATE when a sound certificate is one for somebody else */
export function assertOurs(chain: VerifiedChain, { nodeKey, spkiDer, name }: Ours): void {
  const isOurs = chain.nodeKey.equals(ed25519Raw(nodeKey)) && chain.spkiDer.equals(spkiDer);
  if (isOurs && chain.name === name) return;
  throw new MeshError('BAD_CERTIFICATE', 'the certificate is not for the keys or name we sent');
}

/** The one of the space last: the others are of use without it. */
export async function writeCertificates(paths: HomePaths, files: CertificateFiles): Promise<void> {
  await writeFileDurable(paths.rootCertificate, files.root);
  await writeFileDurable(paths.issuingCertificate, files.issuing);
  await writeFileDurable(paths.spaceCertificate, files.leaf);
}
