import { describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { OwnKeys } from '../../../node/rotate/own-keys.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import type { Origin } from '../../../protocols/ids.ts';

const origin = (log: string) => `odcm/mesh/space/${log}/1` as Origin;
const A = origin('feed-a');
const B = origin('feed-b');

const keysOf = (keys: OwnKeys, log: Origin) => keys.signers(log).map((s) => s.privateKey);

describe('own keys', () => {
  it('sign with the key in force alone while nothing changes', () => {
    const current = generateEd25519();
    expect(keysOf(new OwnKeys(current), A)).toEqual([current]);
  });

  it('sign with the next key too from the moment it is prepared, also logs that were signed before', () => {
    const [current, next] = [generateEd25519(), generateEd25519()];
    const keys = new OwnKeys(current);
    keys.signers(A);
    keys.prepare(next);
    expect(keysOf(keys, A)).toEqual([current, next]);
  });

  it('put the next key first once it is in force, and the former beside it until it is forgotten', () => {
    const [current, next] = [generateEd25519(), generateEd25519()];
    const keys = new OwnKeys(current, { next });
    keys.signers(A);
    keys.advance();
    expect(keysOf(keys, A)).toEqual([next, current]);
    keys.forgetFormer();
    expect(keysOf(keys, A)).toEqual([next]);
  });

  it('put the former key in force again, and the one that was beside it as the next', () => {
    const [current, next] = [generateEd25519(), generateEd25519()];
    const keys = new OwnKeys(current, { next });
    keys.goBack();
    expect(keysOf(keys, A)).toEqual([current, next]);
    keys.advance();
    expect([keys.isFormer(ed25519Raw(current)), keys.isFormer(ed25519Raw(next))]).toEqual([
      ...[true, false],
    ]);
    keys.goBack();
    expect(keysOf(keys, A)).toEqual([current, next]);
    expect([keys.isIdentityFormer, keys.isFormer(ed25519Raw(current))]).toEqual([false, false]);
    keys.advance();
    expect(keysOf(keys, A)).toEqual([next, current]);
  });

  it('go by another name in each log', () => {
    const keys = new OwnKeys(generateEd25519());
    const name = (log: Origin) => keys.signers(log)[0]!.key.signatureId.toString('hex');
    expect(name(A)).not.toBe(name(B));
    expect(name(A)).toBe(name(A));
  });
});
