// What a petition asks for, once it is sure that its space asks.

import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { MeshId } from '../../protocols/ids.ts';
import { type Petition, verifyPetition, type Wish } from '../../protocols/petition.ts';
import { identityKeys } from '../../protocols/space-keys.ts';

/** By the key in force, or by the one before while a node may still go by it; new keys only by the one in force. */
export function verifyWish(
  petition: Petition,
  speaker: SpaceRow,
  mesh: MeshId,
  nowMs: number,
): Wish {
  let refusal: unknown;
  for (const [i, raw] of identityKeys(speaker, nowMs).entries()) {
    try {
      const wish = verifyPetition(mesh, petition, ed25519FromRaw(raw));
      if (i === 0 || wish.wish !== 'rotate-keys') return wish;
      if (wish.nodeKey === speaker.nodeKey.toString('base64')) return wish;
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal ?? new MeshError('BAD_SIGNATURE', `${speaker.name} asks with a former key`);
}
