// What the mesh's trust rests on and how long it lasts: CA certificates and root keys as this node holds them, and the
// certificates of spaces as the directory lists them. Expiry is shown, not enforced: verifying is certs/.

import { type CertificateFacts, certificateFacts } from '../../certs/certificate-facts.ts';
import type { CertificateFiles } from '../../certs/message-fields.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import type { Root } from '../../protocols/root.ts';

export type LifeState = 'valid' | 'expiring' | 'expired' | 'revoked';

export interface Life {
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly leftMs: number;
  readonly state: LifeState;
}

export interface Trusted extends Omit<Life, 'issuedAt' | 'expiresAt' | 'leftMs'> {
  readonly subject: string;
  readonly kind: 'root' | 'issuing' | 'space' | 'root-key';
  readonly serial: string | null;
  readonly fingerprint: string | null;
  readonly issuedAt: string | null;
  readonly expiresAt: string | null;
  readonly leftMs: number | null;
  readonly issuer: string | null;
}

const DAY_MS = 24 * 3_600_000;
/** Certificates of spaces live for 30 days, and a new one is a matter of minutes. */
const SPACE_WARN_MS = 14 * DAY_MS;
/** New CA certificates and root metadata need the keepers of the root keys in one place. */
const ROOT_WARN_MS = 90 * DAY_MS;

/** A certificate that lasts for so long is that of a space without a network: a courier carries the next one. */
export const isRenewedByFile = (lifeMs: number): boolean => lifeMs > 90 * DAY_MS;

/** The courier may take weeks: half of its life is time enough. */
function warnBeforeMs(issuedAt: string, expiresAt: string): number {
  const lifeMs = Date.parse(expiresAt) - Date.parse(issuedAt);
  return isRenewedByFile(lifeMs) ? lifeMs / 2 : SPACE_WARN_MS;
}

export function stateOfLife(leftMs: number, warnMs: number, isRevoked: boolean): LifeState {
  if (isRevoked) return 'revoked';
  if (leftMs <= 0) return 'expired';
  return leftMs <= warnMs ? 'expiring' : 'valid';
}

/** Undefined where the directory does not say when the certificate ends. */
export function lifeOfSpace(row: SpaceRow, nowMs: number): (Life & { serial: string }) | undefined {
  if (!row.certificate) return undefined;
  const { serial, notBefore: issuedAt, notAfter: expiresAt } = row.certificate;
  const leftMs = Date.parse(expiresAt) - nowMs;
  const warnMs = warnBeforeMs(issuedAt, expiresAt);
  const state = stateOfLife(leftMs, warnMs, row.revoked !== null);
  return { serial, issuedAt, expiresAt, leftMs, state };
}

export interface TrustSources {
  readonly root: Root;
  readonly files: CertificateFiles;
  readonly spaces: Iterable<SpaceRow>;
  readonly nowMs: number;
}

/** The root first, then what hangs from it, spaces last. */
export function trustOf({ root, files, spaces, nowMs }: TrustSources): Trusted[] {
  const [rootCa, issuingCa] = [certificateFacts(files.root), certificateFacts(files.issuing)];
  return [
    ...root.roles.root.keyids.map((id, i) => rootKey(root, id, i, nowMs)),
    authority('root', rootCa, root.x509.root === rootCa.sha256, nowMs),
    authority('issuing', issuingCa, root.x509.issuing.includes(issuingCa.sha256), nowMs),
    ...[...spaces].map((row) => ofSpace(row, issuingCa, nowMs)),
  ];
}

/** Root keys have no dates; the metadata that names them has. */
function rootKey(root: Root, id: string, index: number, nowMs: number): Trusted {
  const leftMs = Date.parse(root.expires) - nowMs;
  return {
    ...{ subject: `root key ${index + 1}`, kind: 'root-key', serial: null, fingerprint: id },
    ...{ issuedAt: null, expiresAt: root.expires, leftMs, issuer: null },
    state: stateOfLife(leftMs, ROOT_WARN_MS, false),
  };
}

/** A CA certificate that the root metadata no longer names is as good as revoked. */
function authority(
  kind: 'root' | 'issuing',
  facts: CertificateFacts,
  isPinned: boolean,
  nowMs: number,
): Trusted {
  const leftMs = Date.parse(facts.notAfter) - nowMs;
  return {
    ...{ subject: facts.subject, kind, serial: facts.serial, fingerprint: facts.sha256, leftMs },
    ...{ issuedAt: facts.notBefore, expiresAt: facts.notAfter },
    state: stateOfLife(leftMs, ROOT_WARN_MS, !isPinned),
    issuer: kind === 'root' ? null : facts.issuer,
  };
}

function ofSpace(row: SpaceRow, issuing: CertificateFacts, nowMs: number): Trusted {
  const life = lifeOfSpace(row, nowMs);
  return {
    ...{ subject: row.name, kind: 'space', fingerprint: row.certificateSha256 },
    serial: life?.serial ?? null,
    issuedAt: life?.issuedAt ?? null,
    expiresAt: life?.expiresAt ?? null,
    leftMs: life?.leftMs ?? null,
    state: life?.state ?? (row.revoked ? 'revoked' : 'valid'),
    issuer: issuing.subject,
  };
}
