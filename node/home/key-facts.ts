// What may be told of the keys of a folder: which there are, how old, how protected, and the fingerprints of their public
// halves. Never a private half.

import { createPublicKey, hash as digest, type KeyObject } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { Home } from './home.ts';
import { KEY_NAMES, KEY_TYPES, type KeyName } from './home-keys.ts';

const DAY_MS = 24 * 3_600_000;

export interface KeyFacts {
  /** Relative to the folder. */
  readonly file: string;
  readonly type: string;
  readonly state: 'plain' | 'encrypted';
  /** Since the file was written: a change of the passphrase does not write it, protecting does. */
  readonly ageDays: number;
  /** SHA-256 of the public half: the raw 32 bytes, for RSA its SPKI. As the root metadata names keys. */
  readonly fingerprint: string;
}

/** @throws KEYS_LOCKED without the passphrase of a protected folder */
export async function keyFacts(home: Home, nowMs: number): Promise<KeyFacts[]> {
  const all: KeyFacts[] = [];
  for (const name of KEY_NAMES) {
    const state = await home.keys.state(name);
    if (state === 'missing') continue;
    const path = home.paths[name];
    const ageMs = nowMs - (await home.keys.writtenMs(name));
    all.push({
      file: join(basename(dirname(path)), basename(path)),
      type: KEY_TYPES[name],
      state,
      ageDays: Math.max(0, Math.floor(ageMs / DAY_MS)),
      fingerprint: fingerprintOf(name, await home.keys.get(name)),
    });
  }
  return all;
}

function fingerprintOf(name: KeyName, key: KeyObject): string {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return digest('sha256', KEY_TYPES[name] === 'rsa' ? spki : spki.subarray(-32), 'hex');
}
