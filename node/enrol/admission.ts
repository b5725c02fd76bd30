// Letting a node into the mesh that has proven token and keys: takes the token, gives the certificate, writes the entry. One
// at a time, however the request came, so that a token or a name is given away once.

import type { Authority, issueSpaceCertificate } from '../../certs/authority.ts';
import { certificatePin } from '../../certs/chain.ts';
import type { VerifiedEnrolRequest } from '../../certs/enrol.ts';
import type { DirectoryState } from '../../protocols/directory.ts';
import type { DirectoryPayload } from '../../protocols/directory-events.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type MeshId, parseSpaceId, type SpaceName, uuidFromBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, Random } from '../clock.ts';
import type { Turn } from '../turn.ts';
import { certificateEvent } from './certificate-event.ts';
import type { Invite, Invites, Use } from './invites.ts';

export interface AdmissionOptions {
  readonly mesh: MeshId;
  readonly issuing: Authority;
  readonly invites: Invites;
  readonly state: () => DirectoryState;
  /** Writes both events, or none; resolves when it is durable and {@link state} shows it. */
  readonly enrol: (
    payload: DirectoryPayload<'SpaceEnrolledV1Event'>,
    certificate: DirectoryPayload<'SpaceCertificateV1Event'>,
  ) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared by everything that admits to this mesh. */
  readonly turn: Turn;
  /** certs/authority.ts, which loads node-forge. */
  readonly issue: typeof issueSpaceCertificate;
}

export type Proven = VerifiedEnrolRequest & { readonly invite: Invite };

export class Admission {
  readonly #o: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  /**
   * From the last look at the token and the name to the entry in the directory nothing comes between.
   * @throws TOKEN_USED, TOKEN_EXPIRED, SPACE_EXISTS, REVOKED, BAD_REQUEST_PROOF
   */
  admit(verified: Proven): Promise<Use> {
    return this.#o.turn.take(() => this.#admit(verified));
  }

  async #admit(verified: Proven): Promise<Use> {
    const { request, name, words } = verified;
    const { invites, state } = this.#o;
    const { id } = verified.invite;
    this.assertOpen(verified);
    let use = invites.find(id)?.used ?? null;
    if (use === null) {
      use = this.#newUse(verified);
      if (!(await invites.take(id, use))) throw tokenUsed(name);
    } else await invites.setWords(id, words);
    // Also after a stop between the two: a token that was taken by this very node still leads to its entry.
    if (!state().spaces.has(use.space)) {
      this.#assertFree(name, request.nodeKey);
      await this.#o.enrol(
        enrolledEvent(verified, use),
        certificateEvent(use.space, use.certificate),
      );
    }
    return use;
  }

  /** Everything that would refuse this node, without any effect. */
  assertOpen({ request, name, invite }: Proven): void {
    const { invites, state } = this.#o;
    const use = invites.find(invite.id)?.used ?? null;
    if (use === null) {
      invites.assertCurrent(invite);
      this.#assertFree(name, request.nodeKey);
      return;
    }
    if (!isSameNode(use, request)) throw tokenUsed(name);
    if (state().spaces.get(use.space)?.revoked) {
      throw new MeshError('REVOKED', `the space ${name} was revoked`);
    }
  }

  #assertFree(name: SpaceName, nodeKey: Buffer): void {
    const state = this.#o.state();
    if (state.spaceNamed(name)) {
      throw new MeshError('SPACE_EXISTS', `there is a space ${name} in the mesh already`);
    }
    const owner = state.spaceWithKey(nodeKey);
    if (owner) throw new MeshError('BAD_REQUEST_PROOF', 'the node key belongs to another space');
  }

  #newUse({ request, csr, name, words, invite }: Proven): Use {
    const { mesh, issuing, clock, random } = this.#o;
    const space = parseSpaceId(uuidFromBytes(random.bytes(16)));
    const nowMs = clock.nowMs();
    const { spkiDer, signedKey } = csr;
    const subject = { issuing, spkiDer, signedKey, mesh, space, name, nowMs };
    // Whoever was invited by file has no network by which to renew.
    const days = invite.offer ? { days: LIMITS.offlineCertificateDays } : {};
    return {
      atMs: nowMs,
      space,
      nodeKey: request.nodeKey.toString('base64'),
      exchangeKey: request.exchangeKey.toString('base64'),
      certificate: this.#o.issue({ ...subject, ...days }),
      words,
    };
  }
}

function enrolledEvent(
  { request, name }: VerifiedEnrolRequest,
  use: Use,
): DirectoryPayload<'SpaceEnrolledV1Event'> {
  return {
    space: use.space,
    name,
    nodeKey: use.nodeKey,
    exchangeKey: use.exchangeKey,
    certificateSha256: certificatePin(use.certificate),
    addresses: [...request.addresses],
  };
}

/** Both keys were proven anew; the certificate that is given again binds the first request's RSA key. */
function isSameNode(use: Use, request: VerifiedEnrolRequest['request']): boolean {
  return (
    request.nodeKey.toString('base64') === use.nodeKey &&
    request.exchangeKey.toString('base64') === use.exchangeKey
  );
}

const tokenUsed = (name: SpaceName): MeshError =>
  new MeshError('TOKEN_USED', `the token for ${name} was used already`);
