import { describe, expect, it } from 'vitest';
import { generateEd25519, signEd25519 } from '../../certs/ed25519.ts';
import { proveRotation, type RotationClaims, verifyRotation } from '../../certs/rotation.ts';
import { generateX25519, x25519Raw } from '../../certs/x25519.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { parseMeshId } from '../../protocols/ids.ts';
import { rotationBytes } from '../../protocols/signable.ts';
import { codeOf, flipBit, ODCM, refusalOf, SPACE } from './fixtures.ts';
import { SMALL_ED25519, SMALL_X25519 } from './weak-keys.ts';

const mesh = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
const [former, nodeKey] = [generateEd25519(), generateEd25519()];
const [odcm, exchangeKey] = [generateX25519(), generateX25519()];
const formerNodeKey = ed25519Raw(former);
const claims = proveRotation({
  ...{ mesh, space: SPACE, formerNodeKey, nodeKey, exchangeKey },
  odcmExchangeKey: x25519Raw(odcm),
});
const expected = { mesh, space: SPACE, formerNodeKey, odcmExchangeKey: odcm };
const verify = (changed: Partial<RotationClaims> = {}, other: Partial<typeof expected> = {}) =>
  verifyRotation({ ...claims, ...changed }, { ...expected, ...other });
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

describe('new keys of a space', () => {
  it('are taken with a proof of each', () => {
    expect(() => verify()).not.toThrow();
  });

  it('are refused in another mesh, for another space, in place of another key', () => {
    const others = [
      { mesh: parseMeshId('aeaqcaibaeaqcaibaeaqcaibaq') },
      { space: ODCM },
      { formerNodeKey: ed25519Raw(generateEd25519()) },
    ];
    for (const other of others) {
      expect(codeOf(() => verify({}, other))).toBe('BAD_REQUEST_PROOF');
    }
  });

  it('are refused when either proof is that of another key, or changed by a bit', () => {
    const { proofs } = claims;
    const [node, exchange] = [proofs.nodeKey, proofs.exchangeKey].map((text) =>
      Buffer.from(text, 'base64'),
    ) as [Buffer, Buffer];
    for (let bit = 0; bit < 512; bit += 37) {
      const changed = [
        { ...proofs, nodeKey: b64(flipBit(node, bit)) },
        { ...proofs, exchangeKey: b64(flipBit(exchange, bit)) },
      ];
      for (const one of changed)
        expect(codeOf(() => verify({ proofs: one }))).toBe('BAD_REQUEST_PROOF');
    }
    const swapped = { nodeKey: b64(ed25519Raw(generateEd25519())) };
    expect(codeOf(() => verify(swapped))).toBe('BAD_REQUEST_PROOF');
    const stranger = { exchangeKey: b64(x25519Raw(generateX25519())) };
    expect(codeOf(() => verify(stranger))).toBe('BAD_REQUEST_PROOF');
  });

  it('are refused when the former key signs for the new one', () => {
    const raw = { nodeKey: ed25519Raw(nodeKey), exchangeKey: x25519Raw(exchangeKey) };
    const bytes = rotationBytes('node-key', { mesh, space: SPACE, formerNodeKey, ...raw });
    const proofs = { ...claims.proofs, nodeKey: b64(signEd25519(former, bytes)) };
    expect(refusalOf(() => verify({ proofs })).detail).toEqual({ proof: 'node-key' });
  });

  it.each(SMALL_ED25519)('are refused when the node key is the weak point %s', (hex) => {
    expect(codeOf(() => verify({ nodeKey: b64(Buffer.from(hex, 'hex')) }))).toBe('WEAK_KEY');
  });

  it.each(SMALL_X25519)('are refused when the exchange key is the weak point %s', (hex) => {
    expect(codeOf(() => verify({ exchangeKey: b64(Buffer.from(hex, 'hex')) }))).toBe('WEAK_KEY');
  });
});
