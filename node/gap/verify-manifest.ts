// Everything that must be true of a bundle before its CAR is opened: who signed it and for whom, when, and in which order it
// comes. Knows the directory, and reads no file.

import { verifyChain } from '../../certs/chain.ts';
import type { VerifiedCms } from '../../certs/cms.ts';
import type { DirectoryState, FeedRow, SpaceRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Manifest } from '../../protocols/gap/manifest.ts';
import type { MeshId, Origin, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Root } from '../../protocols/root.ts';
import type { VerifiedRoot } from '../../protocols/root-chain.ts';
import type { FeedLog } from '../feed/log.ts';

/** What the importing space knows already. */
export interface KnownHere {
  readonly mesh: MeshId;
  readonly self: SpaceId;
  readonly nowMs: number;
  /** Envelopes of all root versions, oldest first. */
  readonly rootEnvelopes: readonly Buffer[];
  readonly root: VerifiedRoot;
  readonly rootCertificatePem: string;
  readonly directory: {
    readonly log: FeedLog;
    readonly state: DirectoryState;
    readonly epoch: Root['directory'];
    /** Why nothing of it is taken. */
    readonly refusal: MeshError | undefined;
  };
  /** Whether two histories of a log are proven here. */
  readonly isFrozen: (origin: Origin) => boolean;
  /** The log of a feed, empty when nothing of it is here. */
  readonly logOf: (feed: FeedRow) => Promise<FeedLog>;
}

/** The bundle of the same exporter that was imported last. */
export interface LastImport {
  readonly sequence: number;
  readonly signedAtMs: number;
  /** SHA-256 of its manifest, in hex. */
  readonly manifest: string;
}

/**
 * The manifest is signed by the exporter, for this space, and now (steps 4 to 6 of an import).
 * @throws REVOKED, BAD_CERTIFICATE, WRONG_MESH, WRONG_DESTINATION, BUNDLE_EXPIRED
 */
export function verifyManifest(manifest: Manifest, signed: VerifiedCms, here: KnownHere): void {
  const { mesh, exporter, destination, createdMs, expiresMs } = manifest;
  if (mesh !== here.mesh)
    throw new MeshError('WRONG_MESH', `the bundle is of mesh ${mesh}, this space of ${here.mesh}`);
  if (destination.space !== here.self)
    throw new MeshError('WRONG_DESTINATION', `the bundle is for ${destination.name}`);
  const name = verifyExporter(signed, exporter.space, here);
  if (name !== exporter.name)
    throw new MeshError(
      'BAD_CERTIFICATE',
      `the exporter is ${name} and calls itself ${exporter.name}`,
    );
  const { signedAtMs } = signed;
  if (Math.abs(signedAtMs - createdMs) > LIMITS.bundleSigningMs)
    throw new MeshError('BAD_CERTIFICATE', 'the bundle was not signed when it was made');
  if (createdMs > here.nowMs + LIMITS.clockSkewMs)
    throw new MeshError('BUNDLE_EXPIRED', 'the bundle is dated in the future', {
      next: 'Compare the clocks of both sites.',
    });
  if (expiresMs <= here.nowMs)
    throw new MeshError(
      'BUNDLE_EXPIRED',
      `the bundle expired at ${new Date(expiresMs).toISOString()}`,
    );
}

/**
 * What it promises can be: before a byte of a file is copied that could only be as large in order to fill the disk.
 * @throws TOO_LARGE, MALFORMED
 */
export function verifyMeasure({ blocks, sizeBytes }: Manifest): void {
  if (blocks > LIMITS.bundleBlocks)
    throw new MeshError('TOO_LARGE', `a bundle promises ${blocks} blocks`);
  const most = LIMITS.carHeaderBytes + blocks * (LIMITS.carSectionBytes + SECTION_LENGTH_BYTES);
  if (sizeBytes > most || sizeBytes < blocks * BLOCK_BYTES_LEAST)
    throw new MeshError('MALFORMED', `no ${blocks} blocks have ${sizeBytes} bytes`);
}

/** Of a block of nothing: its length and its CID. */
const BLOCK_BYTES_LEAST = 37;
/** A length below 2 MiB takes so much at most. */
const SECTION_LENGTH_BYTES = 3;

/** It comes after the one that was imported last (step 7). @throws BUNDLE_OLD */
export function verifyOrder(
  { sequence, exporter: { name } }: Manifest,
  signedAtMs: number,
  last: LastImport,
): void {
  if (sequence <= last.sequence)
    throw new MeshError(
      'BUNDLE_OLD',
      `bundle ${last.sequence} of ${name} was imported, this is ${sequence}`,
    );
  if (signedAtMs < last.signedAtMs)
    throw new MeshError(
      'BUNDLE_OLD',
      `the bundle was signed before bundle ${last.sequence} of ${name}`,
    );
}

/** The certificate is checked for the time of the signature: whoever carries a bundle may take weeks. */
function verifyExporter(signed: VerifiedCms, space: SpaceId, here: KnownHere): string {
  const { leafPem, issuingPem, signedAtMs } = signed;
  const row = here.directory.state.spaces.get(space);
  if (row?.revoked) throw new MeshError('REVOKED', `the exporter ${row.name} was revoked`);
  const { name, nodeKey } = verifyChain({
    ...{ leafPem, issuingPem, rootPem: here.rootCertificatePem, mesh: here.mesh, space },
    pins: here.root.root.x509,
    nowMs: signedAtMs,
  });
  if (row) verifyKey(row, nodeKey, signedAtMs);
  return name;
}

/** A certificate goes with the key that it binds: once the space has another one, it signs nothing new. */
function verifyKey({ name, keys }: SpaceRow, nodeKey: Buffer, signedAtMs: number): void {
  const at = keys.findIndex((one) => one.nodeKey.equals(nodeKey));
  const next = keys[at + 1];
  // Known only where the directory here is as new as the certificate.
  if (at < 0 || !next || signedAtMs <= Date.parse(next.since) + LIMITS.clockSkewMs) return;
  throw new MeshError('BAD_CERTIFICATE', `${name} signed with a key that it had replaced`);
}
