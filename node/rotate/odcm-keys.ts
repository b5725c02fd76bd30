// Which of the keys in ODCM's folder are in force: those that the root names. A key that waits beside takes its place once
// the root no longer names the one before, and an issuing CA that waits once the root names it.

import { type KeyObject, X509Certificate } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { certificatePin } from '../../certs/chain.ts';
import { syncFolder } from '../../certs/private-files.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Root, type RootRoleName, rootKeyId } from '../../protocols/root.ts';
import { readSmallFile } from '../home/files.ts';
import type { Home } from '../home/home.ts';

export interface OdcmKeys {
  readonly directory: readonly KeyObject[];
  readonly timestamp: readonly KeyObject[];
}

/** @throws UNKNOWN_KEY when the root names none of them: nothing could be signed that anybody accepts */
export async function odcmKeys(home: Home): Promise<OdcmKeys> {
  const { root } = home.root;
  await adoptIssuing(home, root);
  return {
    directory: await keysOf(home, root, 'directory'),
    timestamp: await keysOf(home, root, 'timestamp'),
  };
}

async function keysOf(
  home: Home,
  root: Root,
  role: Exclude<RootRoleName, 'root'>,
): Promise<KeyObject[]> {
  const { keyids } = root.roles[role];
  const isNamed = (key: KeyObject) => keyids.includes(rootKeyId(ed25519Raw(key)));
  const own = role === 'directory' ? await home.directoryKey() : await home.timestampKey();
  const next = await home.keys.find(`${role}KeyNext`);
  if (isNamed(own)) return next && isNamed(next) ? [own, next] : [own];
  if (next === undefined || !isNamed(next)) {
    throw new MeshError('UNKNOWN_KEY', `the root names no ${role} key of this folder`, {
      next: 'Have the keepers of the root keys sign a version that names the key here: odcm keys show',
    });
  }
  await home.keys.promote(`${role}KeyNext`, `${role}Key`);
  return [next];
}

/** A root that names no key of this folder would silence ODCM for good: nobody could be told of another one. */
export async function assertServed(home: Home, root: Root): Promise<void> {
  for (const role of ['directory', 'timestamp'] as const) {
    const own = [await home.keys.get(`${role}Key`), await home.keys.find(`${role}KeyNext`)];
    const ids = own.filter((key) => key !== undefined).map((key) => rootKeyId(ed25519Raw(key)));
    if (ids.some((id) => root.roles[role].keyids.includes(id))) continue;
    throw new MeshError(
      'UNKNOWN_KEY',
      `version ${root.version} names no ${role} key of this folder`,
      {
        next: `Have the keepers of the root keys sign one that names it; the keys are shown by: odcm keys show`,
      },
    );
  }
}

/** Key first, certificate second: a stop in between is seen by the key that is missing, and made good here. */
async function adoptIssuing(home: Home, root: Root): Promise<void> {
  const { paths, keys } = home;
  const pem = await readSmallFile(paths.issuingCertificateNext, LIMITS.certificateBytes);
  if (pem === undefined || !root.x509.issuing.includes(certificatePin(pem.toString()))) return;
  if ((await keys.state('issuingKeyNext')) !== 'missing') {
    await keys.promote('issuingKeyNext', 'issuingKey');
  }
  if (!new X509Certificate(pem).checkPrivateKey(await keys.get('issuingKey'))) {
    throw new MeshError('STORE_DAMAGED', 'the next issuing CA is not that of its key');
  }
  await rename(paths.issuingCertificateNext, paths.issuingCertificate);
  await syncFolder(dirname(paths.issuingCertificate));
}
