// Noise as it comes, with a quicker cipher for what a cork makes of messages (fewer and larger ones), and without an
// exception for every message received. The same bytes on the wire. Knows nothing of handshakes or of what is sent.

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { noise } from '@chainsafe/libp2p-noise';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import type { SecuredConnection } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { joinedIn } from './pieces.ts';

const ALGORITHM = 'chacha20-poly1305';
const TAG_BYTES = 16;
/** Noise, revision 34, section 3: a message is no longer than this. */
const MESSAGE_BYTES = 65_535;
/** Below this size the library's own implementation is the quicker one: node's has a fixed cost for each message. */
const SMALL_BYTES = 800;

type Bytes = Uint8Array | Uint8ArrayList;

/** To be used in the place of `noise()`. */
export function quickNoise(): ReturnType<typeof noise> {
  const create = noise({ crypto: noiseCrypto });
  return (components) => {
    const inner = create(components);
    const secureInbound = inner.secureInbound.bind(inner);
    const secureOutbound = inner.secureOutbound.bind(inner);
    inner.secureInbound = async (...args) => quiet(await secureInbound(...args));
    inner.secureOutbound = async (...args) => quiet(await secureOutbound(...args));
    return inner;
  };
}

/** The inner part that is changed below; the package is pinned to the version it belongs to. */
interface Decoding {
  readonly decoder: { lengthDecoder: (bytes: Bytes) => number };
  readonly handshake: { decrypt(message: Bytes): Bytes };
  decrypt(message: Bytes): Bytes;
}

const LENGTH_BYTES = 2;
/** Says that the length has not arrived yet, which is so after each message: a new error each time is dear. */
const TOO_SHORT = new RangeError('the length of a message is not complete');

function quiet<Secured extends SecuredConnection>(secured: Secured): Secured {
  const inner = secured.connection as unknown as Decoding;
  const { decoder, handshake } = inner;
  const decrypt = inner.decrypt.bind(inner);
  // The library copies what came in pieces for a cipher that writes its text over it; that of large messages does not.
  inner.decrypt = (message) =>
    message.byteLength < SMALL_BYTES ? decrypt(message) : handshake.decrypt(message);
  decoder.lengthDecoder = (bytes) => {
    if (bytes.byteLength < LENGTH_BYTES) throw TOO_SHORT;
    return bytes instanceof Uint8Array ? (bytes[0]! << 8) | bytes[1]! : bytes.getUint16(0);
  };
  return secured;
}

export const noiseCrypto: typeof defaultCrypto = {
  ...defaultCrypto,
  chaCha20Poly1305Encrypt(plaintext, nonce, ad, key) {
    if (plaintext.byteLength < SMALL_BYTES)
      return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key);
    const options = { authTagLength: TAG_BYTES };
    const cipher = createCipheriv(ALGORITHM, keyOf(key), nonce, options);
    cipher.setAAD(ad, { plaintextLength: plaintext.byteLength });
    const out = new Uint8ArrayList();
    for (const piece of piecesOf(plaintext)) out.append(cipher.update(piece));
    // A stream cipher holds nothing back: what is left is the tag.
    cipher.final();
    out.append(cipher.getAuthTag());
    return out;
  },
  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, out) {
    if (ciphertext.byteLength < SMALL_BYTES)
      return defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, out);
    const textBytes = ciphertext.byteLength - TAG_BYTES;
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv(ALGORITHM, keyOf(key), nonce, options);
    decipher.setAAD(ad, { plaintextLength: textBytes });
    const message = wholeOf(ciphertext);
    decipher.setAuthTag(message.subarray(textBytes));
    const plaintext = decipher.update(message.subarray(0, textBytes));
    // Throws when the tag does not fit: nothing of the plaintext leaves before.
    decipher.final();
    return plaintext;
  },
};

const piecesOf = (bytes: Bytes): Iterable<Uint8Array> =>
  bytes instanceof Uint8Array ? [bytes] : bytes;

/** A message is longer than most reads of a socket: what came in pieces is joined here, and read before the next one is. */
const memory = Buffer.allocUnsafeSlow(MESSAGE_BYTES);

function wholeOf(bytes: Bytes): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  const [only, second] = bytes;
  return second ? joinedIn(memory, bytes) : only!;
}

/** Of each connection and direction: making one costs more than sealing a message with it. */
const keys = new WeakMap<Uint8Array, KeyObject>();

function keyOf(raw: Uint8Array): KeyObject {
  let key = keys.get(raw);
  if (!key) {
    key = createSecretKey(raw);
    keys.set(raw, key);
  }
  return key;
}
