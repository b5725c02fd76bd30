// Joining a mesh from the node's side: proves the token and the new keys to ODCM, verifies everything that comes back, and
// only then makes the node's folder. Loads node-forge; commands load it when they need it.

import type { KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { generateEd25519 } from '../../certs/ed25519.ts';
import {
  createEnrolRequest,
  createHello,
  enrolWords,
  type VerifiedAnswer,
  type VerifiedOffer,
  verifyAnswer,
  verifyOffer,
} from '../../certs/enrol.ts';
import { createRequest } from '../../certs/request.ts';
import { generateRsa } from '../../certs/rsa.ts';
import { parseToken, type Token } from '../../certs/token.ts';
import { generateX25519 } from '../../certs/x25519.ts';
import { cosignedAt, decodeNote, logKey } from '../../protocols/checkpoint.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { type MeshId, parseSpaceName, type SpaceId, type SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { directoryOriginOf, rootKeyId } from '../../protocols/root.ts';
import type { VerifiedRoot } from '../../protocols/root-chain.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../clock.ts';
import { Directory } from '../directory/directory.ts';
import { importSnapshot } from '../directory/snapshot.ts';
import {
  DEFAULT_LISTEN,
  fixPorts,
  formatHostPort,
  type HostPort,
  reachableAddresses,
} from '../home/addresses.ts';
import { createHome, writeHomeFiles } from '../home/create.ts';
import { assertPassphrase } from '../home/home-keys.ts';
import { type Log, silentLog } from '../log.ts';
import { openLevelStore } from '../store/level.ts';
import { contact } from './contact.ts';
import { ENROL_PROTOCOL, readParts } from './messages.ts';

export interface JoinOptions {
  readonly dir: string;
  readonly token: string;
  /** Must be the name that the token was made for; its name is taken when absent. */
  readonly spaceName?: string;
  /** In place of the endpoint that the token names. */
  readonly at?: HostPort;
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  readonly acceptForced?: boolean;
  readonly rsaBits?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  /** How long a lost answer is asked for again. */
  readonly patienceMs?: number;
  /** Protects the keys of the folder from the start; wiped. */
  readonly passphrase?: Buffer | undefined;
}

export interface JoinResult {
  readonly name: SpaceName;
  readonly space: SpaceId;
  readonly mesh: MeshId;
  readonly meshName: SpaceName;
  /** The same as at ODCM, unless somebody stands between. */
  readonly words: readonly string[];
  readonly listen: readonly string[];
}

interface Keys {
  readonly node: KeyObject;
  readonly exchange: KeyObject;
  readonly tls: KeyObject;
}

/** What is said again, word for word or anew, whenever the conversation has to be repeated. */
interface Applicant {
  readonly token: Token;
  readonly space: SpaceName | null;
  readonly endpoint: HostPort;
  readonly keys: Keys;
  readonly csr: string;
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

export interface Enrolled extends VerifiedAnswer {
  readonly offer: VerifiedOffer;
  readonly words: string[];
}

export const RSA_BITS = 3072;
/** Between attempts to get an answer that was lost. */
const RETRY_MS = 250;

export async function joinMesh(options: JoinOptions): Promise<JoinResult> {
  const { clock = systemClock, random = systemRandom, announce, acceptForced = false } = options;
  const token = parseToken(options.token);
  const endpoint = options.at ?? token.endpoint;
  if (endpoint === undefined) {
    throw new MeshError('USAGE', 'the token does not say where ODCM is', {
      next: 'Say it with: odcm join TOKEN --at HOST:PORT',
    });
  }
  if (options.passphrase) assertPassphrase(options.passphrase);
  const space = options.spaceName === undefined ? null : parseSpaceName(options.spaceName);
  return createHome(options.dir, async (staged) => {
    const listen = await fixPorts(options.listen ?? [DEFAULT_LISTEN]);
    const addresses = reachableAddresses(listen, announce);
    const tls = await generateRsa(options.rsaBits ?? RSA_BITS);
    const keys = { node: generateEd25519(), exchange: generateX25519(), tls };
    // ODCM names the certificate after the invitation, whatever the request says.
    const csr = createRequest({ rsaKey: tls, nodeKey: keys.node, commonName: space ?? 'space' });
    const applicant = { token, space, endpoint, keys, csr, addresses, clock, random };
    const enrolled = await enrolStubbornly(applicant, options);
    const { answer, chain, offer, words } = enrolled;
    const store = await openLevelStore(staged.log);
    try {
      await takeDirectory(enrolled, { store, clock, log: options.log ?? silentLog });
    } finally {
      await store.close();
    }
    const { root, meshId: mesh } = offer.root;
    const identity = { mesh, meshName: root.mesh, space: answer.space, name: chain.name };
    await writeHomeFiles(staged, {
      config: {
        version: 1,
        ...identity,
        role: 'space',
        listen,
        ...(announce?.length ? { announce: [...announce] } : {}),
        acceptForced,
      },
      roots: offer.offer.roots,
      keys,
      certificates: answer.certificates,
      passphrase: options.passphrase,
    });
    return { ...identity, words, listen };
  });
}

/**
 * Once the request is out, ODCM may have enrolled this node although the answer never came: then the same keys ask again
 * until they are told. Before that, a failure is a failure.
 */
async function enrolStubbornly(
  applicant: Applicant,
  { signal: stop, patienceMs = LIMITS.enrolTimeoutMs }: JoinOptions,
): Promise<Enrolled> {
  const sent = { isSent: false };
  const patience = AbortSignal.timeout(patienceMs);
  const signal = stop === undefined ? patience : AbortSignal.any([stop, patience]);
  for (;;) {
    try {
      return await enrolOnce(applicant, sent, signal);
    } catch (error) {
      const isLost = isMeshError(error, 'PEER_UNREACHABLE') || isMeshError(error, 'TIMEOUT');
      if (!isLost) throw error;
      if (!sent.isSent || signal.aborted) throw unreachable(applicant.endpoint, sent.isSent, error);
      // When patience ends here, the next attempt says so.
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

function unreachable(endpoint: HostPort, isSent: boolean, cause: MeshError): MeshError {
  const where = formatHostPort(endpoint);
  if (isSent) {
    return new MeshError('ODCM_UNREACHABLE', `ODCM at ${where} did not finish the enrolment`, {
      next: 'The token may count as used: look there with odcm spaces, then ask for a new one with: odcm invite SPACE',
      cause,
    });
  }
  return new MeshError('ODCM_UNREACHABLE', `no ODCM answers at ${where}`, {
    next: 'Check that ODCM runs and that this is its enrolment address; the token is still unused.',
    cause,
  });
}

async function enrolOnce(
  applicant: Applicant,
  sent: { isSent: boolean },
  signal: AbortSignal,
): Promise<Enrolled> {
  const { clock, random, token, keys } = applicant;
  const { channel, peerKey, close } = await contact(applicant.endpoint, ENROL_PROTOCOL, signal);
  try {
    const hello = createHello(random.bytes(32));
    await channel.send(hello, { signal });
    const offerBytes = await readParts(channel, { signal });
    const { fingerprint } = token;
    const offer = verifyOffer(offerBytes, { hello, fingerprint, nowMs: clock.nowMs() });
    verifyTransport(offer, peerKey);
    verifyFreshness(offer, clock.nowMs());
    const request = createEnrolRequest({
      offer,
      token,
      space: applicant.space,
      csr: applicant.csr,
      nodeKey: keys.node,
      exchangeKey: keys.exchange,
      addresses: applicant.addresses,
    });
    sent.isSent = true;
    await channel.send(request, { signal });
    const answer = await readParts(channel, { signal });
    const verified = verifyAnswer(answer, { offer, request, nowMs: clock.nowMs() });
    return { ...verified, offer, words: enrolWords(hello, offerBytes, request) };
  } finally {
    await close();
  }
}

/** The connection ends at whoever signed the offer; a relay would read the answer, though it could change nothing. */
function verifyTransport({ offer }: VerifiedOffer, peerKey: Uint8Array): void {
  if (rootKeyId(peerKey) === offer.keyid) return;
  throw new MeshError('BAD_SIGNATURE', 'somebody stands between this node and ODCM', {
    next: 'Use the address of ODCM itself: odcm join TOKEN --at HOST:PORT',
  });
}

/** Only a directory that was vouched for within minutes admits new members. */
export function verifyFreshness({ offer, root }: VerifiedOffer, nowMs: number): void {
  const vouchedMs = vouchedAtMs(root, offer.head);
  if (vouchedMs === undefined) {
    throw new MeshError(
      'STALE_HEAD',
      'the directory that ODCM shows is not dated by its timestamp key',
    );
  }
  const ageMs = nowMs - vouchedMs;
  if (ageMs <= LIMITS.directoryFreshMs && ageMs >= -LIMITS.clockSkewMs) return;
  const date = new Date(vouchedMs).toISOString();
  throw new MeshError('STALE_HEAD', `the directory that ODCM shows is dated ${date}`, {
    next: 'Compare the clocks of ODCM and of this machine, then try again.',
  });
}

function vouchedAtMs({ root, meshId }: VerifiedRoot, head: string): number | undefined {
  const note = decodeNote(Buffer.from(head));
  const origin = directoryOriginOf(meshId, root);
  const times = root.roles.timestamp.keyids.map((id) => {
    const raw = root.keys.get(id)!;
    return cosignedAt(note, logKey(origin, ed25519FromRaw(raw), raw));
  });
  const known = times.filter((time) => time !== undefined);
  return note.checkpoint.origin === origin && known.length > 0
    ? Math.max(...known) * 1000
    : undefined;
}

/** A whole directory must list this node; of one that was cut, the rest comes over the mesh. */
export async function takeDirectory(
  { answer, chain, offer }: Omit<Enrolled, 'words'>,
  {
    store,
    clock,
    log,
  }: { store: Awaited<ReturnType<typeof openLevelStore>>; clock: Clock; log: Log },
): Promise<{ isWhole: boolean }> {
  const { root, meshId: mesh } = offer.root;
  const directory = await Directory.open({ store, root, mesh, clock, log });
  await importSnapshot(directory, answer.directory);
  const isWhole = directory.age !== 'unknown';
  const row = directory.state.spaces.get(answer.space);
  const isListed = row?.name === chain.name && row.nodeKey.equals(chain.nodeKey);
  if (isWhole ? !isListed : !directory.state.spaces.has(root.odcm)) {
    throw new MeshError('MALFORMED', 'the directory in the answer of ODCM does not list this node');
  }
  return { isWhole };
}
