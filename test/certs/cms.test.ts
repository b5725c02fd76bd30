import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificatePin } from '../../certs/chain.ts';
import { signCms, verifyCms } from '../../certs/cms.ts';
import { isMeshError } from '../../protocols/errors.ts';
import {
  codeOf,
  issueFor,
  makeNode,
  makeTrustRoot,
  NOW_MS,
  type Node,
  type TrustRoot,
} from './fixtures.ts';

const CONTENT = Buffer.from('# odcm-bundle/v1\n# any text at all\n');

let trust: TrustRoot;
let node: Node;
let leafPem: string;
let cms: Buffer;
beforeAll(async () => {
  [trust, node] = await Promise.all([makeTrustRoot(), makeNode()]);
  leafPem = issueFor(trust, node.request);
  cms = sign();
});

const sign = (key = node.rsaKey, nowMs = NOW_MS) => {
  const issuingPem = trust.issuing.certificatePem;
  return signCms({ content: CONTENT, key, leafPem, issuingPem, nowMs });
};

describe('a detached signature', () => {
  it('gives back its certificates and its time', () => {
    const { leafPem: leaf, issuingPem, signedAtMs } = verifyCms(cms, CONTENT);
    expect(signedAtMs).toBe(NOW_MS);
    expect(certificatePin(leaf)).toBe(certificatePin(leafPem));
    expect(certificatePin(issuingPem)).toBe(certificatePin(trust.issuing.certificatePem));
    expect(cms.length).toBeLessThan(4096);
  });

  it('is of one content alone', () => {
    for (let at = 0; at < CONTENT.length; at++) {
      const other = Buffer.from(CONTENT);
      other[at]! ^= 1;
      expect(codeOf(() => verifyCms(cms, other))).toBe('HASH_MISMATCH');
    }
  });

  it('of another key than that of its certificate is refused', async () => {
    const other = await makeNode();
    expect(codeOf(() => verifyCms(sign(other.rsaKey), CONTENT))).toBe('BAD_SIGNATURE');
  });

  it('says the same or is refused, whichever of its bytes is another', () => {
    const said = verifyCms(cms, CONTENT);
    const harmless: number[] = [];
    for (let at = 0; at < cms.length; at++) {
      const other = Buffer.from(cms);
      other[at]! ^= 1 << (at % 8);
      try {
        const got = verifyCms(other, CONTENT);
        expect(got.signedAtMs).toBe(said.signedAtMs);
        // The issuing certificate is not what the signature covers: its chain is checked by whoever trusts it.
        expect(got.leafPem === said.leafPem && got.issuingPem === said.issuingPem).toBe(false);
        harmless.push(at);
      } catch (error) {
        if (!isMeshError(error)) throw error;
      }
    }
    expect(harmless.length).toBeGreaterThan(0);
  });

  it('is refused when it is cut anywhere, or has bytes behind it', () => {
    for (let length = 0; length < cms.length; length += 7) {
      expect(codeOf(() => verifyCms(cms.subarray(0, length), CONTENT))).toBe('MALFORMED');
    }
    expect(codeOf(() => verifyCms(Buffer.concat([cms, Buffer.alloc(1)]), CONTENT))).toBe(
      'MALFORMED',
    );
  });

  it('above its limit is refused before it is read', () => {
    expect(codeOf(() => verifyCms(Buffer.alloc(16 * 1024 + 1), CONTENT))).toBe('TOO_LARGE');
  });
});

const found = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!found)('openssl, given a detached signature,', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  const verify = (content: string, root: string) =>
    spawnSync(
      'openssl',
      [
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        file('m.p7s'),
        '-content',
        file(content),
      ].concat(['-CAfile', file(root), '-attime', String(NOW_MS / 1000), '-out', file('out')]),
      { encoding: 'utf8' },
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'odcm-cms-'));
    const other = await makeTrustRoot();
    await Promise.all([
      writeFile(file('m'), CONTENT),
      writeFile(file('changed'), Buffer.concat([CONTENT, Buffer.from(' ')])),
      writeFile(file('m.p7s'), cms),
      writeFile(file('root.pem'), trust.root.certificatePem),
      writeFile(file('other.pem'), other.root.certificatePem),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('accepts it under the root of the mesh, with nothing but its usual rules', () => {
    const { status, stderr } = verify('m', 'root.pem');
    expect([status, stderr]).toEqual([0, 'CMS Verification successful\n']);
  });

  it('refuses it over another content', () => {
    expect(verify('changed', 'root.pem').status).not.toBe(0);
  });

  it('refuses it under another root', () => {
    expect(verify('m', 'other.pem').status).not.toBe(0);
  });
});
