import { describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../certs/ed25519.ts';
import {
  addRootSignatures,
  missingSignatures,
  nextRootPayload,
} from '../../certs/root-rotation.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { decodeRoot, rootKeyId } from '../../protocols/root.ts';
import {
  decodeRootEnvelope,
  extendRootChain,
  type VerifiedRoot,
  verifyRootChain,
} from '../../protocols/root-chain.ts';
import { codeOf, DAY_MS, makeTrustRoot, NOW_MS } from './fixtures.ts';

const trust = await makeTrustRoot();
const chain = verifyRootChain([trust.envelope], { nowMs: NOW_MS });
const current = chain.root;
const expiresMs = NOW_MS + 500 * DAY_MS;
const idOf = (key: ReturnType<typeof generateEd25519>) => rootKeyId(ed25519Raw(key));
const sign = (payload: Buffer, keys = trust.rootKeys) =>
  addRootSignatures({ payload, signatures: [] }, keys);
const codeOfNext = (envelope: Buffer, from: VerifiedRoot = chain) =>
  codeOf(() => extendRootChain(from, envelope));

describe('the next version of the root', () => {
  it('changes what is asked for and nothing else', () => {
    const [key, pin] = [generateEd25519(), 'ab'.repeat(32)];
    const payload = nextRootPayload(current, {
      expiresMs,
      add: { directory: [ed25519Raw(key)] },
      addIssuing: [pin],
    });
    const next = decodeRoot(payload);
    expect(next).toMatchObject({ version: 2, mesh: current.mesh, odcm: current.odcm });
    expect(next.roles.root).toEqual(current.roles.root);
    expect(next.roles.timestamp).toEqual(current.roles.timestamp);
    expect(new Set(next.roles.directory.keyids)).toEqual(
      new Set([...current.roles.directory.keyids, idOf(key)]),
    );
    expect(next.x509.issuing).toEqual([...current.x509.issuing, pin].sort());
    expect(Date.parse(next.expires)).toBe(expiresMs);
  });

  it('takes root keys out and in, and counts from both sides', () => {
    const [a, b, c] = trust.rootKeys as [never, never, never];
    const d = generateEd25519();
    const payload = nextRootPayload(current, {
      expiresMs,
      add: { root: [ed25519Raw(d)] },
      drop: { root: [idOf(a)] },
    });
    const partly = decodeRootEnvelope(sign(payload, [a, b]));
    expect(missingSignatures(partly, current)).toEqual({ current: 0, next: 1 });
    expect(codeOfNext(sign(payload, [a, b]))).toBe('ROOT_INVALID');
    expect(codeOfNext(sign(payload, [b, d]))).toBe('ROOT_INVALID');
    const whole = addRootSignatures(partly, [d, b]);
    expect(missingSignatures(decodeRootEnvelope(whole), current)).toEqual({ current: 0, next: 0 });
    expect(extendRootChain(chain, whole)).toMatchObject({ versions: 2, meshId: chain.meshId });
    expect(extendRootChain(chain, sign(payload, [b, c])).root.version).toBe(2);
  });

  it('lets the directory go on in its next epoch, and names the same one afterwards', () => {
    const continues = { size: 40, root: Buffer.alloc(32, 1) };
    const payload = nextRootPayload(current, { expiresMs, continueDirectory: continues });
    const opened = extendRootChain(chain, sign(payload));
    expect(opened.root.directory).toEqual({ epoch: 2, continues });
    const kept = extendRootChain(opened, sign(nextRootPayload(opened.root, { expiresMs })));
    expect(kept.root.directory).toEqual({ epoch: 2, continues });
    const again = nextRootPayload(kept.root, {
      expiresMs,
      continueDirectory: { size: 39, root: continues.root },
    });
    expect(codeOfNext(sign(again), kept)).toBe('ROOT_INVALID');
  });

  it('is the same whoever signs first, and however often', () => {
    const [a, b] = trust.rootKeys as [never, never];
    const payload = nextRootPayload(current, { expiresMs });
    const forth = addRootSignatures(decodeRootEnvelope(sign(payload, [a])), [b]);
    const back = addRootSignatures(decodeRootEnvelope(sign(payload, [b, b])), [a, b]);
    expect(forth.equals(back)).toBe(true);
  });

  it('drops nothing that is not there', () => {
    const none = 'ab'.repeat(32);
    const drops = [
      { drop: { root: [none] } },
      { drop: { directory: [none] } },
      { dropIssuing: [none] },
    ];
    for (const drop of drops)
      expect(codeOf(() => nextRootPayload(current, { expiresMs, ...drop }))).toBe('USAGE');
  });

  it('is not made with more signers demanded than there are keys, or with a role of none', () => {
    expect(codeOf(() => nextRootPayload(current, { expiresMs, threshold: 4 }))).toBe(
      'ROOT_INVALID',
    );
    const drop = { directory: current.roles.directory.keyids };
    expect(codeOf(() => nextRootPayload(current, { expiresMs, drop }))).toBe('ROOT_INVALID');
  });

  it('follows its own version only', () => {
    const second = sign(nextRootPayload(current, { expiresMs }));
    const two = extendRootChain(chain, second);
    const third = sign(nextRootPayload(two.root, { expiresMs }));
    expect(extendRootChain(two, third).versions).toBe(3);
    expect(codeOfNext(third)).toBe('ROOT_INVALID');
    expect(codeOfNext(second, two)).toBe('ROOT_INVALID');
    expect(codeOfNext(trust.envelope, two)).toBe('ROOT_INVALID');
    expect(codeOfNext(Buffer.from('{}'))).toBe('MALFORMED');
  });
});
