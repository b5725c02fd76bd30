// Who signs a bundle: the space that exports it, with its certificate of that time, and nobody beside it.

import { readFile, writeFile } from 'node:fs/promises';
import forge from 'node-forge';
import { issueSpaceCertificate } from '../../../certs/authority.ts';
import { signCms } from '../../../certs/cms.ts';
import { createRequest, verifyRequest } from '../../../certs/request.ts';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import { decodeManifest } from '../../../protocols/gap/manifest.ts';
import { DAY_MS, makeTrustRoot, NOW_MS } from '../../certs/fixtures.ts';
import type { Site } from '../../node/gap/sites.ts';
import { type Scene, standOf, verdictOf, withScene } from '../gap-site.ts';
import type { Outcome, Row } from '../row.ts';

const SPACES = ['library', 'vault', 'ledger'];

export const rows: readonly Row[] = [
  {
    id: 'A06',
    what: 'signers that are expired, revoked, another space, the right name with another key or from another authority',
    how: 'vectors',
    expected: 'all refused, each for its own reason',
    run: ({ folder }) => withScene(folder, wrongSigners, SPACES),
  },
  {
    id: 'A06',
    what: 'signatures with a second signer, with the same one twice, with a certificate more, with none, with signer and issuer exchanged',
    how: 'vectors',
    expected: 'all refused, nothing changed; the one as it was is let in',
    run: ({ folder }) => withScene(folder, extraSigners, SPACES),
  },
];

interface Signer {
  readonly key: Awaited<ReturnType<Site['home']['tlsKey']>>;
  readonly leafPem: string;
  readonly issuingPem: string;
}

async function signerOf({ home }: Site): Promise<Signer> {
  const { leaf, issuing } = await home.certificates();
  return { key: await home.tlsKey(), leafPem: leaf, issuingPem: issuing };
}

async function wrongSigners({ sites, library, vault, path }: Scene): Promise<Outcome> {
  const files = bundleFiles(path);
  const [sound, content] = [await readFile(files.signature), await readFile(files.manifest)];
  const { createdMs: nowMs } = decodeManifest(content);
  const [own, other] = [await signerOf(library), await signerOf(sites.site('ledger'))];
  const got: string[] = [];
  const bring = async (signature: Buffer) => {
    await writeFile(files.signature, signature);
    got.push(await verdictOf(() => vault.import(path)));
  };
  const by = (signer: Signer) => signCms({ ...signer, content, nowMs });
  await bring(by({ ...own, key: other.key }));
  await bring(by({ ...own, leafPem: other.leafPem }));
  await bring(by(other));
  await bring(by(await fromElsewhere(library)));
  await sites.revoke('library');
  await sites.tell(vault);
  await bring(sound);
  // Certificates last for thirty days.
  sites.nowMs += 40 * DAY_MS;
  const late = await sites.export('ledger', 'vault');
  got.push(await verdictOf(() => vault.import(late.path)));
  const wanted = [
    ...['BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_CERTIFICATE', 'BAD_CERTIFICATE', 'REVOKED'],
    'BAD_CERTIFICATE',
  ];
  return { measured: got.join(', '), pass: JSON.stringify(got) === JSON.stringify(wanted) };
}

/** The same space, the same keys, and an authority that somebody made for it. */
async function fromElsewhere({ home }: Site): Promise<Signer> {
  const { issuing } = await makeTrustRoot();
  const [rsaKey, nodeKey] = [await home.tlsKey(), await home.nodeKey()];
  const { mesh, space, name } = home.config;
  const request = verifyRequest(createRequest({ rsaKey, nodeKey, commonName: name }));
  const { spkiDer, signedKey } = request;
  const subject = { issuing, spkiDer, signedKey, mesh, space, name, nowMs: NOW_MS };
  const leafPem = issueSpaceCertificate(subject);
  return { key: rsaKey, leafPem, issuingPem: issuing.certificatePem };
}

async function extraSigners(scene: Scene): Promise<Outcome> {
  const { sites, library, vault, path, files } = scene;
  const before = await standOf(scene);
  const [sound, content] = [await readFile(files.signature), await readFile(files.manifest)];
  const nowMs = decodeManifest(content).createdMs;
  const [own, other] = [await signerOf(library), await signerOf(sites.site('ledger'))];
  const pair = [own.leafPem, own.issuingPem];
  const cases = [
    cms({ content, nowMs, certificates: pair, signers: [own, other] }),
    cms({ content, nowMs, certificates: pair, signers: [own, own] }),
    cms({ content, nowMs, certificates: [...pair, other.leafPem], signers: [own, other] }),
    cms({ content, nowMs, certificates: [...pair, other.leafPem], signers: [own] }),
    cms({ content, nowMs, certificates: [other.leafPem, ...pair], signers: [own] }),
    cms({ content, nowMs, certificates: [own.leafPem], signers: [own] }),
    cms({ content, nowMs, certificates: [], signers: [own] }),
    cms({ content, nowMs, certificates: pair, signers: [] }),
    cms({ content, nowMs, certificates: [...pair].reverse(), signers: [own] }),
    cms({ content, nowMs, certificates: pair, signers: [{ ...own, leafPem: own.issuingPem }] }),
  ];
  let accepted = 0;
  const codes = new Set<string>();
  for (const signature of cases) {
    await writeFile(files.signature, signature);
    const verdict = await verdictOf(() => vault.import(path));
    codes.add(verdict);
    if (verdict === 'nothing') accepted++;
  }
  const isSame = before === (await standOf(scene));
  // What the same tool writes with one signer and its two certificates is like ours, so it was the signers that were refused.
  await writeFile(files.signature, cms({ content, nowMs, certificates: pair, signers: [own] }));
  const isTrue = (await verdictOf(() => vault.import(path))) === 'nothing';
  await writeFile(files.signature, sound);
  const isGood = (await verdictOf(() => vault.import(path))) === 'nothing';
  return {
    measured: `${accepted} of ${cases.length} accepted: ${[...codes].join(', ')}`,
    pass: accepted === 0 && isSame && isTrue && isGood,
  };
}

/** As any other tool would write it, with whatever certificates and signers. */
function cms(o: {
  readonly content: Buffer;
  readonly nowMs: number;
  readonly certificates: readonly string[];
  readonly signers: readonly Signer[];
}): Buffer {
  const message = forge.pkcs7.createSignedData();
  message.content = forge.util.createBuffer(o.content.toString('binary'));
  for (const certificate of o.certificates) message.addCertificate(certificate);
  const { oids } = forge.pki;
  for (const { key, leafPem } of o.signers) {
    message.addSigner({
      key: forge.pki.privateKeyFromPem(key.export({ format: 'pem', type: 'pkcs8' }).toString()),
      certificate: forge.pki.certificateFromPem(leafPem),
      digestAlgorithm: oids['sha256']!,
      authenticatedAttributes: [
        { type: oids['contentType']!, value: oids['data']! },
        { type: oids['signingTime']!, value: new Date(o.nowMs) as unknown as string },
        { type: oids['messageDigest']! },
      ],
    });
  }
  message.sign({ detached: true });
  return Buffer.from(forge.asn1.toDer(message.toAsn1()).getBytes(), 'binary');
}
