// What a bundle says of itself, checked as far as anybody can who has nothing but its files: form and signature, every sum,
// the order of its blocks, root metadata against the id of the mesh, and each log against its signed head.

import { type CertificateFacts, certificateFacts } from '../../certs/certificate-facts.ts';
import { certificatePin, verifyChain } from '../../certs/chain.ts';
import { verifyCms } from '../../certs/cms.ts';
import { decodeNote } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type BundleIndex, decodeBundleIndex } from '../../protocols/gap/bundle-index.ts';
import type { Manifest } from '../../protocols/gap/manifest.ts';
import { directoryOriginOf } from '../../protocols/root.ts';
import { type VerifiedRoot, verifyRootChain } from '../../protocols/root-chain.ts';
import { verifyDirectoryNote } from '../directory/log-authority.ts';
import { BundleLog, type LogDiff } from './bundle-log.ts';
import { readBrought } from './quarantine.ts';
import { type BundleBlock, openPlainFile, readBundle } from './read-bundle.ts';

export interface InspectedLog extends LogDiff {
  readonly origin: string;
  readonly from: number;
  readonly to: number;
}

export interface Inspected {
  readonly manifest: Manifest;
  /** SHA-256 in hex. */
  readonly manifestSha256: string;
  readonly signer: CertificateFacts & {
    readonly signedAtMs: number;
    /** Up to the root CA that was given, for the exporter's space, at the time of the signature. */
    readonly isChainVerified: boolean;
  };
  readonly rootVersions: number;
  readonly logs: readonly InspectedLog[];
  readonly missing: readonly string[];
}

export interface InspectOptions {
  readonly path: string;
  readonly rootPem?: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number, of: number) => void;
}

/** @throws the first thing that is wrong with it */
export async function inspectBundle(o: InspectOptions): Promise<Inspected> {
  const { manifest, manifestBytes, signature, carPath, id } = await readBrought(o.path);
  const cms = verifyCms(signature, manifestBytes);
  const file = await openPlainFile(carPath, Number.MAX_SAFE_INTEGER);
  try {
    const contents = new Contents(manifest);
    const onProgress = (bytes: number) => o.onProgress?.(bytes, manifest.sizeBytes);
    const reader = readBundle(file, { manifest, signal: o.signal, onProgress });
    for (;;) {
      const step = await reader.next();
      if (step.done) {
        const { root, logs } = contents.finish();
        const isChainVerified = o.rootPem !== undefined;
        if (isChainVerified) verifySigner(cms, o.rootPem!, manifest, root);
        return {
          ...{ manifest, manifestSha256: id, logs, missing: step.value.missing },
          rootVersions: root.versions,
          signer: { ...certificateFacts(cms.leafPem), signedAtMs: cms.signedAtMs, isChainVerified },
        };
      }
      contents.take(step.value);
    }
  } finally {
    await file.close();
  }
}

function verifySigner(
  { leafPem, issuingPem, signedAtMs }: ReturnType<typeof verifyCms>,
  rootPem: string,
  { mesh, exporter }: Manifest,
  root: VerifiedRoot,
): void {
  if (certificatePin(rootPem) !== root.root.x509.root)
    throw new MeshError('BAD_CERTIFICATE', 'the mesh goes by another root CA than the one given', {
      next: 'Give the certificate of the root CA of this mesh: certs/root.pem of any of its nodes.',
    });
  const pins = root.root.x509;
  const { name } = verifyChain({
    ...{ leafPem, issuingPem, rootPem, pins, mesh, space: exporter.space, nowMs: signedAtMs },
  });
  if (name !== exporter.name)
    throw new MeshError('BAD_CERTIFICATE', `the signer is ${name}, not ${exporter.name}`);
}

class Contents {
  readonly #manifest: Manifest;
  #index!: BundleIndex;
  readonly #envelopes: Buffer[] = [];
  #root: VerifiedRoot | undefined;
  readonly #logs: BundleLog[] = [];

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  take({ role, log, bytes, segment }: BundleBlock): void {
    if (role === 'index') this.#index = decodeBundleIndex(bytes);
    else if (role === 'root') this.#envelopes.push(Buffer.from(bytes));
    else if (segment) {
      this.#beginUpTo(log);
      this.#logs[log]!.take(segment);
    }
  }

  /** Each log from where the bundle says that it begins: what was before that is for the importer to compare. */
  #beginUpTo(log: number): void {
    if (this.#logs.length === 0) this.#verifyDirectory();
    while (this.#logs.length <= log) {
      this.#logs.at(-1)?.finish();
      const at = this.#logs.length;
      const [range, indexed] = [this.#manifest.logs[at]!, this.#index.logs[at]!];
      const { before } = indexed;
      const held = { size: before.size, root: before.root() };
      this.#logs.push(new BundleLog(range, indexed, held));
    }
  }

  /** The id of a mesh is the hash of its first root: whoever knows the id knows whose directory this is. */
  #verifyDirectory(): void {
    const { mesh } = this.#manifest;
    const root = verifyRootChain(this.#envelopes, { nowMs: 0 });
    if (root.meshId !== mesh)
      throw new MeshError('WRONG_MESH', `the root metadata is of mesh ${root.meshId}, not ${mesh}`);
    const origin = directoryOriginOf(mesh, root.root);
    const [directory] = this.#index.logs;
    if (!directory || this.#manifest.logs[0]?.origin !== origin)
      throw new MeshError('MALFORMED', 'the first log of a bundle is not the directory');
    verifyDirectoryNote(decodeNote(directory.note), root.root, origin);
    this.#root = root;
  }

  finish(): { root: VerifiedRoot; logs: InspectedLog[] } {
    this.#beginUpTo(this.#index.logs.length - 1);
    this.#logs.at(-1)?.finish();
    const logs = this.#logs.map(({ range, diff }) => ({ ...range, ...diff }));
    return { root: this.#root!, logs };
  }
}
