// What operators check with stock tools: the openssl program of this machine has the last word on our files.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIssuingAuthority, createRootAuthority } from '../../certs/authority.ts';
import { ACME, issueFor, makeNode, makeTrustRoot, NOW_MS, SPACE } from './fixtures.ts';

const found = spawnSync('openssl', ['version']).status === 0;
if (!found)
  process.stderr.write('no openssl program here: its checks of certificates are skipped\n');

describe.skipIf(!found)('openssl', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  function openssl(...args: string[]): { ok: boolean; text: string } {
    const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    return { ok: status === 0, text: stdout + stderr };
  }
  const at = ['-attime', String(NOW_MS / 1000)];
  const verify = (root: string, issuing: string, leaf: string) =>
    openssl(
      'verify',
      '-x509_strict',
      ...at,
      '-CAfile',
      file(root),
      '-untrusted',
      file(issuing),
      file(leaf),
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'odcm-openssl-'));
    const [trust, other, node] = await Promise.all([makeTrustRoot(), makeTrustRoot(), makeNode()]);
    await Promise.all([
      writeFile(file('root.pem'), trust.root.certificatePem),
      writeFile(file('issuing.pem'), trust.issuing.certificatePem),
      writeFile(file('leaf.pem'), issueFor(trust, node.request)),
      writeFile(file('other.pem'), other.root.certificatePem),
      writeFile(file('space.csr'), node.csr),
      writeFile(file('bad.csr'), node.csr.replace(/\n(.)(.)/, '\n$2$1')),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('accepts the chain under its strict rules', () => {
    expect(verify('root.pem', 'issuing.pem', 'leaf.pem')).toEqual({
      ok: true,
      text: `${file('leaf.pem')}: OK\n`,
    });
  });

  it('refuses the chain under another root of the same name', () => {
    expect(verify('other.pem', 'issuing.pem', 'leaf.pem').ok).toBe(false);
  });

  it('refuses a space certificate in the place of the issuing CA', () => {
    expect(verify('root.pem', 'leaf.pem', 'leaf.pem').ok).toBe(false);
  });

  it('accepts the chain for client authentication and for signed messages', () => {
    for (const purpose of ['sslclient', 'smimesign']) {
      const chain = ['-CAfile', file('root.pem'), '-untrusted', file('issuing.pem')];
      const args = ['verify', '-x509_strict', ...at, '-purpose', purpose, ...chain];
      expect(openssl(...args, file('leaf.pem')).ok).toBe(true);
      expect(
        openssl(...args.map((a) => (a === purpose ? 'sslserver' : a)), file('leaf.pem')).ok,
      ).toBe(false);
    }
  });

  it('shows mesh, space and name in the certificate', () => {
    const { text } = openssl('x509', '-in', file('leaf.pem'), '-noout', '-ext', 'subjectAltName');
    expect(text).toContain(`/space/${SPACE}`);
    expect(text).toContain('/name/library');
  });

  it('verifies the request by its own key and refuses it altered', () => {
    expect(openssl('req', '-in', file('space.csr'), '-verify', '-noout')).toMatchObject({
      ok: true,
    });
    expect(openssl('req', '-in', file('bad.csr'), '-verify', '-noout').ok).toBe(false);
  });

  it('sees the key sizes of the profiles when none are asked for', async () => {
    const root = await createRootAuthority({ mesh: ACME, nowMs: NOW_MS });
    const issuing = await createIssuingAuthority({ root, mesh: ACME, nowMs: NOW_MS });
    await writeFile(file('big-root.pem'), root.certificatePem);
    await writeFile(file('big-issuing.pem'), issuing.certificatePem);
    const bits = (name: string) =>
      /\((\d+) bit\)/.exec(openssl('x509', '-in', file(name), '-noout', '-text').text)?.[1];
    expect(bits('big-root.pem')).toBe('4096');
    expect(bits('big-issuing.pem')).toBe('3072');
  });
});
