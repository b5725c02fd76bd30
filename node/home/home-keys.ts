// The private keys of a node's folder: where they lie, reading and replacing them, and the local key under which they rest.
// The one file local.key decides whether a passphrase is needed; changing that is one step, so a folder is never between.

import { createSecretKey, type KeyObject } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type KeyFileState,
  keyFileState,
  readKeyFile,
  writeKeyFile,
} from '../../certs/keystore.ts';
import {
  decodeLocalKey,
  encodePlainLocalKey,
  generateLocalKey,
  keyFileSecret,
  type LocalKeyFile,
  type LocalKeys,
  unwrapLocalKey,
  wrapLocalKey,
} from '../../certs/local-key.ts';
import { readPrivateFile, syncFolder, writePrivateFile } from '../../certs/private-files.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { HomePaths } from './home.ts';
import type { PassphraseSource } from './passphrase.ts';

export const KEY_TYPES = {
  nodeKey: 'ed25519',
  nodeKeyNext: 'ed25519',
  nodeKeyBefore: 'ed25519',
  exchangeKey: 'x25519',
  exchangeKeyNext: 'x25519',
  exchangeKeyBefore: 'x25519',
  exchangeKeyAside: 'x25519',
  tlsKey: 'rsa',
  directoryKey: 'ed25519',
  directoryKeyNext: 'ed25519',
  timestampKey: 'ed25519',
  timestampKeyNext: 'ed25519',
  issuingKey: 'rsa',
  issuingKeyNext: 'rsa',
} as const satisfies Partial<Record<keyof HomePaths, 'ed25519' | 'x25519' | 'rsa'>>;

export type KeyName = keyof typeof KEY_TYPES;
export const KEY_NAMES = Object.keys(KEY_TYPES) as KeyName[];

/** `passphrase`: local.key is wrapped, so nothing opens without it. `none`: whoever reads the folder has its keys. */
export type Protection = 'passphrase' | 'none';

const NEXT = 'Restore the folder keys from a backup.';

export class HomeKeys {
  readonly #paths: HomePaths;
  readonly #passphrase: PassphraseSource;
  readonly #keys = new Map<KeyName, Promise<KeyObject>>();
  #localKeys: Promise<LocalKeys> | undefined;

  constructor(paths: HomePaths, passphrase: PassphraseSource) {
    this.#paths = paths;
    this.#passphrase = passphrase;
  }

  /**
   * Secret of 32 bytes, made on first use in a folder that has none yet.
   * @throws KEYS_LOCKED without the right passphrase
   */
  async localKey(): Promise<KeyObject> {
    return (await this.#openedKeys()).key;
  }

  /** The key before it, of a folder that had no passphrase once: it opens what was made then, and makes nothing. */
  async formerLocalKey(): Promise<KeyObject | undefined> {
    return (await this.#openedKeys()).former;
  }

  #openedKeys(): Promise<LocalKeys> {
    if (this.#localKeys) return this.#localKeys;
    const opening = this.#openLocalKeys();
    this.#localKeys = opening;
    opening.catch(() => {
      this.#localKeys = undefined;
    });
    return opening;
  }

  /**
   * What a node needs before it starts: the local key, and in a protected folder no key in the clear. A `protect` that was
   * stopped is finished here, and not wherever a key is read: a check of the folder changes nothing in it.
   */
  async prepare(): Promise<void> {
    const { key } = await this.#openedKeys();
    if ((await this.protection()) === 'passphrase') await this.#encryptAll(key);
  }

  async protection(): Promise<Protection> {
    const file = await this.#localKeyFile();
    return file?.kind === 'wrapped' ? 'passphrase' : 'none';
  }

  async #openLocalKeys(): Promise<LocalKeys> {
    const file = await this.#localKeyFile();
    if (file === undefined) return this.#makeLocalKey();
    if (file.kind === 'wrapped') return this.#unwrap(file, this.#passphrase);
    const key = createSecretKey(file.key);
    file.key.fill(0);
    return { key };
  }

  async #encryptAll(localKey: KeyObject): Promise<void> {
    const secret = keyFileSecret(localKey);
    try {
      for (const name of await this.#inTheClear()) {
        const path = this.#paths[name];
        await writeKeyFile(path, await readKeyFile(path), { replace: true, shred: true, secret });
      }
    } finally {
      secret.fill(0);
    }
  }

  async #inTheClear(): Promise<KeyName[]> {
    const states = await Promise.all(KEY_NAMES.map((name) => this.state(name)));
    return KEY_NAMES.filter((_, i) => states[i] === 'plain');
  }

  async #unwrap(
    file: LocalKeyFile & { kind: 'wrapped' },
    source: PassphraseSource,
  ): Promise<LocalKeys> {
    const passphrase = await source();
    if (passphrase === undefined) {
      throw new MeshError('KEYS_LOCKED', `the keys in ${this.#paths.dir} need a passphrase`);
    }
    try {
      return await unwrapLocalKey(file, passphrase);
    } finally {
      passphrase.fill(0);
    }
  }

  /** Of older folders. One whose keys are encrypted had a local key: a new one would not open them. */
  async #makeLocalKey(): Promise<LocalKeys> {
    for (const name of KEY_NAMES) {
      if ((await this.state(name)) !== 'encrypted') continue;
      throw new MeshError('STORE_MISSING', `${this.#paths.localKey} is gone`, { next: NEXT });
    }
    const key = generateLocalKey();
    const bytes = encodePlainLocalKey(key);
    try {
      await writePrivateFile(this.#paths.localKey, bytes);
      return { key };
    } catch (error) {
      // Another process was faster.
      if (isMeshError(error, 'ALREADY_ENROLLED')) return await this.#openLocalKeys();
      throw error;
    } finally {
      bytes.fill(0);
    }
  }

  async #localKeyFile(): Promise<LocalKeyFile | undefined> {
    const path = this.#paths.localKey;
    const bytes = await readPrivateFile(path, LIMITS.localKeyFileBytes);
    if (bytes === undefined) return undefined;
    try {
      return decodeLocalKey(bytes);
    } catch (cause) {
      throw new MeshError('STORE_DAMAGED', `${path} does not hold a local key`, {
        next: NEXT,
        cause,
      });
    } finally {
      bytes.fill(0);
    }
  }

  readonly #secret = async (): Promise<Buffer> => keyFileSecret(await this.localKey());

  /** A key, read once. @throws FILE_UNREADABLE, KEYS_LOCKED */
  get(name: KeyName): Promise<KeyObject> {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const reading = this.#read(name);
    this.#keys.set(name, reading);
    // A file that was put right is read again.
    reading.catch(() => this.#keys.delete(name));
    return reading;
  }

  /** The same, or undefined when there is no such file. */
  async find(name: KeyName): Promise<KeyObject | undefined> {
    return (await this.state(name)) === 'missing' ? undefined : this.get(name);
  }

  async #read(name: KeyName): Promise<KeyObject> {
    const path = this.#paths[name];
    const key = await readKeyFile(path, this.#secret);
    if (key.asymmetricKeyType === KEY_TYPES[name]) return key;
    throw new MeshError('FILE_UNREADABLE', `${path} holds no ${KEY_TYPES[name]} key`, {
      next: 'Restore the key file from a backup.',
    });
  }

  state(name: KeyName): Promise<KeyFileState> {
    return keyFileState(this.#paths[name]);
  }

  /** When the file of the key was written. */
  async writtenMs(name: KeyName): Promise<number> {
    return (await stat(this.#paths[name])).mtimeMs;
  }

  /** A new key file, protected as the folder is. An existing one is not replaced. */
  async add(name: KeyName, key: KeyObject): Promise<void> {
    await this.#write(name, key, (await this.protection()) === 'passphrase');
    this.#keys.set(name, Promise.resolve(key));
  }

  /** A key that is only kept to open what came before: encrypted in every folder. */
  async keep(name: KeyName, key: KeyObject): Promise<void> {
    await this.#write(name, key, true, true);
    this.#keys.set(name, Promise.resolve(key));
  }

  async #write(name: KeyName, key: KeyObject, isEncrypted: boolean, replace = false) {
    const secret = isEncrypted ? await this.#secret() : undefined;
    try {
      await writeKeyFile(this.#paths[name], key, { replace, secret });
    } finally {
      secret?.fill(0);
    }
  }

  /** One file takes the place of another, in one step. */
  async promote(from: KeyName, to: KeyName): Promise<void> {
    const key = await this.get(from);
    await rename(this.#paths[from], this.#paths[to]);
    await syncFolder(dirname(this.#paths[to]));
    this.#keys.delete(from);
    this.#keys.set(to, Promise.resolve(key));
  }

  async drop(name: KeyName): Promise<void> {
    await rm(this.#paths[name], { force: true });
    await syncFolder(dirname(this.#paths[name]));
    this.#keys.delete(name);
  }

  /**
   * From now on nothing here opens without the passphrase. The local key that lay in the clear may have been copied: another
   * one takes its place, and what the former one encrypted is written in the clear before, where every other key lies still.
   * Then the one step, and after it every key file is encrypted; a stop before that is made good by the same again, or the next start.
   */
  async protect(passphrase: Uint8Array): Promise<void> {
    assertPassphrase(passphrase);
    const file = await this.#localKeyFile();
    if (file?.kind === 'wrapped') {
      const isStopped = (await this.#inTheClear()).length > 0;
      if (isStopped) return this.#encryptAll((await this.#unwrap(file, sourceOf(passphrase))).key);
      throw new MeshError('USAGE', `the keys in ${this.#paths.dir} have a passphrase already`, {
        next: 'Change it with: odcm keys passphrase',
      });
    }
    const former = await this.localKey();
    for (const name of KEY_NAMES) {
      if ((await this.state(name)) === 'encrypted')
        await this.#write(name, await this.get(name), false, true);
    }
    const keys = { key: generateLocalKey(), former };
    await this.#wrap(keys, passphrase);
    this.#localKeys = Promise.resolve(keys);
    await this.#encryptAll(keys.key);
  }

  /** @throws KEYS_LOCKED when the passphrase that it has now is not given */
  async changePassphrase(passphrase: Uint8Array): Promise<void> {
    assertPassphrase(passphrase);
    if ((await this.protection()) === 'none') {
      throw new MeshError('USAGE', `the keys in ${this.#paths.dir} have no passphrase`, {
        next: 'Give them one with: odcm keys protect',
      });
    }
    await this.#wrap(await this.#openedKeys(), passphrase);
  }

  async #wrap(keys: LocalKeys, passphrase: Uint8Array): Promise<void> {
    const bytes = await wrapLocalKey(keys, passphrase);
    await writePrivateFile(this.#paths.localKey, bytes, { replace: true, shred: true });
  }
}

const sourceOf = (passphrase: Uint8Array) => () => Promise.resolve(Buffer.from(passphrase));

export function assertPassphrase(passphrase: Uint8Array): void {
  const { passphraseMinBytes: least, passphraseMaxBytes: most } = LIMITS;
  if (passphrase.length >= least && passphrase.length <= most) return;
  throw new MeshError('USAGE', `a passphrase has ${least} to ${most} bytes`);
}
