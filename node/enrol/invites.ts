// ODCM's one-time tokens: whom they are for, until when, and what came of them. Secrets are not kept, only their hash.
// Taking a token is on the disk before anybody is told; the folder has one process, so memory decides who was first.

import { z } from 'zod';
import { makeToken, tokenKey } from '../../certs/token.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  base32,
  parseNewSpaceName,
  parseSpaceId,
  parseSpaceName,
  quote,
  type SpaceName,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, Random } from '../clock.ts';
import type { HostPort } from '../home/addresses.ts';
import { readSmallFile, writeFileDurable } from '../home/files.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const MIN_TTL_MS = 1000;
/** How long it is remembered what became of a token; after that it is an unknown one. */
const REMEMBER_MS = 30 * 24 * 3_600_000;

const key32 = z
  .base64()
  .refine((text) => Buffer.from(text, 'base64').length === 32, 'not 32 bytes');
const Use = z.strictObject({
  atMs: z.int(),
  space: z.string().transform(parseSpaceId),
  /** Keys of the node that took it: the same node may ask again when its answer was lost. */
  nodeKey: key32,
  exchangeKey: key32,
  /** The certificate that was issued; asking again gives the same one. */
  certificate: z.string().max(LIMITS.certificateBytes),
  /** What two people compare. */
  words: z.array(z.string().max(16)).max(12),
});
/** What went out as a file: the offer can be written again from it and the roots, word for word. */
const Offer = z.strictObject({
  hello: z.base64().max(LIMITS.enrolFrameBytes),
  /** How many versions the root had. */
  roots: z.int().min(1).max(LIMITS.rootVersions),
  head: z.string().max(LIMITS.noteBytes),
  nonce: key32,
  keyid: z.string().regex(/^[0-9a-f]{64}$/),
  signature: z.base64().max(128),
});
const Invite = z.strictObject({
  id: z.string().regex(/^[a-z2-7]{8}$/),
  tokenKey: key32,
  name: z.string().transform(parseSpaceName),
  createdMs: z.int(),
  expiresMs: z.int(),
  used: Use.nullable(),
  /** Absent where the node asks over the network. */
  offer: Offer.exactOptional(),
});
const InvitesFile = z.strictObject({ version: z.literal(1), invites: z.array(Invite) });

export type Use = z.output<typeof Use>;
export type Invite = z.output<typeof Invite>;
export type KeptOffer = z.output<typeof Offer>;

export interface NewInvite {
  readonly name: string;
  readonly ttlMs?: number;
  /** Fingerprint of the first root. */
  readonly fingerprint: Uint8Array;
  /** Where the node finds the enrolment endpoint; absent when it answers by file. */
  readonly endpoint?: HostPort;
  /** What goes out beside the token, in a file. */
  readonly offer?: KeptOffer;
  /** Whether the directory has a space of this name. */
  readonly isTaken: (name: SpaceName) => boolean;
}

export class Invites {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rows: Map<string, Invite>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, clock: Clock, random: Random, rows: Map<string, Invite>) {
    this.#path = path;
    this.#clock = clock;
    this.#random = random;
    this.#rows = rows;
  }

  static async open(
    path: string,
    { clock, random }: { clock: Clock; random: Random },
  ): Promise<Invites> {
    const bytes = await readSmallFile(path, MAX_BYTES);
    const rows = bytes === undefined ? [] : parseFile(path, bytes);
    return new Invites(path, clock, random, new Map(rows.map((row) => [row.id, row])));
  }

  /** A token for one node; its text is given out here and kept nowhere. */
  async invite(
    options: NewInvite,
  ): Promise<{ token: string; name: SpaceName; createdMs: number; expiresMs: number }> {
    const { fingerprint, endpoint, offer } = options;
    const name = parseNewSpaceName(options.name);
    const ttlMs = lifeOf(options);
    if (options.isTaken(name)) {
      throw new MeshError('SPACE_EXISTS', `there is a space ${quote(name)} in the mesh already`);
    }
    const [id, secret] = [this.#random.bytes(5), this.#random.bytes(16)];
    const token = makeToken({ id, secret, fingerprint, endpoint });
    const nowMs = this.#clock.nowMs();
    const row = {
      id: base32(id),
      tokenKey: tokenKey(secret).toString('base64'),
      name,
      createdMs: nowMs,
      expiresMs: nowMs + ttlMs,
      used: null,
      ...(offer ? { offer } : {}),
    };
    this.#forget(nowMs);
    await this.#change(row.id, row);
    return { token, name, createdMs: nowMs, expiresMs: row.expiresMs };
  }

  find(id: string): Invite | undefined {
    return this.#rows.get(id);
  }

  /**
   * Uses the token if nobody has. Resolves to true once that is on the disk; to false when somebody was first.
   * @throws TOKEN_UNKNOWN, TOKEN_EXPIRED
   */
  async take(id: string, use: Use): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row === undefined) throw new MeshError('TOKEN_UNKNOWN', 'there is no such invitation');
    if (row.used !== null) return false;
    this.assertCurrent(row);
    await this.#change(id, { ...row, used: use });
    return true;
  }

  /** The check words of a repeated enrolment, which are those that count. */
  async setWords(id: string, words: readonly string[]): Promise<void> {
    const row = this.#rows.get(id);
    if (row?.used) await this.#change(id, { ...row, used: { ...row.used, words: [...words] } });
  }

  assertCurrent(row: Invite): void {
    if (this.#clock.nowMs() < row.expiresMs) return;
    const at = new Date(row.expiresMs).toISOString();
    throw new MeshError('TOKEN_EXPIRED', `the token for ${row.name} expired at ${at}`);
  }

  /** Newest first. */
  list(): Invite[] {
    return [...this.#rows.values()].sort((a, b) => b.createdMs - a.createdMs);
  }

  #forget(nowMs: number): void {
    for (const row of this.#rows.values()) {
      if (row.expiresMs + REMEMBER_MS < nowMs) this.#rows.delete(row.id);
    }
  }

  /** Memory first, so that nobody else can do the same meanwhile; undone when the disk refuses. */
  async #change(id: string, row: Invite): Promise<void> {
    const before = this.#rows.get(id);
    this.#rows.set(id, row);
    try {
      await this.#save();
    } catch (error) {
      if (before) this.#rows.set(id, before);
      else this.#rows.delete(id);
      throw error;
    }
  }

  #save(): Promise<void> {
    const run = this.#writing.then(() => {
      const file = { version: 1, invites: [...this.#rows.values()] };
      return writeFileDurable(this.#path, `${JSON.stringify(file, null, 2)}\n`);
    });
    this.#writing = run.catch(() => {});
    return run;
  }
}

/** A courier needs days where a network needs minutes. */
function lifeOf({ ttlMs, offer }: NewInvite): number {
  const [usual, most] = offer
    ? [LIMITS.offerTtlMs, LIMITS.offerTtlMaxMs]
    : [LIMITS.tokenTtlMs, LIMITS.tokenTtlMaxMs];
  const life = ttlMs ?? usual;
  if (life >= MIN_TTL_MS && life <= most) return life;
  throw offer
    ? new MeshError('USAGE', 'an offer lives for 1 second to 30 days', {
        next: 'Try: odcm invite SPACE --offer FILE --ttl 7d',
      })
    : new MeshError('USAGE', 'a token lives for 1 second to 24 hours', {
        next: 'Try: odcm invite SPACE --ttl 30m',
      });
}

function parseFile(path: string, bytes: Buffer): Invite[] {
  let why: unknown;
  try {
    const result = InvitesFile.safeParse(JSON.parse(bytes.toString('utf8')));
    if (result.success) return result.data.invites;
    why = result.error.issues[0]?.message;
  } catch (error) {
    why = error instanceof Error ? error.message : error;
  }
  throw new MeshError('STORE_DAMAGED', `${path} does not hold the invitations of ODCM (${why})`, {
    next: 'Restore that file from a backup; without it every token given out is lost, and nothing else.',
  });
}
