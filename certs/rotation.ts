// New keys of a space, proven by whoever wants them: the new node key signs, the new exchange key agrees with that of ODCM.
// Both proofs name mesh, space and the key that is replaced, so that no other space can show them as its own.

import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { ed25519FromRaw, ed25519Raw, verifyEd25519 } from '../protocols/ed25519.ts';
import { MeshError } from '../protocols/errors.ts';
import type { MeshId, SpaceId } from '../protocols/ids.ts';
import { ROTATION_KEY_INFO, type Rotation, rotationBytes } from '../protocols/signable.ts';
import { signEd25519 } from './ed25519.ts';
import { agreeX25519, assertStrongX25519, x25519Raw } from './x25519.ts';

/** All base64: what the petition carries. */
export interface RotationClaims {
  readonly nodeKey: string;
  readonly exchangeKey: string;
  readonly proofs: { readonly nodeKey: string; readonly exchangeKey: string };
}

export interface RotationParts {
  readonly mesh: MeshId;
  readonly space: SpaceId;
  /** Raw, as the directory names it now. */
  readonly formerNodeKey: Uint8Array;
  readonly nodeKey: KeyObject;
  readonly exchangeKey: KeyObject;
  /** Raw X25519 key of the ODCM space. */
  readonly odcmExchangeKey: Uint8Array;
}

export function proveRotation(parts: RotationParts): RotationClaims {
  const [nodeKey, exchangeKey] = [ed25519Raw(parts.nodeKey), x25519Raw(parts.exchangeKey)];
  const { mesh, space, formerNodeKey } = parts;
  const rotation = { mesh, space, formerNodeKey, nodeKey, exchangeKey };
  const shared = agreeX25519(parts.exchangeKey, parts.odcmExchangeKey);
  return {
    nodeKey: nodeKey.toString('base64'),
    exchangeKey: exchangeKey.toString('base64'),
    proofs: {
      nodeKey: signEd25519(parts.nodeKey, rotationBytes('node-key', rotation)).toString('base64'),
      exchangeKey: mac(shared, rotation).toString('base64'),
    },
  };
}

export interface RotationExpectations {
  readonly mesh: MeshId;
  readonly space: SpaceId;
  readonly formerNodeKey: Uint8Array;
  /** Private X25519 key of the ODCM space. */
  readonly odcmExchangeKey: KeyObject;
}

/** Weak keys first, then each proof. @throws WEAK_KEY, MALFORMED, BAD_REQUEST_PROOF */
export function verifyRotation(
  claims: RotationClaims,
  { mesh, space, formerNodeKey, odcmExchangeKey }: RotationExpectations,
): void {
  const nodeKey = Buffer.from(claims.nodeKey, 'base64');
  const exchangeKey = Buffer.from(claims.exchangeKey, 'base64');
  const key = ed25519FromRaw(nodeKey);
  assertStrongX25519(exchangeKey);
  const rotation = { mesh, space, formerNodeKey, nodeKey, exchangeKey };
  const signature = Buffer.from(claims.proofs.nodeKey, 'base64');
  if (!verifyEd25519(key, rotationBytes('node-key', rotation), signature)) {
    throw unproven('node-key', 'the new node key is not in the hands of the space');
  }
  const expected = mac(agreeX25519(odcmExchangeKey, exchangeKey), rotation);
  const answer = Buffer.from(claims.proofs.exchangeKey, 'base64');
  if (answer.length !== expected.length || !timingSafeEqual(answer, expected)) {
    throw unproven('exchange-key', 'the new exchange key is not in the hands of the space');
  }
}

function mac(shared: Buffer, rotation: Rotation): Buffer {
  const key = Buffer.from(hkdfSync('sha256', shared, new Uint8Array(0), ROTATION_KEY_INFO, 32));
  return createHmac('sha256', key).update(rotationBytes('exchange-key', rotation)).digest();
}

function unproven(proof: string, message: string): MeshError {
  return new MeshError('BAD_REQUEST_PROOF', message, {
    next: 'Ask again with: odcm keys rotate',
    detail: { proof },
  });
}
