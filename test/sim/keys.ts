// The private keys of a simulated node: made from the seed, in memory, replaced as those of a folder are.

import { createPrivateKey, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { KeyFileState } from '../../certs/keystore.ts';
import { homePaths } from '../../node/home/home.ts';
import { HomeKeys, type KeyName, type Protection } from '../../node/home/home-keys.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Dice } from './time.ts';

const PKCS8 = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
};

export function newKey(dice: Dice, type: keyof typeof PKCS8 = 'ed25519'): KeyObject {
  const key = Buffer.concat([PKCS8[type], dice.bytes(32)]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

export class SimKeys extends HomeKeys {
  readonly #keys: Map<KeyName, KeyObject>;
  readonly #localKey: KeyObject;

  constructor(keys: Readonly<Partial<Record<KeyName, KeyObject>>> & { nodeKey: KeyObject }) {
    super(homePaths('/nowhere'), () => Promise.resolve(undefined));
    this.#keys = new Map(Object.entries(keys) as [KeyName, KeyObject][]);
    const secret = keys.nodeKey.export({ format: 'der', type: 'pkcs8' });
    this.#localKey = createSecretKey(hash('sha256', secret, 'buffer'));
  }

  override async localKey(): Promise<KeyObject> {
    return this.#localKey;
  }

  override async formerLocalKey(): Promise<undefined> {
    return undefined;
  }

  override async protection(): Promise<Protection> {
    return 'none';
  }

  override async get(name: KeyName): Promise<KeyObject> {
    const key = this.#keys.get(name);
    if (key) return key;
    throw new MeshError('FILE_UNREADABLE', `a simulated node has no ${name}`);
  }

  override async find(name: KeyName): Promise<KeyObject | undefined> {
    return this.#keys.get(name);
  }

  override async state(name: KeyName): Promise<KeyFileState> {
    return this.#keys.has(name) ? 'plain' : 'missing';
  }

  override async writtenMs(): Promise<number> {
    return 0;
  }

  override async add(name: KeyName, key: KeyObject): Promise<void> {
    this.#keys.set(name, key);
  }

  override keep(name: KeyName, key: KeyObject): Promise<void> {
    return this.add(name, key);
  }

  override async promote(from: KeyName, to: KeyName): Promise<void> {
    this.#keys.set(to, await this.get(from));
    this.#keys.delete(from);
  }

  override async drop(name: KeyName): Promise<void> {
    this.#keys.delete(name);
  }
}
