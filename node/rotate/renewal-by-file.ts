// Renewal of a certificate where no network leads to ODCM: the same petition and the same answer as over the network, as
// files. A request stays the same until its answer is installed, so that every copy of it can be answered.

import type { KeyObject } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { certificateFacts } from '../../certs/certificate-facts.ts';
import { verifyChain } from '../../certs/chain.ts';
import { otherMesh } from '../../certs/courier-file.ts';
import { requestHash } from '../../certs/enrol-files.ts';
import {
  encodeRenewalAnswer,
  encodeRenewalRequest,
  parseRenewalAnswer,
  parseRenewalRequest,
  type RenewalAnswerFile,
  type RenewalRequestFile,
} from '../../certs/renewal-files.ts';
import { ed25519FromRaw, ed25519Raw, verifyEd25519 } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodePetition, signPetition, type Wish } from '../../protocols/petition.ts';
import { extendRootChain, type VerifiedRoot } from '../../protocols/root-chain.ts';
import { petitionBytes } from '../../protocols/signable.ts';
import type { Clock, Random } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Trust } from '../directory/trust.ts';
import { readCourierFile } from '../enrol/courier-files.ts';
import { readSmallFile, writeFileDurable } from '../home/files.ts';
import type { Home } from '../home/home.ts';
import type { KeyRotation } from './key-rotation.ts';
import { assertOurs, parseCertificateFiles, writeCertificates } from './own-certificate.ts';
import type { OwnKeys } from './own-keys.ts';
import type { Roots } from './roots.ts';

export interface Site {
  readonly home: Home;
  readonly keys: OwnKeys;
  readonly roots: Roots;
  readonly clock: Clock;
  readonly random: Random;
  readonly rotation: Pick<KeyRotation, 'claim'>;
}

/**
 * Writes the request; the same again while it waits for its answer, of the same kind.
 * @param newKeys asks for new keys of the space too, for which the certificate will be
 * @returns when the certificate of now ends
 * @throws BUSY while the keys of the last rotation are not in force in this process
 */
export async function requestRenewal(
  site: Site,
  path: string,
  newKeys = false,
): Promise<{ expiresAt: string }> {
  const { home } = site;
  let request = await waiting(site);
  if (request === undefined || (request.rotation !== undefined) !== newKeys) {
    request = await makeRequest(site, newKeys);
    await writeFileDurable(home.paths.certificateRequest, encodeRenewalRequest(request));
  }
  await writeFileDurable(path, encodeRenewalRequest(request));
  return { expiresAt: certificateFacts((await home.certificates()).leaf).notAfter };
}

async function makeRequest(site: Site, newKeys: boolean): Promise<RenewalRequestFile> {
  const { home, keys, random, rotation } = site;
  const { mesh, space, name } = home.config;
  const { createRequest } = await import('../../certs/request.ts');
  const claim = newKeys ? await rotation.claim() : undefined;
  const [rsaKey, nodeKey] = [await home.tlsKey(), claim?.nodeKey ?? keys.current];
  const csr = createRequest({ rsaKey, nodeKey, commonName: name });
  const petition = (wish: Wish, key: KeyObject) =>
    signPetition(mesh, space, wish, random.bytes(16), key);
  return {
    ...{ mesh, space: name, petition: petition({ wish: 'certificate', csr }, nodeKey) },
    ...(claim ? { rotation: petition(claim.wish, keys.current) } : {}),
  };
}

/** The request that has no answer yet, if the key that signed it is still in force, or comes next. */
async function waiting({ home, keys }: Site): Promise<RenewalRequestFile | undefined> {
  const bytes = await readSmallFile(home.paths.certificateRequest, LIMITS.enrolFrameBytes);
  if (bytes === undefined) return undefined;
  try {
    const request = parseRenewalRequest(bytes);
    const next = request.rotation && (await home.keys.find('nodeKeyNext'));
    const isOurs = [keys.current, ...(next ? [next] : [])].some((key) =>
      isSignedBy(request, ed25519Raw(key)),
    );
    return isOurs ? request : undefined;
  } catch {
    // Damaged: a new one is made.
    return undefined;
  }
}

function isSignedBy({ mesh, petition: bytes }: RenewalRequestFile, nodeKey: Buffer): boolean {
  const { signature, ...petition } = decodePetition(bytes);
  return verifyEd25519(ed25519FromRaw(nodeKey), petitionBytes({ mesh, ...petition }), signature);
}

export interface RenewalDesk {
  readonly home: Home;
  readonly directory: Directory;
  readonly trust: Pick<Trust, 'byFile'>;
}

export interface Renewed {
  readonly name: SpaceName;
  readonly notAfter: string;
}

/** At ODCM. @throws WRONG_MESH, SPACE_UNKNOWN, REVOKED, BAD_SIGNATURE, BAD_REQUEST_PROOF */
export async function answerRenewal(
  { home, directory, trust }: RenewalDesk,
  { request, answer }: { readonly request: string; readonly answer: string },
): Promise<Renewed> {
  const file = parseRenewalRequest(await readCourierFile(request, 'odcm-certificate-request'));
  const { mesh } = home.config;
  if (file.mesh !== mesh) throw otherMesh('request', file.mesh, mesh);
  let row = directory.state.resolveSpace(file.space);
  if (row.revoked) throw new MeshError('REVOKED', `the space ${row.name} was revoked`);
  // Where it asks with its newest key, that was written down when this file came before.
  if (file.rotation && !isSignedBy(file, row.nodeKey)) {
    await trust.byFile(row, file.rotation, 'rotate-keys');
    row = directory.state.resolveSpace(file.space);
  }
  const certificates = parseCertificateFiles(await trust.byFile(row, file.petition, 'certificate'));
  const told: RenewalAnswerFile = {
    ...{ mesh, space: row.id, request: requestHash(file.petition) },
    ...{ roots: home.rootEnvelopes, certificates },
  };
  await writeFileDurable(answer, encodeRenewalAnswer(told));
  return { name: row.name, notAfter: certificateFacts(certificates.leaf).notAfter };
}

/**
 * Puts the next certificate in force; nothing changes when it is refused, and doing it twice changes nothing more.
 * @throws WRONG_MESH, WRONG_DESTINATION, ROOT_INVALID, BAD_CERTIFICATE
 */
export async function installRenewal(
  site: Site,
  path: string,
): Promise<Renewed & { isNew: boolean }> {
  const { home, keys, roots, clock } = site;
  const { mesh, space, name } = home.config;
  const file = parseRenewalAnswer(await readCourierFile(path, 'odcm-certificate-answer'));
  if (file.mesh !== mesh) throw otherMesh('answer', file.mesh, mesh);
  const { leaf: leafPem, issuing: issuingPem, root: rootPem } = file.certificates;
  const isHere = (await home.certificates()).leaf === leafPem;
  if (file.space !== space || !(isHere || (await isAnswer(site, file)))) {
    throw new MeshError('WRONG_DESTINATION', 'the answer is for another request', {
      next: 'Install the answer to the newest request of this space: odcm certificate request FILE',
    });
  }
  const { spkiOf } = await import('../../certs/rsa.ts');
  const pins = newestRoot(home, file.roots).root.x509;
  const nowMs = clock.nowMs();
  const chain = verifyChain({ leafPem, issuingPem, rootPem, pins, mesh, space, nowMs });
  const next = await home.keys.find('nodeKeyNext');
  if (next && chain.nodeKey.equals(ed25519Raw(next))) throw keysNotYet();
  assertOurs(chain, { nodeKey: keys.current, spkiDer: spkiOf(await home.tlsKey()), name });
  const newer = file.roots.slice(home.root.versions);
  if (newer.length > 0) await roots.adopt(newer);
  await writeCertificates(home.paths, file.certificates);
  // The next time is asked anew.
  await rm(home.paths.certificateRequest, { force: true });
  return { name, notAfter: certificateFacts(leafPem).notAfter, isNew: !isHere };
}

async function isAnswer(site: Site, file: RenewalAnswerFile): Promise<boolean> {
  const request = await waiting(site);
  return request !== undefined && requestHash(request.petition) === file.request;
}

/** A certificate before its keys would fit nothing. */
const keysNotYet = (): MeshError =>
  new MeshError('BAD_CERTIFICATE', 'it is for keys that the directory here does not name yet', {
    next: 'First import a bundle that was exported after ODCM answered: odcm import FILE',
  });

/** Ours, and what ODCM has added; it goes on from ours or it is refused. */
function newestRoot(home: Home, told: readonly Buffer[]): VerifiedRoot {
  const known = home.rootEnvelopes;
  if (!known.every((envelope, i) => told[i]?.equals(envelope) ?? true)) {
    throw new MeshError('ROOT_INVALID', 'the answer goes by another root than this space');
  }
  return told.slice(known.length).reduce(extendRootChain, home.root);
}
