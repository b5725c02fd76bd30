// Writes trust.json: one mesh's root, certificates, request and enrolment messages, from new keys that nobody keeps. To be
// run again when one of these formats changes: `node test/attacks/corpus/make-trust.ts`.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { signCms } from '../../../certs/cms.ts';
import {
  createAnswer,
  createEnrolRequest,
  createHello,
  createOffer,
  verifyOffer,
} from '../../../certs/enrol.ts';
import { makeToken, parseToken } from '../../../certs/token.ts';
import { generateX25519 } from '../../../certs/x25519.ts';
import { issueFor, makeNode, makeTrustRoot, NOW_MS, SPACE } from '../../certs/fixtures.ts';

const trust = await makeTrustRoot();
const node = await makeNode();
const { directoryKey, fingerprint } = trust;
const id = randomBytes(5);
const secret = randomBytes(16);
const endpoint = { host: 'odcm.example', port: 4002 };
const token = makeToken({ id, secret, fingerprint, endpoint });
const hello = createHello(randomBytes(32));
const offer = createOffer({
  ...{ hello, directoryKey, roots: [trust.envelope] },
  ...{ head: 'odcm/…/dir/1\n7\nroot\n', nonce: randomBytes(32), exchange: generateX25519() },
});
const request = createEnrolRequest({
  offer: verifyOffer(offer, { hello, fingerprint, nowMs: NOW_MS }),
  token: parseToken(token),
  space: null,
  csr: node.csr,
  nodeKey: node.nodeKey,
  exchangeKey: generateX25519(),
  addresses: ['/ip4/127.0.0.1/tcp/4001'],
});
const certificates = {
  leaf: issueFor(trust, node.request),
  issuing: trust.issuing.certificatePem,
  root: trust.root.certificatePem,
};
const answer = createAnswer({
  ...{ hello, offer, request, directoryKey, certificates },
  ...{ space: SPACE, directory: Buffer.from('entry 7 and its proof') },
});

const { leaf: leafPem, issuing: issuingPem } = certificates;
const signed = 'the manifest of a bundle';
const cms = signCms({
  ...{ content: Buffer.from(signed), key: node.rsaKey, leafPem, issuingPem, nowMs: NOW_MS },
});

const corpus = {
  nowMs: NOW_MS,
  mesh: trust.mesh,
  space: SPACE,
  pins: trust.pins,
  tokens: [token, makeToken({ id, secret, fingerprint })],
  csr: node.csr,
  certificates,
  rootPayload: trust.payload.toString(),
  rootEnvelope: trust.envelope.toString(),
  hello: hello.toString(),
  offer: offer.toString(),
  request: request.toString(),
  answer: answer.toString(),
  signed,
  cms: cms.toString('base64'),
};
await writeFile(new URL('trust.json', import.meta.url), `${JSON.stringify(corpus, null, 2)}\n`);
