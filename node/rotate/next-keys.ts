// Keys that ODCM makes before the root names them: they wait beside those in force. What waits already is given again, so
// that a ceremony that was interrupted goes on where it was.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { rootKeyId } from '../../protocols/root.ts';
import { readSmallFile, writeFileDurable } from '../home/files.ts';
import type { Home } from '../home/home.ts';

export type OdcmRole = 'directory' | 'timestamp';

export interface NextKey {
  readonly role: OdcmRole;
  /** Base64 of the public half. */
  readonly key: string;
  /** As the root names it; and the one that it takes the place of. */
  readonly id: string;
  readonly formerId: string;
}

/** @throws NOT_ODCM, KEYS_LOCKED */
export async function addNextKey(home: Home, role: OdcmRole): Promise<NextKey> {
  const name = `${role}KeyNext` as const;
  const former = role === 'directory' ? await home.directoryKey() : await home.timestampKey();
  if ((await home.keys.state(name)) === 'missing') await home.keys.add(name, generateEd25519());
  const raw = ed25519Raw(await home.keys.get(name));
  const formerId = rootKeyId(ed25519Raw(former));
  return { role, key: raw.toString('base64'), id: rootKeyId(raw), formerId };
}

export interface NextIssuing {
  readonly file: string;
  readonly sha256: string;
  readonly notAfter: string;
}

/** @throws BAD_CERTIFICATE when the key is not that of the root CA that the root names */
export async function addIssuingAuthority(
  home: Home,
  rootKey: KeyObject,
  nowMs: number,
  bits?: number,
): Promise<NextIssuing> {
  const { paths, keys } = home;
  const { certificateFacts } = await import('../../certs/certificate-facts.ts');
  const { createIssuingAuthority } = await import('../../certs/authority.ts');
  const { root: certificatePem } = await home.certificates();
  await assertRootCa(certificatePem, rootKey);
  const isWaiting = (await keys.state('issuingKeyNext')) !== 'missing';
  const before = await readSmallFile(paths.issuingCertificateNext, LIMITS.certificateBytes);
  if (!isWaiting || before === undefined) {
    const root = { certificatePem, key: rootKey };
    const mesh = home.config.meshName;
    const made = await createIssuingAuthority({ root, mesh, nowMs, ...(bits ? { bits } : {}) });
    if (isWaiting) await keys.drop('issuingKeyNext');
    // The certificate last: a key without one is made anew.
    await keys.add('issuingKeyNext', made.key);
    await writeFileDurable(paths.issuingCertificateNext, made.certificatePem);
  }
  const pem = (await readSmallFile(paths.issuingCertificateNext, LIMITS.certificateBytes))!;
  const { sha256, notAfter } = certificateFacts(pem.toString());
  return { file: paths.issuingCertificateNext, sha256, notAfter };
}

async function assertRootCa(pem: string, key: KeyObject): Promise<void> {
  const { X509Certificate } = await import('node:crypto');
  const isIts =
    key.asymmetricKeyType === 'rsa' &&
    new X509Certificate(pem).publicKey.equals(createPublicKey(key));
  if (isIts) return;
  throw new MeshError('BAD_CERTIFICATE', 'this is not the key of the root CA of this mesh', {
    next: 'Give the file root-ca.pem that odcm init wrote.',
  });
}
