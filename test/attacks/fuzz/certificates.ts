// Parsers of keys, certificate requests and certificates. What was signed may be changed in no bit: whatever passes must be
// the very bytes that are in the corpus.

import { certificateFacts } from '../../../certs/certificate-facts.ts';
import { verifyChain } from '../../../certs/chain.ts';
import { verifyCms } from '../../../certs/cms.ts';
import { derFromPem, pemFromDer, readChildren, readDer, TAG } from '../../../certs/der.ts';
import { ed25519FromPem } from '../../../certs/ed25519.ts';
import { verifyRequest } from '../../../certs/request.ts';
import { rsaFromSpki } from '../../../certs/rsa.ts';
import { verifySignedKey } from '../../../certs/signed-key.ts';
import { x25519FromRaw, x25519Raw } from '../../../certs/x25519.ts';
import { decodeUtf8 } from '../../../protocols/codec.ts';
import { ed25519FromRaw, ed25519Raw } from '../../../protocols/ed25519.ts';
import { parseMeshId, parseSpaceId } from '../../../protocols/ids.ts';
import trust from '../corpus/trust.json' with { type: 'json' };
import type { Target } from './fuzz.ts';
import { der, type Grammar, pem } from './grammar.ts';

const LEAF = 'CERTIFICATE';
const REQUEST = 'CERTIFICATE REQUEST';
const { certificates, csr, pins, nowMs } = trust;
const chain = { pins, nowMs, mesh: parseMeshId(trust.mesh), space: parseSpaceId(trust.space) };
const leafDer = derFromPem(certificates.leaf, LEAF);
const issuingDer = derFromPem(certificates.issuing, LEAF);
const requestDer = derFromPem(csr, REQUEST);
const { spkiDer } = verifyRequest(csr);
const content = Buffer.from(trust.signed);
const cms = Buffer.from(trust.cms, 'base64');
const raw32 = Buffer.alloc(32, 9);

type Links = { leafPem: string; issuingPem: string; rootPem: string };
const links: Links = {
  ...{ leafPem: certificates.leaf, issuingPem: certificates.issuing, rootPem: certificates.root },
};

/** Passes only with the original in that place, which is what is written again. */
const link =
  (place: keyof Links, original: Buffer) =>
  (input: Buffer): Buffer => {
    verifyChain({ ...chain, ...links, [place]: pemFromDer(input, LEAF) });
    return original;
  };

const nothing =
  (read: (input: Buffer) => unknown) =>
  (input: Buffer): undefined => {
    read(input);
  };

const target = (
  name: string,
  corpus: Buffer[],
  again: Target['again'],
  grammar: Grammar = der,
): Target => ({ name, corpus, again, grammar });

/** Line ends may be those of another system; apart from that a PEM file has one form. */
function pemAgain(input: Buffer): Buffer {
  const text = decodeUtf8(input);
  derFromPem(text, LEAF);
  return input;
}

export const CERTIFICATES: readonly Target[] = [
  target('PEM', [Buffer.from(certificates.leaf)], pemAgain, pem(LEAF)),
  target('DER', [leafDer, requestDer, spkiDer], nothing(walk)),
  target('certificate', [leafDer], link('leafPem', leafDer)),
  target('issuing certificate', [issuingDer], link('issuingPem', issuingDer)),
  target(
    'facts of a certificate',
    [leafDer, issuingDer],
    nothing((input) => certificateFacts(pemFromDer(input, LEAF))),
  ),
  target('request', [requestDer], (input) => {
    verifyRequest(pemFromDer(input, REQUEST));
    return requestDer;
  }),
  target('detached signature', [cms], (input) => {
    // What it does not cover are its certificates, which a chain covers: with the same leaf it says the same.
    const said = verifyCms(input, content);
    verifyChain({ ...chain, ...links, leafPem: said.leafPem, issuingPem: said.issuingPem });
    return said.signedAtMs === nowMs ? undefined : cms;
  }),
  target('RSA key', [spkiDer], nothing(rsaFromSpki)),
  target(
    'signed key',
    [Buffer.concat([Buffer.of(4, 96), raw32, raw32, raw32])],
    nothing((input) => verifySignedKey(input, spkiDer)),
  ),
  target('X25519 key', [raw32, Buffer.alloc(32)], (input) => x25519Raw(x25519FromRaw(input))),
  target('Ed25519 key', [raw32, Buffer.alloc(32)], (input) => ed25519Raw(ed25519FromRaw(input))),
  target(
    'private key',
    [Buffer.from('302e020100300506032b657004220420', 'hex')],
    nothing((input) => ed25519FromPem(pemFromDer(input, 'PRIVATE KEY'))),
  ),
];

/** Every value inside, to the bottom. */
function walk(input: Buffer): void {
  const queue = [readDer(input, TAG.sequence, 'input')];
  for (let node = queue.pop(); node; node = queue.pop())
    if ((node.tag & 0x20) !== 0) queue.push(...readChildren(node, 'input'));
}
