// ODCM's side of rotation: gives a space its next certificate and writes its new keys into the directory, for whoever proves
// to hold them. Loads node-forge when the first certificate is asked for.

import type { KeyObject } from 'node:crypto';
import type { Authority } from '../../certs/authority.ts';
import type { CertificateFiles } from '../../certs/message-fields.ts';
import { verifyRotation } from '../../certs/rotation.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import type { DirectoryPayload } from '../../protocols/directory-events.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { MeshId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Wish } from '../../protocols/petition.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import { type DirectoryWriter, directoryDraft } from '../directory/writer.ts';
import { certificateEvent } from '../enrol/certificate-event.ts';
import type { Draft } from '../feed/new-records.ts';

export type KeyWish = Extract<Wish, { wish: 'certificate' | 'rotate-keys' }>;

export interface KeyOfficeOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly writer: DirectoryWriter;
  readonly clock: Clock;
  readonly issuing: () => Promise<Authority>;
  readonly rootCertificatePem: () => Promise<string>;
  /** Private X25519 key of the ODCM space. */
  readonly exchangeKey: () => Promise<KeyObject>;
}

export class KeyOffice {
  readonly #o: KeyOfficeOptions;

  constructor(options: KeyOfficeOptions) {
    this.#o = options;
  }

  /** @param days how long a certificate lasts, when not as usual */
  carryOut(space: SpaceId, wish: KeyWish, days?: number): Promise<string> {
    return wish.wish === 'certificate'
      ? this.#certify(space, wish, days)
      : this.#rotate(space, wish);
  }

  #row(space: SpaceId): SpaceRow {
    const row = this.#o.directory.state.spaces.get(space);
    if (!row) throw new MeshError('SPACE_UNKNOWN', 'the space is not in the directory');
    if (row.revoked) throw new MeshError('REVOKED', `the space ${row.name} was revoked`);
    return row;
  }

  /** Names are the directory's, keys those of the request, which must bind the node key that is in force. */
  async #certify(
    space: SpaceId,
    wish: KeyWish & { wish: 'certificate' },
    days: number | undefined,
  ): Promise<string> {
    const { mesh, writer, clock } = this.#o;
    const row = this.#row(space);
    const { verifyRequest } = await import('../../certs/request.ts');
    const { spkiDer, signedKey } = verifyRequest(wish.csr);
    if (!signedKey.nodeKey.equals(row.nodeKey)) {
      throw new MeshError(
        'BAD_REQUEST_PROOF',
        `the certificate request does not bind the node key of ${row.name}`,
        { detail: { proof: 'csr' } },
      );
    }
    const { issueSpaceCertificate } = await import('../../certs/authority.ts');
    const issuing = await this.#o.issuing();
    const { name } = row;
    const nowMs = clock.nowMs();
    const subject = { issuing, spkiDer, signedKey, mesh, space, name, nowMs };
    const files: CertificateFiles = {
      leaf: issueSpaceCertificate({ ...subject, ...(days === undefined ? {} : { days }) }),
      issuing: issuing.certificatePem,
      root: await this.#o.rootCertificatePem(),
    };
    const payload = certificateEvent(space, files.leaf);
    await writer.append('SpaceCertificateV1Event', payload, `certificate/${space}`);
    return JSON.stringify(files);
  }

  async #rotate(space: SpaceId, wish: KeyWish & { wish: 'rotate-keys' }): Promise<string> {
    const { mesh, directory, writer } = this.#o;
    const row = this.#row(space);
    const { nodeKey, exchangeKey, from } = wish;
    const newKey = Buffer.from(nodeKey, 'base64');
    // The answer of the time before was lost.
    if (row.nodeKey.equals(newKey) && row.exchangeKey.toString('base64') === exchangeKey)
      return '{}';
    const odcmExchangeKey = await this.#o.exchangeKey();
    verifyRotation(wish, { mesh, space, formerNodeKey: row.nodeKey, odcmExchangeKey });
    if (directory.state.spaceWithKey(newKey)) {
      throw new MeshError('BAD_REQUEST_PROOF', 'the new node key was a key of a space before');
    }
    const isUsed = [...directory.state.spaces.values()].some((other) =>
      other.keys.some((keys) => keys.exchangeKey.toString('base64') === exchangeKey),
    );
    if (isUsed) {
      throw new MeshError('BAD_REQUEST_PROOF', 'the new exchange key was a key of a space before');
    }
    for (const id of Object.keys(from)) {
      if (directory.state.feeds.get(id as never)?.space === space) continue;
      throw new MeshError('FEED_UNKNOWN', `${row.name} has no feed ${id}`);
    }
    const drafts = rotationDrafts({ space, nodeKey, exchangeKey, from });
    if (drafts.length > LIMITS.rotationEntries)
      throw new MeshError('TOO_LARGE', `the new keys of ${row.name} name too many feeds`);
    await writer.appendAll(drafts);
    return '{}';
  }
}

/** In as many entries as its feeds need. */
export function rotationDrafts({
  from,
  ...keys
}: DirectoryPayload<'SpaceKeyRotatedV1Event'>): Draft[] {
  return inParts(from).map((part, i) => {
    const subject = i === 0 ? `keys/${keys.space}` : `keys/${keys.space}/${i}`;
    return directoryDraft('SpaceKeyRotatedV1Event', { ...keys, from: part }, subject);
  });
}

/** As many feeds together as fit into one entry; one part also where there is no feed. */
function inParts(from: Readonly<Record<string, number>>): Record<string, number>[] {
  const feeds = Object.entries(from);
  const parts = Math.max(1, Math.ceil(feeds.length / LIMITS.rotationFeeds));
  return Array.from({ length: parts }, (_, i) =>
    Object.fromEntries(feeds.slice(i * LIMITS.rotationFeeds, (i + 1) * LIMITS.rotationFeeds)),
  );
}
