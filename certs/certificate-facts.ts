// What a certificate says of itself, for lists and for the directory. Nothing here is verified: chain.ts does that.

import { X509Certificate } from 'node:crypto';
import { MeshError } from '../protocols/errors.ts';
import { certificatePin } from './chain.ts';
import { derFromPem } from './der.ts';
import { validityOf } from './validity.ts';

export interface CertificateFacts {
  /** SHA-256 of the DER in hex: what root metadata and directory name it by. */
  readonly sha256: string;
  /** Upper-case hex. */
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Common names. */
  readonly subject: string;
  readonly issuer: string;
}

export function certificateFacts(pem: string): CertificateFacts {
  const certificate = parse(pem);
  const { fromMs, toMs } = validityOf(certificate);
  return {
    sha256: certificatePin(pem),
    serial: certificate.serialNumber,
    notBefore: dateText(fromMs),
    notAfter: dateText(toMs),
    subject: commonName(certificate.subject),
    issuer: commonName(certificate.issuer),
  };
}

function parse(pem: string): X509Certificate {
  const der = derFromPem(pem, 'CERTIFICATE');
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new MeshError('BAD_CERTIFICATE', 'a certificate is not readable', { cause });
  }
}

function dateText(ms: number): string {
  if (Number.isNaN(ms))
    throw new MeshError('BAD_CERTIFICATE', 'a certificate states a date that is none');
  return new Date(ms).toISOString();
}

/** Names come one on a line; of several the last counts, as the most exact. */
function commonName(name: string): string {
  const lines = name.split('\n').filter((line) => line.startsWith('CN='));
  return lines.at(-1)?.slice('CN='.length) ?? name;
}
