// What only the ODCM node has: the pen of the directory, changes of trust, invitations and the enrolment endpoint, and
// the clock that vouches every half minute that the directory is the newest there is.

import type { SpaceRow } from '../protocols/directory.ts';
import type { DirectoryPayload } from '../protocols/directory-events.ts';
import { asMeshError, isMeshError, MeshError } from '../protocols/errors.ts';
import type { MeshId } from '../protocols/ids.ts';
import { rootFingerprint } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { extendRootChain, type VerifiedRoot } from '../protocols/root-chain.ts';
import type { Random, TimerHandle, Timers } from './clock.ts';
import { crashpoint } from './crashpoint.ts';
import { requirePoint } from './directory/epoch.ts';
import { Trust } from './directory/trust.ts';
import { DirectoryWriter, directoryDraft } from './directory/writer.ts';
import { certificateEvent } from './enrol/certificate-event.ts';
import { FileDesk } from './enrol/file-desk.ts';
import { type Invite, Invites } from './enrol/invites.ts';
import { type EnrolServer, startEnrolServer } from './enrol/server.ts';
import type { Draft } from './feed/new-records.ts';
import {
  formatHostPort,
  type HostPort,
  parseHostPort,
  reachableEndpoint,
} from './home/addresses.ts';
import type { MeshNode } from './node.ts';
import { KeyOffice } from './rotate/key-office.ts';
import { assertServed, odcmKeys } from './rotate/odcm-keys.ts';
import { Turn } from './turn.ts';

/** Why nothing is issued, which is no reason not to run. */
const NOT_NOW = ['CLOCK_REGRESSED', 'CONFLICT', 'BUSY'] as const;

/** What a node has of its desk. */
export type Desk = Pick<OdcmDesk, Exclude<keyof OdcmDesk, 'files'>> &
  Partial<Pick<OdcmDesk, 'files'>>;

export class OdcmDesk {
  readonly trust: Trust;
  /** Where new spaces join, as HOST:PORT. */
  readonly endpoint: string;
  /** For sites without a network. */
  readonly files: FileDesk;
  readonly #node: MeshNode;
  readonly #timers: Timers;
  readonly #writer: DirectoryWriter;
  readonly #invites: Invites;
  readonly #listen: HostPort;
  /** Spaces are let in one after the other, by whichever way they came. */
  readonly #admitting = new Turn();
  /** A root may come while the endpoint is opened. */
  readonly #opening = new Turn();
  #server: EnrolServer | undefined;
  #timer: TimerHandle | undefined;
  #isStarted = false;
  #isStopped = false;

  private constructor(
    node: MeshNode,
    timers: Timers,
    parts: { writer: DirectoryWriter; invites: Invites; trust: Trust; listen: HostPort },
  ) {
    this.#node = node;
    this.#timers = timers;
    this.#writer = parts.writer;
    this.#invites = parts.invites;
    this.#listen = parts.listen;
    this.trust = parts.trust;
    this.endpoint = formatHostPort(reachableEndpoint(parts.listen));
    const { home, directory, clock, random } = node;
    this.files = new FileDesk({
      ...{ home, clock, random, invites: parts.invites, turn: this.#admitting },
      issuing: () => home.issuing(),
      state: () => directory.state,
      head: () => parts.writer.note,
      enrol: (payload, certificate) => this.#enrol(payload, certificate),
      snapshot: (maxBytes) => parts.writer.snapshot(maxBytes),
    });
  }

  /** Gives the node its desk; the endpoint listens once {@link start} is called. */
  static async open(
    node: MeshNode,
    { timers, random }: { timers: Timers; random: Random },
  ): Promise<OdcmDesk> {
    const { home, directory, views, blocks, clock } = node;
    const keys = await odcmKeys(home);
    const writer = await DirectoryWriter.open({
      ...{ directory, views, blocks, clock, random },
      isClockRegressed: () => node.trustClock.isRegressed,
      mayWrite: () => node.directoryGate.mayWrite(),
      directoryKey: keys.directory[0]!,
      timestampKey: keys.timestamp[0]!,
      space: home.config.name,
      onAppended: ({ note, before }) => node.announceDirectory(note, before.size),
    });
    writer.signWith(keys);
    const invites = await Invites.open(home.paths.invites, { clock, random });
    const mesh: MeshId = home.config.mesh;
    const office = new KeyOffice({
      ...{ mesh, directory, writer, clock },
      issuing: () => home.issuing(),
      rootCertificatePem: async () => (await home.certificates()).root,
      exchangeKey: () => home.exchangeKey(),
    });
    const trust = new Trust({ mesh, directory, writer, office, clock: node.trustClock, random });
    const listen = parseHostPort(home.config.enrol ?? '');
    const desk = new OdcmDesk(node, timers, { writer, invites, trust, listen });
    // A member may bring a new version before the desk is started.
    node.roots.onAdopted(() => desk.#rootAdopted());
    return desk;
  }

  async start(): Promise<void> {
    const { directoryGate: gate, log } = this.#node;
    if (gate.isOpen) await this.#begin();
    else
      gate.onOpened(() => {
        this.#begin().catch((error: unknown) =>
          log.error({ reason: String(error) }, 'the directory was not dated after the start'),
        );
      });
    const { versions } = this.#node.home.root;
    await this.#opening.take(async () => {
      this.#server = await this.#openEndpoint();
      this.#isStarted = true;
    });
    if (this.#node.home.root.versions !== versions) await this.#reopenEndpoint();
    this.#schedule();
  }

  /** Nobody waits for it: a clock that was set back, or two directories, stop nothing but issuing. */
  async #begin(): Promise<void> {
    try {
      await this.#listCertificates();
      await this.#vouch();
    } catch (error) {
      if (!NOT_NOW.some((code) => isMeshError(error, code))) throw error;
      this.#node.log.error({ code: asMeshError(error).code }, asMeshError(error).message);
    }
    // New keys of its own that were begun before; other spaces go on with theirs when they reach ODCM.
    await this.#node.rotation.resume().catch((error: unknown) => {
      const { code, message } = asMeshError(error);
      this.#node.log.warn({ code }, `the new keys of ODCM are not in force: ${message}`);
    });
  }

  /** Keys that the root now names are in force at once; the endpoint speaks with the newest of them. */
  async #rootAdopted(): Promise<void> {
    try {
      this.#writer.signWith(await odcmKeys(this.#node.home));
    } catch (error) {
      this.#writer.keepSilent(asMeshError(error));
      throw error;
    }
    if (this.#node.directoryGate.isOpen) await this.#begin();
    if (this.#isStarted) await this.#reopenEndpoint();
  }

  #reopenEndpoint(): Promise<void> {
    return this.#opening.take(async () => {
      const former = this.#server;
      this.#server = undefined;
      await former?.stop();
      if (!this.#isStopped) this.#server = await this.#openEndpoint();
    });
  }

  /**
   * Takes the next version of the root, and with it everybody else.
   * @throws ROOT_INVALID, ROOT_EXPIRED; UNKNOWN_KEY when it names no key that this folder has
   */
  async installRoot(envelope: Uint8Array): Promise<VerifiedRoot> {
    const { home, roots, clock, directory } = this.#node;
    await roots.complete();
    // What the disk refused at the first try came into force since.
    if (home.rootEnvelopes.at(-1)?.equals(envelope)) return home.root;
    const next = extendRootChain(home.root, envelope);
    if (clock.nowMs() >= Date.parse(next.root.expires)) {
      throw new MeshError(
        'ROOT_EXPIRED',
        `version ${next.versions} expired on ${next.root.expires}`,
      );
    }
    await assertServed(home, next.root);
    if (next.root.directory?.epoch !== directory.epoch?.epoch)
      await requirePoint(directory.log, next.root);
    await roots.adopt([envelope]);
    return home.root;
  }

  /** Lets the epoch that the root has opened begin with these entries; one that has begun already is given them. */
  async beginEpoch(drafts: readonly Draft[]): Promise<void> {
    if (this.#node.directory.isWaiting) await this.#writer.begin(drafts);
    else if (drafts.length > 0) await this.#writer.appendAll(drafts);
    await this.#begin();
  }

  async #openEndpoint(): Promise<EnrolServer> {
    const { home, directory, clock, log } = this.#node;
    return startEnrolServer({
      ...{ mesh: home.config.mesh, roots: home.rootEnvelopes, clock, log, invites: this.#invites },
      listen: this.#listen,
      random: { bytes: (count) => this.#randomBytes(count) },
      directoryKey: await home.directoryKey(),
      issuing: await home.issuing(),
      rootCertificatePem: (await home.certificates()).root,
      state: () => directory.state,
      head: () => this.#writer.note,
      turn: this.#admitting,
      enrol: (payload, certificate) => this.#enrol(payload, certificate),
      snapshot: () => this.#writer.snapshot(),
    });
  }

  async #enrol(
    payload: DirectoryPayload<'SpaceEnrolledV1Event'>,
    certificate: DirectoryPayload<'SpaceCertificateV1Event'>,
  ): Promise<void> {
    crashpoint('enrol.before-append');
    await this.#writer.appendAll([
      directoryDraft('SpaceEnrolledV1Event', payload, `space/${payload.space}`),
      certificateDraft(certificate),
    ]);
    crashpoint('enrol.after-append');
  }

  /** ODCM's own certificate, and those that were issued before the directory listed certificates. */
  async #listCertificates(): Promise<void> {
    const { home, directory } = this.#node;
    const { leaf } = await home.certificates();
    const issued = this.#invites.list().flatMap(({ used }) => (used ? [used] : []));
    const missing = [{ space: home.config.space, certificate: leaf }, ...issued]
      .filter(({ space }) => lacksCertificate(directory.state.spaces.get(space)))
      .map(({ space, certificate }) => certificateDraft(certificateEvent(space, certificate)));
    for (let at = 0; at < missing.length; at += LIMITS.batchEntries)
      await this.#writer.appendAll(missing.slice(at, at + LIMITS.batchEntries));
  }

  #randomBytes(count: number): Uint8Array {
    return this.#node.random.bytes(count);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#timers.setTimeout(() => {
      this.#renew()
        .catch((error: unknown) =>
          this.#node.log.error({ reason: String(error) }, 'the directory was not dated anew'),
        )
        .finally(() => this.#schedule());
    }, LIMITS.timestampMs);
  }

  async #renew(): Promise<void> {
    const { roots, log } = this.#node;
    await roots.complete().catch((error: unknown) => {
      log.error({ code: asMeshError(error).code }, 'the newest root is not in force yet');
    });
    await this.#vouch();
  }

  async #vouch(): Promise<void> {
    const note = await this.#writer.renew();
    this.#node.announceDirectory(note, this.#node.directory.log.size);
  }

  invite(space: string, ttlMs: number | undefined): ReturnType<Invites['invite']> {
    const { directory, home } = this.#node;
    return this.#invites.invite({
      name: space,
      fingerprint: rootFingerprint(home.root.payloadV1),
      endpoint: reachableEndpoint(this.#listen),
      isTaken: (name) => directory.state.spaceNamed(name) !== undefined,
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
  }

  enrolments(): readonly Invite[] {
    return this.#invites.list();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#timers.clearTimeout(this.#timer);
    await this.#server?.stop();
    await this.#writer.idle();
  }
}

const lacksCertificate = (row: SpaceRow | undefined): boolean =>
  row !== undefined && !row.revoked && row.certificate === null;

const certificateDraft = (payload: DirectoryPayload<'SpaceCertificateV1Event'>) =>
  directoryDraft('SpaceCertificateV1Event', payload, `certificate/${payload.space}`);
