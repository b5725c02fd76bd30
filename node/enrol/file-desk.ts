// ODCM's side of what crosses to a site without a network and back: offers, requests and answers of enrolments, and renewed
// certificates. The same checks as at the endpoint; here a person has compared the words before anything is written.

import { hkdfSync, type KeyObject } from 'node:crypto';
import type { Authority } from '../../certs/authority.ts';
import { otherMesh } from '../../certs/courier-file.ts';
import {
  createOfferFile,
  encodeAnswerFile,
  parseRequestFile,
  requestHash,
} from '../../certs/enrol-files.ts';
import {
  encodeHello,
  encodeOffer,
  parseEnrolRequest,
  parseOffer,
} from '../../certs/enrol-messages.ts';
import { x25519Private, x25519Raw } from '../../certs/x25519.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { rootFingerprint, type SpaceId, type SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { OFFER_KEY_INFO } from '../../protocols/signable.ts';
import { writeFileDurable } from '../home/files.ts';
import type { Home } from '../home/home.ts';
import { Admission, type AdmissionOptions, type Proven } from './admission.ts';
import { readCourierFile } from './courier-files.ts';
import type { Invite, KeptOffer } from './invites.ts';

export interface FileDeskOptions
  extends Omit<AdmissionOptions, 'issue' | 'issuing' | 'mesh' | 'random'> {
  readonly home: Home;
  readonly random: AdmissionOptions['random'];
  readonly issuing: () => Promise<Authority>;
  /** Newest head of the directory, dated. */
  readonly head: () => Buffer;
  /** The directory as node/directory/snapshot.ts writes it. */
  readonly snapshot: (maxBytes: number) => Promise<Buffer>;
}

export interface OfferOrder {
  readonly name: string;
  readonly path: string;
  readonly ttlMs?: number | undefined;
}

export interface RequestOrder {
  readonly path: string;
  /** Where the answer goes. */
  readonly answer: string;
  /** The words that somebody at the site has read out. */
  readonly words: string;
}

export interface LookedAt {
  readonly name: SpaceName;
  readonly words: readonly string[];
}

export interface Answered extends LookedAt {
  readonly space: SpaceId;
  readonly certificate: string;
}

export class FileDesk {
  readonly #o: FileDeskOptions;

  constructor(options: FileDeskOptions) {
    this.#o = options;
  }

  /** @throws SPACE_EXISTS, NAME_INVALID, USAGE, FILE_UNREADABLE, DISK_FULL */
  async offer({ name, path, ttlMs }: OfferOrder): Promise<{ name: SpaceName; expiresMs: number }> {
    const { home, invites, state, random } = this.#o;
    const { createOffer } = await import('../../certs/enrol.ts');
    const directoryKey = await home.directoryKey();
    const hello = encodeHello({ nonce: Buffer.from(random.bytes(32)) });
    const nonce = Buffer.from(random.bytes(32));
    const [roots, exchange] = [home.rootEnvelopes, await this.#exchange(nonce)];
    const head = this.#o.head().toString('utf8');
    const offer = createOffer({ hello, roots, head, nonce, exchange, directoryKey });
    const invited = await invites.invite({
      name,
      fingerprint: rootFingerprint(home.root.payloadV1),
      isTaken: (taken) => state().spaceNamed(taken) !== undefined,
      offer: keep(hello, offer),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
    const file = createOfferFile({
      mesh: home.config.mesh,
      space: invited.name,
      token: invited.token,
      created: new Date(invited.createdMs).toISOString(),
      expires: new Date(invited.expiresMs).toISOString(),
      ...{ hello, offer, directoryKey },
    });
    await writeFileDurable(path, file);
    return { name: invited.name, expiresMs: invited.expiresMs };
  }

  /** Everything that would refuse this request, and the words that the site shows with it; without any effect. */
  async look(path: string): Promise<LookedAt> {
    const { proven } = await this.#read(path);
    (await this.#admission()).assertOpen(proven);
    return { name: proven.name, words: proven.words };
  }

  /**
   * Lets the site in and writes the answer; asked again for the same request, writes the answer again.
   * @throws APPROVAL_REFUSED when the words are others, TOKEN_USED, TOKEN_EXPIRED, SPACE_EXISTS, REVOKED …
   */
  async enrol({ path, answer, words }: RequestOrder): Promise<Answered> {
    const { proven, said } = await this.#read(path);
    if (words.trim().toLowerCase().split(/\s+/).join(' ') !== proven.words.join(' ')) {
      throw new MeshError('APPROVAL_REFUSED', `these are not the check words of this request`, {
        next: 'If the site reads out these words, the request was exchanged on its way: make a new offer.',
      });
    }
    const admission = await this.#admission();
    const use = await admission.admit(proven);
    await writeFileDurable(answer, await this.#answer(said, use));
    const { name } = proven;
    return { name, words: proven.words, space: use.space, certificate: use.certificate };
  }

  async #answer(said: Said, use: { readonly space: SpaceId; readonly certificate: string }) {
    const { home } = this.#o;
    const { createAnswer } = await import('../../certs/enrol.ts');
    const { root } = await home.certificates();
    const { certificatePem: issuing } = await this.#o.issuing();
    const { mesh } = home.config;
    return encodeAnswerFile({
      mesh,
      space: said.name,
      request: requestHash(said.request),
      roots: home.rootEnvelopes,
      answer: createAnswer({
        ...said,
        directoryKey: await home.directoryKey(),
        space: use.space,
        certificates: { leaf: use.certificate, issuing, root },
        // It stands beside the answer, where it may be larger than a message.
        directory: Buffer.alloc(0),
      }),
      directory: await this.#o.snapshot(DIRECTORY_BYTES),
    });
  }

  async #read(path: string): Promise<{ proven: Proven; said: Said }> {
    const { home, invites } = this.#o;
    const file = parseRequestFile(await readCourierFile(path, 'odcm-enrolment-request'));
    if (file.mesh !== home.config.mesh) throw otherMesh('request', file.mesh, home.config.mesh);
    const { request } = file;
    const invite = invites.find(parseEnrolRequest(request).token);
    const kept = invite?.offer;
    if (!invite || !kept) {
      throw new MeshError('TOKEN_UNKNOWN', 'the request follows no offer of this ODCM', {
        next: 'Make one with: odcm invite SPACE --offer FILE',
      });
    }
    const hello = Buffer.from(kept.hello, 'base64');
    const exchange = await this.#exchange(Buffer.from(kept.nonce, 'base64'));
    const offer = offerAgain(kept, home.rootEnvelopes, x25519Raw(exchange));
    const verified = await verifyRequest(invite, { hello, offer, request, exchange });
    if (file.space !== verified.name) {
      throw new MeshError('BAD_REQUEST_PROOF', 'the request names another space than its offer', {
        next: CHANGED_NEXT,
      });
    }
    const proven = { ...verified, invite };
    return { proven, said: { hello, offer, request, name: verified.name } };
  }

  /** Made anew whenever it is needed: nothing secret waits on the disk for a courier. */
  async #exchange(nonce: Buffer): Promise<KeyObject> {
    const localKey = await this.#o.home.localKey();
    return x25519Private(Buffer.from(hkdfSync('sha256', localKey, nonce, OFFER_KEY_INFO, 32)));
  }

  async #admission(): Promise<Admission> {
    const { issueSpaceCertificate: issue } = await import('../../certs/authority.ts');
    const { home, issuing } = this.#o;
    const { mesh } = home.config;
    return new Admission({ ...this.#o, mesh, issuing: await issuing(), issue });
  }
}

interface Said {
  readonly hello: Buffer;
  readonly offer: Buffer;
  readonly request: Buffer;
  readonly name: SpaceName;
}

/** What base64 makes fit beside certificates and root versions. */
const DIRECTORY_BYTES = Math.floor(((LIMITS.enrolAnswerFileBytes - 4 * 2 ** 20) * 3) / 4);
const CHANGED_NEXT =
  'Have the request copied again from the site; it shows which words belong to it.';

async function verifyRequest(
  invite: Invite,
  said: { hello: Buffer; offer: Buffer; request: Buffer; exchange: KeyObject },
) {
  const { verifyEnrolRequest } = await import('../../certs/enrol.ts');
  const tokenKey = Buffer.from(invite.tokenKey, 'base64');
  try {
    return verifyEnrolRequest(said.request, { ...said, tokenKey, invited: invite.name });
  } catch (error) {
    // There is such a token: what was made with it is no longer what came.
    if (!isMeshError(error, 'TOKEN_UNKNOWN')) throw error;
    const message = `the request was changed, or was not made with the offer for ${invite.name}`;
    throw new MeshError('BAD_REQUEST_PROOF', message, { next: CHANGED_NEXT, cause: error });
  }
}

function keep(hello: Buffer, bytes: Buffer): KeptOffer {
  const { roots, head, nonce, keyid, signature } = parseOffer(bytes);
  return {
    ...{ head, keyid, roots: roots.length },
    hello: hello.toString('base64'),
    nonce: nonce.toString('base64'),
    signature: signature.toString('base64'),
  };
}

/** The offer word for word: versions of the root are only ever added. */
function offerAgain(kept: KeptOffer, roots: readonly Buffer[], exchange: Buffer): Buffer {
  return encodeOffer({
    roots: roots.slice(0, kept.roots),
    head: kept.head,
    nonce: Buffer.from(kept.nonce, 'base64'),
    exchange,
    keyid: kept.keyid,
    signature: Buffer.from(kept.signature, 'base64'),
  });
}
