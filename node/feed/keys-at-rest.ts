// Opened share keys of one feed on the disk: each wrapped under the local key of the node's folder. They can be opened anew
// from the log as long as the exchange key is there for which they were wrapped.

import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from 'node:crypto';
import { Reader, Writer } from '../../protocols/codec.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { SHARE_KEY_BYTES } from '../../protocols/share-key.ts';
import {
  type SealScope,
  SHARE_KEY_REST_INFO,
  shareKeyRestBytes,
} from '../../protocols/signable.ts';
import type { Random } from '../clock.ts';
import { numberOfKey, openedShareKey, tableRange } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface KeysAtRestOptions {
  readonly logs: Store;
  readonly scope: SealScope;
  /** Secret of 32 bytes. */
  readonly localKey: () => Promise<KeyObject>;
  /** Under it keys rested once: they are opened and put under the present one. */
  readonly formerLocalKey?: () => Promise<KeyObject | undefined>;
  readonly random: Random;
}

export class KeysAtRest {
  readonly #o: KeysAtRestOptions;
  #secret: Promise<Buffer> | undefined;

  constructor(options: KeysAtRestOptions) {
    this.#o = options;
  }

  async #wrappingKey(): Promise<Buffer> {
    const { localKey } = this.#o;
    this.#secret ??= localKey().then(wrappingKeyOf);
    return this.#secret;
  }

  async put(epoch: number, key: Buffer): Promise<void> {
    const { logs, scope, random } = this.#o;
    const nonce = Buffer.from(random.bytes(NONCE_BYTES));
    const cipher = createCipheriv('aes-256-gcm', await this.#wrappingKey(), nonce);
    cipher.setAAD(shareKeyRestBytes(scope, epoch));
    const sealed = Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()]);
    const value = new Writer(96).array(2).bytes(nonce).bytes(sealed).take();
    await logs.write([{ type: 'put', key: openedShareKey(scope.feed, epoch), value }]);
  }

  /** Those that open; what does not is as good as not there. */
  async all(): Promise<Map<number, Buffer>> {
    const { logs, scope } = this.#o;
    const keys = new Map<number, Buffer>();
    const wrappingKey = await this.#wrappingKey();
    const former = await this.#o.formerLocalKey?.();
    const moved: number[] = [];
    const range = tableRange('w', Buffer.from(scope.feed));
    for await (const row of logs.range({ ...range, onDamaged: () => {} })) {
      const epoch = numberOfKey(row.key);
      let key = this.#open(epoch, row.value, wrappingKey);
      if (key === undefined && former) {
        key = this.#open(epoch, row.value, wrappingKeyOf(former));
        if (key) moved.push(epoch);
      }
      if (key) keys.set(epoch, key);
    }
    for (const epoch of moved) await this.put(epoch, keys.get(epoch)!);
    return keys;
  }

  #open(epoch: number, value: Buffer, wrappingKey: Buffer): Buffer | undefined {
    try {
      const r = new Reader(value);
      r.tuple(2);
      const nonce = r.bytesOf(NONCE_BYTES);
      const sealed = r.bytesOf(SHARE_KEY_BYTES + TAG_BYTES);
      r.end();
      const cipher = createDecipheriv('aes-256-gcm', wrappingKey, nonce);
      cipher.setAAD(shareKeyRestBytes(this.#o.scope, epoch));
      cipher.setAuthTag(sealed.subarray(SHARE_KEY_BYTES));
      return Buffer.concat([cipher.update(sealed.subarray(0, SHARE_KEY_BYTES)), cipher.final()]);
    } catch (error) {
      if (isMeshError(error, 'INTERNAL')) throw error;
      return undefined;
    }
  }
}

const wrappingKeyOf = (localKey: KeyObject): Buffer =>
  Buffer.from(hkdfSync('sha256', localKey, Buffer.alloc(0), SHARE_KEY_REST_INFO, 32));
