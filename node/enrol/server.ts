// ODCM's enrolment endpoint: strangers with a token become members here, on a port apart from that of the mesh. It speaks
// first to everybody, tells only those who prove the token's secret what is wrong with it, and enrols one at a time.

import { type KeyObject, randomBytes } from 'node:crypto';
import type { Authority } from '../../certs/authority.ts';
import { privateKeyPem } from '../../certs/ed25519.ts';
import { encodeRefusal, parseEnrolRequest } from '../../certs/enrol-messages.ts';
import { generateX25519 } from '../../certs/x25519.ts';
import type { DirectoryState } from '../../protocols/directory.ts';
import type { DirectoryPayload } from '../../protocols/directory-events.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { type MeshId, parseSpaceName, type SpaceId, type SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, Random } from '../clock.ts';
import { type HostPort, listenHost, multiaddrOf } from '../home/addresses.ts';
import type { Log } from '../log.ts';
import { createBareHost } from '../net/bare-host.ts';
import type { FrameChannel } from '../net/frames.ts';
import { Turn } from '../turn.ts';
import { Admission, type Proven } from './admission.ts';
import type { Invites } from './invites.ts';
import { ENROL_PROTOCOL, readOne, sendParts } from './messages.ts';

const RECENT = 20;
/** Stands where a token is unknown; the proof fails before the name is looked at. */
const NOBODY = parseSpaceName('nobody');

export interface EnrolServerOptions {
  readonly listen: HostPort;
  readonly mesh: MeshId;
  /** Root envelopes, version 1 first. */
  readonly roots: readonly Buffer[];
  /** Signs what is said here, and is the endpoint's own key: a node can tell that nobody stands between. */
  readonly directoryKey: KeyObject;
  readonly issuing: Authority;
  readonly rootCertificatePem: string;
  readonly invites: Invites;
  /** Shared with whatever else admits to this mesh. */
  readonly turn?: Turn;
  readonly state: () => DirectoryState;
  /** Newest head of the directory, dated. */
  readonly head: () => Buffer;
  /** Writes both events, or none; resolves when it is durable and {@link state} shows it. */
  readonly enrol: (
    payload: DirectoryPayload<'SpaceEnrolledV1Event'>,
    certificate: DirectoryPayload<'SpaceCertificateV1Event'>,
  ) => Promise<unknown>;
  /** The directory as node/directory/snapshot.ts writes it. */
  readonly snapshot: () => Promise<Buffer>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For one enrolment from its first byte to its last. */
  readonly timeoutMs?: number;
}

/** A finished enrolment, for the person who compares words. */
export interface Enrolment {
  readonly name: SpaceName;
  readonly space: SpaceId;
  readonly atMs: number;
  readonly words: readonly string[];
}

export interface EnrolServer {
  /** Multiaddrs listened on, with their ports. */
  addresses(): string[];
  /** Newest first; also those from before a restart. */
  enrolments(): Enrolment[];
  /** Waits for an enrolment that is being written. */
  stop(): Promise<void>;
}

/** Started when it resolves. Loads node-forge, which a node that is not ODCM never needs. */
export async function startEnrolServer(options: EnrolServerOptions): Promise<EnrolServer> {
  const enrolment = await import('../../certs/enrol.ts');
  const { issueSpaceCertificate } = await import('../../certs/authority.ts');
  const desk = new EnrolDesk(options, enrolment, issueSpaceCertificate);
  const { host, port } = options.listen;
  const endpoint = await createBareHost({
    privateKeyPem: privateKeyPem(options.directoryKey),
    listen: [multiaddrOf({ host: listenHost(host), port })],
    log: options.log,
    clock: options.clock,
  });
  await endpoint.serve(ENROL_PROTOCOL, (channel) => desk.serve(channel));
  await endpoint.start();
  return {
    addresses: endpoint.addresses,
    enrolments: () => finished(options.invites),
    stop: async () => {
      await endpoint.stop();
      await desk.idle();
    },
  };
}

function finished(invites: Invites): Enrolment[] {
  const rows = invites.list().flatMap(({ name, used }) => (used ? [{ name, ...used }] : []));
  const all = rows.map(({ name, space, atMs, words }) => ({ name, space, atMs, words }));
  return all.sort((a, b) => b.atMs - a.atMs).slice(0, RECENT);
}

class EnrolDesk {
  readonly #o: EnrolServerOptions;
  readonly #enrolment: typeof import('../../certs/enrol.ts');
  readonly #turn: Turn;
  readonly #admission: Admission;

  constructor(
    options: EnrolServerOptions,
    enrolment: typeof import('../../certs/enrol.ts'),
    issue: typeof import('../../certs/authority.ts').issueSpaceCertificate,
  ) {
    this.#o = options;
    this.#enrolment = enrolment;
    this.#turn = options.turn ?? new Turn();
    this.#admission = new Admission({ ...options, turn: this.#turn, issue });
  }

  async idle(): Promise<void> {
    await this.#turn.idle();
  }

  async serve(channel: FrameChannel): Promise<void> {
    const signal = AbortSignal.timeout(this.#o.timeoutMs ?? LIMITS.enrolTimeoutMs);
    try {
      await this.#converse(channel, signal);
    } catch (error) {
      const refusal = asMeshError(error);
      const { code, message, detail } = refusal;
      this.#o.log.warn({ code, detail }, `enrolment refused: ${message}`);
      if (channel.error !== undefined || signal.aborted) throw refusal;
      await sendParts(channel, encodeRefusal(forStrangers(refusal)), { signal });
    }
  }

  async #converse(channel: FrameChannel, signal: AbortSignal): Promise<void> {
    const { roots, directoryKey, head } = this.#o;
    const hello = Buffer.from(await readOne(channel, { signal }));
    const exchange = generateX25519();
    const offer = this.#enrolment.createOffer({
      hello,
      roots,
      head: head().toString('utf8'),
      nonce: randomBytes(32),
      exchange,
      directoryKey,
    });
    await sendParts(channel, offer, { signal });
    const request = Buffer.from(await readOne(channel, { signal }));
    const verified = this.#verify({ hello, offer, exchange }, request);
    const use = await this.#admission.admit(verified);
    const answer = this.#enrolment.createAnswer({
      hello,
      offer,
      request,
      directoryKey,
      space: use.space,
      certificates: {
        leaf: use.certificate,
        issuing: this.#o.issuing.certificatePem,
        root: this.#o.rootCertificatePem,
      },
      directory: await this.#o.snapshot(),
    });
    await sendParts(channel, answer, { signal });
    const { name, words } = verified;
    this.#o.log.info({ name, id: use.space, words: words.join(' ') }, 'space enrolled');
  }

  /** An unknown token costs and says the same as one whose secret the caller does not know. */
  #verify(
    said: { readonly hello: Buffer; readonly offer: Buffer; readonly exchange: KeyObject },
    request: Buffer,
  ): Proven {
    const { token } = parseEnrolRequest(request);
    const found = this.#o.invites.find(token);
    // A token that left in a file is answered by file, where people compare the words first.
    const invite = found?.offer ? undefined : found;
    const verified = this.#enrolment.verifyEnrolRequest(request, {
      ...said,
      tokenKey: invite ? Buffer.from(invite.tokenKey, 'base64') : randomBytes(32),
      invited: invite?.name ?? NOBODY,
    });
    if (!invite) throw new MeshError('TOKEN_UNKNOWN', 'there is no such invitation');
    return { ...verified, invite };
  }
}

/** Faults of this machine are not for strangers: they would name its files. */
function forStrangers(refusal: MeshError): MeshError {
  if (refusal.fault !== 'local') return refusal;
  return new MeshError(refusal.code, 'ODCM cannot enrol at the moment');
}
