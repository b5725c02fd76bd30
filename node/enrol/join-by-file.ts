// Joining a mesh without a network: an offer comes as a file, the request leaves as one, the answer comes back as one. Keys
// are made and stay here. What is verified is what joining over the network verifies.

import { hash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { otherMesh } from '../../certs/courier-file.ts';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { createEnrolRequest, enrolWords, verifyAnswer } from '../../certs/enrol.ts';
import {
  encodeRequestFile,
  parseAnswerFile,
  requestHash,
  type VerifiedOfferFile,
  verifyOfferFile,
} from '../../certs/enrol-files.ts';
import { parseOffer } from '../../certs/enrol-messages.ts';
import { createRequest } from '../../certs/request.ts';
import { generateRsa } from '../../certs/rsa.ts';
import { generateX25519 } from '../../certs/x25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type MeshId, parseSpaceName, type SpaceId, type SpaceName } from '../../protocols/ids.ts';
import { type VerifiedRoot, verifyRootChain } from '../../protocols/root-chain.ts';
import { type Clock, systemClock } from '../clock.ts';
import { DEFAULT_LISTEN, fixPorts } from '../home/addresses.ts';
import { readConfig } from '../home/config.ts';
import {
  completeHome,
  createHome,
  mkdirPrivate,
  writeKeys,
  writePublicFiles,
} from '../home/create.ts';
import { writeFileDurable } from '../home/files.ts';
import { homePaths } from '../home/home.ts';
import { assertPassphrase } from '../home/home-keys.ts';
import {
  copyKeys,
  type Pending,
  readPending,
  waitingPaths,
  writePending,
} from '../home/joining.ts';
import { silentLog } from '../log.ts';
import { openLevelStore } from '../store/level.ts';
import { readCourierFile } from './courier-files.ts';
import { RSA_BITS, takeDirectory, verifyFreshness } from './join.ts';

export interface RequestOptions {
  readonly dir: string;
  /** File with the offer, and file for the request. */
  readonly offer: string;
  readonly request: string;
  /** Refuse an offer for another space, or of another mesh. */
  readonly spaceName?: string | undefined;
  readonly mesh?: MeshId | undefined;
  readonly listen?: readonly string[] | undefined;
  readonly announce?: readonly string[] | undefined;
  readonly acceptForced?: boolean | undefined;
  readonly rsaBits?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly passphrase?: Buffer | undefined;
}

export interface Requested {
  readonly name: SpaceName;
  readonly mesh: MeshId;
  readonly meshName: SpaceName;
  readonly words: readonly string[];
}

/**
 * Makes keys in the folder and writes the request; done again with the same offer, it writes the same request again.
 * @throws ALREADY_ENROLLED, TOKEN_EXPIRED, WRONG_MESH, NAME_INVALID …
 */
export async function requestByFile(options: RequestOptions): Promise<Requested> {
  const { clock = systemClock, mesh, passphrase } = options;
  if (passphrase) assertPassphrase(passphrase);
  const bytes = await readCourierFile(options.offer, 'odcm-enrolment-offer');
  const verified = verifyOfferFile(bytes, { nowMs: clock.nowMs(), mesh });
  // It was fresh when it was made; until when it counts, it says itself.
  verifyFreshness(verified.offer, verified.createdMs);
  const { space } = verified.file;
  if (options.spaceName !== undefined && parseSpaceName(options.spaceName) !== space) {
    throw new MeshError('NAME_INVALID', `the offer is for space ${space}`, {
      next: 'Join without --space, or ask for an offer for that name.',
    });
  }
  const offerFile = hash('sha256', bytes, 'hex');
  const waiting = await readPending(homePaths(options.dir));
  const pending =
    waiting?.offerFile === offerFile ? waiting : await prepare(verified, offerFile, options);
  const { hello, offer, request } = pending;
  await writeFileDurable(options.request, encodeRequestFile(pending));
  const { root, meshId } = verified.offer.root;
  return {
    ...{ name: space, mesh: meshId, meshName: root.mesh },
    words: enrolWords(hello, offer, request),
  };
}

function prepare(
  { file, token, offer }: VerifiedOfferFile,
  offerFile: string,
  options: RequestOptions,
): Promise<Pending> {
  return createHome(options.dir, async (staged) => {
    const listen = await fixPorts(options.listen ?? [DEFAULT_LISTEN]);
    // Nobody reaches a site without a network, unless it says where.
    const announce = [...(options.announce ?? [])];
    const tls = await generateRsa(options.rsaBits ?? RSA_BITS);
    const keys = { node: generateEd25519(), exchange: generateX25519(), tls };
    const { space, mesh, hello } = file;
    const csr = createRequest({ rsaKey: tls, nodeKey: keys.node, commonName: space });
    const [nodeKey, exchangeKey, addresses] = [keys.node, keys.exchange, announce];
    const request = createEnrolRequest({
      offer,
      token,
      space,
      csr,
      nodeKey,
      exchangeKey,
      addresses,
    });
    const pending: Pending = {
      ...{ version: 1, mesh, space, offerFile, hello, offer: file.offer, request },
      ...{ listen: [...listen], announce, acceptForced: options.acceptForced ?? false },
    };
    const waiting = waitingPaths(staged);
    await mkdirPrivate(waiting.keys);
    await writeKeys(waiting, { keys, passphrase: options.passphrase });
    await writePending(staged, pending);
    return pending;
  });
}

export interface AnswerOptions {
  readonly dir: string;
  /** File with the answer. */
  readonly answer: string;
  readonly clock?: Clock | undefined;
}

export interface JoinedByFile extends Requested {
  readonly space: SpaceId;
}

/**
 * Makes the folder of the node out of keys, request and answer; nothing in it changes when the answer is refused.
 * @throws NOT_INITIALISED, WRONG_MESH, WRONG_DESTINATION, BAD_SIGNATURE, BAD_CERTIFICATE …
 */
export async function finishByFile(options: AnswerOptions): Promise<JoinedByFile> {
  const { clock = systemClock } = options;
  const paths = homePaths(options.dir);
  const pending = await readPending(paths);
  if (pending === undefined) throw await nothingWaits(options.dir);
  const { hello, offer: said, request } = pending;
  const file = parseAnswerFile(await readCourierFile(options.answer, 'odcm-enrolment-answer'));
  if (file.mesh !== pending.mesh) throw otherMesh('answer', file.mesh, pending.mesh);
  if (file.request !== requestHash(request) || file.space !== pending.space) {
    throw new MeshError('WRONG_DESTINATION', 'the answer is for another request', {
      next: 'Take it to the site whose request it answers.',
    });
  }
  const nowMs = clock.nowMs();
  const root = newestRoot(parseOffer(said).roots, file.roots, nowMs);
  const offer = { hello, bytes: said, offer: parseOffer(said), root };
  const { answer, chain } = verifyAnswer(file.answer, { offer, request, nowMs });
  const identity = {
    ...{ mesh: root.meshId, meshName: root.root.mesh },
    ...{ space: answer.space, name: chain.name },
  };
  const joined = { ...identity, words: enrolWords(hello, said, request) };
  // A stop came between the end of the work and the word of it.
  if (await readConfig(paths.config)) {
    await rm(paths.joining, { recursive: true, force: true });
    return joined;
  }
  const { listen, announce, acceptForced } = pending;
  await completeHome(options.dir, async (staged) => {
    const store = await openLevelStore(staged.log);
    try {
      const enrolled = { answer: { ...answer, directory: file.directory }, chain, offer };
      const { isWhole } = await takeDirectory(enrolled, { store, clock, log: silentLog });
      // Nobody is there who could bring the rest.
      if (!isWhole) throw new MeshError('MALFORMED', 'the directory in the answer is cut off');
    } finally {
      await store.close();
    }
    await copyKeys(waitingPaths(paths), staged);
    await writePublicFiles(staged, {
      config: {
        ...{ version: 1, ...identity, role: 'space', listen, acceptForced },
        ...(announce.length > 0 ? { announce } : {}),
      },
      roots: file.roots,
      certificates: answer.certificates,
    });
  });
  return joined;
}

/** ODCM may have gone on to a newer root since the offer; never back. */
function newestRoot(
  known: readonly Buffer[],
  told: readonly Buffer[],
  nowMs: number,
): VerifiedRoot {
  const goesOn = known.every((envelope, i) => told[i]?.equals(envelope));
  if (!goesOn)
    throw new MeshError('ROOT_INVALID', 'the answer goes by another root than the offer');
  return verifyRootChain(told, { nowMs });
}

async function nothingWaits(dir: string): Promise<MeshError> {
  const config = await readConfig(homePaths(dir).config);
  if (config) {
    const message = `${dir} belongs to space ${config.name} of mesh ${config.meshName} already`;
    return new MeshError('ALREADY_ENROLLED', message);
  }
  return new MeshError('NOT_INITIALISED', `no request from ${dir} waits for an answer`, {
    next: 'Begin with: odcm join --offer FILE --request FILE',
  });
}
