// Control API: enrolment and renewal of certificates by file.

import { certificateFacts } from '../../certs/certificate-facts.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { MeshNode } from '../node.ts';
import type { Desk } from '../odcm.ts';
import { answerRenewal, installRenewal, requestRenewal } from '../rotate/renewal-by-file.ts';
import { type Handlers, iso } from './handler.ts';

type CourierRoutes =
  | 'offerByFile'
  | 'lookAtRequest'
  | 'enrolByFile'
  | 'requestCertificate'
  | 'renewByFile'
  | 'installCertificate';

function filesOf({ odcm, home }: MeshNode): NonNullable<Desk['files']> {
  if (odcm?.files) return odcm.files;
  throw new MeshError('NOT_ODCM', `${home.config.name} is not the ODCM node`);
}

export const courierHandlers: Pick<Handlers, CourierRoutes> = {
  async offerByFile({ node, body: { space, path, ttlMs } }) {
    const { name, expiresMs } = await filesOf(node).offer({ name: space, path, ttlMs });
    return { space: name, path, expiresAt: iso(expiresMs) };
  },

  async lookAtRequest({ node, body }) {
    const { name, words } = await filesOf(node).look(body.path);
    return { space: name, words: words.join(' ') };
  },

  async enrolByFile({ node, body }) {
    const { name, space, words, certificate } = await filesOf(node).enrol(body);
    node.log.info({ name, id: space, words: words.join(' ') }, 'space enrolled by file');
    const { notAfter: certificateUntil } = certificateFacts(certificate);
    const { answer } = body;
    return { ...{ space: name, id: space, words: words.join(' ') }, answer, certificateUntil };
  },

  async requestCertificate({ node, body: { path, newKeys } }) {
    const { expiresAt } = await requestRenewal(node, path, newKeys);
    return { space: node.home.config.name, path, certificateUntil: expiresAt };
  },

  async renewByFile({ node, body: { path: request, answer } }) {
    const { home, directory } = node;
    if (!node.odcm) throw new MeshError('NOT_ODCM', `${home.config.name} is not the ODCM node`);
    const { trust } = node.odcm;
    const { name, notAfter } = await answerRenewal({ home, directory, trust }, { request, answer });
    return { space: name, answer, certificateUntil: notAfter };
  },

  async installCertificate({ node, body }) {
    const { name, notAfter, isNew } = await installRenewal(node, body.path);
    if (isNew) node.log.info({ until: notAfter }, 'a certificate was installed from a file');
    return { space: name, certificateUntil: notAfter, isNew };
  },
};
