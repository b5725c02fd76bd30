// One-time tokens that invite a node: `odcm1.ID.SECRET.FINGERPRINT[@HOST:PORT]`. The fingerprint
// pins the root, so a token leads to one mesh only. Messages here never repeat any part of a token: it is a secret.

import { hkdfSync } from 'node:crypto';
import { MeshError } from '../protocols/errors.ts';
import { base32, fromBase32 } from '../protocols/ids.ts';
import { TOKEN_KEY_INFO } from '../protocols/signable.ts';

const TOKEN = /^odcm1\.([a-z2-7]{8})\.([a-z2-7]{26})\.([a-z2-7]{52})(?:@(.{1,261}))?$/;
/** A DNS name or IPv4 address, or an IPv6 address in brackets; then the port. */
const ENDPOINT = /^(?:([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)|\[([0-9a-f:.]{2,45})\]):(\d{1,5})$/i;

export interface TokenEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface Token {
  /** Public part: by it ODCM finds the invitation. */
  readonly id: string;
  /** 16 bytes; never stored by ODCM, never sent by the node. */
  readonly secret: Buffer;
  /** SHA-256 of the first root metadata. */
  readonly fingerprint: Buffer;
  /** Where ODCM enrols, when the token says so. */
  readonly endpoint: TokenEndpoint | undefined;
}

export interface TokenParts {
  /** 5 random bytes. */
  readonly id: Uint8Array;
  /** 16 random bytes. */
  readonly secret: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly endpoint?: TokenEndpoint | undefined;
}

/** Text of a new token; refuses what {@link parseToken} would not read back. */
export function makeToken({ id, secret, fingerprint, endpoint }: TokenParts): string {
  const text = `odcm1.${base32(id)}.${base32(secret)}.${base32(fingerprint)}`;
  const whole = endpoint ? `${text}@${formatEndpoint(endpoint)}` : text;
  parseToken(whole);
  return whole;
}

/** White space around a pasted token is not held against it; anything else must be exact. */
export function parseToken(text: string): Token {
  const match = text.length <= 512 ? TOKEN.exec(text.trim()) : null;
  if (match === null) throw malformed('it does not have the form of a token');
  const [, id, secret, fingerprint, endpoint] = match;
  return {
    id: id!,
    secret: part(secret!),
    fingerprint: part(fingerprint!),
    endpoint: endpoint === undefined ? undefined : parseEndpoint(endpoint),
  };
}

/**
 * What ODCM stores instead of the secret, and the HMAC key of both sides. Whoever reads ODCM's store therefore does not
 * learn the token; a token works once, so the key is worthless after use.
 */
export function tokenKey(secret: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), TOKEN_KEY_INFO, 32));
}

function part(text: string): Buffer {
  try {
    return fromBase32(text);
  } catch {
    throw malformed('a part of it was altered');
  }
}

function formatEndpoint({ host, port }: TokenEndpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseEndpoint(text: string): TokenEndpoint {
  const match = ENDPOINT.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535 || String(port) !== match[3]) {
    throw malformed('what follows the @ is not host:port');
  }
  return { host: (match[1] ?? match[2])!, port };
}

function malformed(why: string): MeshError {
  return new MeshError('TOKEN_MALFORMED', `this is not a token: ${why}`);
}
