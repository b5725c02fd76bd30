// What one space may ask of ODCM, and how fast: a token bucket for each speaker, and the results of its last petitions so
// that each is carried out once. Kept in memory: after a restart of ODCM the rules of trust refuse what is done already.

import { createHash } from 'node:crypto';
import { MeshError } from '../../protocols/errors.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Petition } from '../../protocols/petition.ts';
import type { Clock } from '../clock.ts';

interface Remembered {
  readonly bodySha256: string;
  readonly result: Promise<string>;
}

interface Speaker {
  tokens: number;
  filledMs: number;
  /** By nonce, oldest first. */
  readonly petitions: Map<string, Remembered>;
}

export class PetitionQuota {
  readonly #clock: Clock;
  /** One a member at most: only members speak. */
  readonly #speakers = new Map<SpaceId, Speaker>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  #speaker(space: SpaceId): Speaker {
    let speaker = this.#speakers.get(space);
    if (!speaker) {
      const filledMs = this.#clock.nowMs();
      speaker = { tokens: LIMITS.petitionBurst, filledMs, petitions: new Map() };
      this.#speakers.set(space, speaker);
    }
    return speaker;
  }

  /** @throws BUSY when the space asks too often */
  admit(space: SpaceId): void {
    const speaker = this.#speaker(space);
    const nowMs = this.#clock.nowMs();
    // A clock that was set back adds nothing, and must not stop the filling until it has caught up.
    const passedMs = Math.max(0, nowMs - speaker.filledMs);
    const filled = speaker.tokens + passedMs / LIMITS.petitionEveryMs;
    speaker.tokens = Math.min(LIMITS.petitionBurst, filled);
    speaker.filledMs = nowMs;
    if (speaker.tokens < 1)
      throw new MeshError('BUSY', 'ODCM takes no more petitions of this space at the moment');
    speaker.tokens--;
  }

  /**
   * Carries out a petition, or gives the result of the time before: who lost the answer may send the same again.
   * @throws CONFLICT when another petition had the nonce
   */
  once({ space, nonce, body }: Petition, work: () => Promise<string>): Promise<string> {
    const { petitions } = this.#speaker(space);
    const name = nonce.toString('hex');
    const bodySha256 = createHash('sha256').update(body).digest('hex');
    const known = petitions.get(name);
    if (known?.bodySha256 === bodySha256) return known.result;
    if (known) {
      throw new MeshError('CONFLICT', 'another petition of this space had the same nonce', {
        next: 'Sign each petition with a fresh random nonce.',
      });
    }
    const result = work();
    const remembered = { bodySha256, result };
    petitions.set(name, remembered);
    const [oldest] = petitions.keys();
    if (petitions.size > LIMITS.petitionsRemembered) petitions.delete(oldest!);
    // What was refused changed nothing and may be asked again.
    result.catch(() => petitions.get(name) === remembered && petitions.delete(name));
    return result;
  }
}
