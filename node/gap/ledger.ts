// The ledger of crossings: every bundle that this space made or was given, what became of it and by whom; and the audit log of
// what was refused, which nothing is ever taken out of. Rows in the database of logs, each synced.

import { z } from 'zod';
import { MeshError } from '../../protocols/errors.ts';
import { parseSpaceId, parseSpaceName, type SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { markKey, markRange } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

const count = z.int().min(0);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const by = z.string().min(1).max(LIMITS.itemNameChars);

const Crossing = z.strictObject({
  way: z.enum(['out', 'in']),
  /** The other side: for whom it was made, or who made it. */
  space: z.string().transform(parseSpaceId),
  name: z.string().transform(parseSpaceName),
  sequence: z.int().min(1),
  base: count,
  /** SHA-256 of the manifest; empty while the bundle is being written. */
  manifest: z.union([hex32, z.literal('')]),
  /**
   * `writing`, `written`, `acknowledged` by a receipt, or `failed`; `waiting` for approvals, `applying`, `applied`, `refused`, or
   * `failed` when people ended it with a part of it in.
   */
  state: z.enum([
    'writing',
    'written',
    'acknowledged',
    'failed',
    'waiting',
    'applying',
    'applied',
    'refused',
  ]),
  /** When this state began. */
  atMs: count,
  createdMs: count,
  signedAtMs: count,
  /** Who exported, or brought it in. */
  by,
  approvals: z.array(z.strictObject({ by, atMs: count })),
  logs: z.array(z.strictObject({ origin: z.string(), from: count, to: count })),
  entries: count,
  blocks: count,
  sizeBytes: count,
  /** Records that the exporter did not have. */
  missing: count,
  reason: z.string().max(2000).nullable(),
});

export type Crossing = z.output<typeof Crossing>;

/** What the audit log calls it. */
export const subjectOf = ({ sequence, name }: Crossing): string => `bundle ${sequence} of ${name}`;

const Audit = z.strictObject({
  atMs: count,
  what: z.enum(['imported', 'refused', 'approved', 'exported', 'receipts']),
  /** File or bundle. */
  subject: z.string().max(4096),
  code: z.string().nullable(),
  text: z.string().max(2000),
  by: by.nullable(),
});

export type AuditRow = z.output<typeof Audit>;

const padded = (n: number): string => String(n).padStart(16, '0');
const crossingKey = (way: 'out' | 'in', space: SpaceId, sequence: number): Buffer =>
  markKey(`gap/${way}/${space}/${padded(sequence)}`);
const AUDIT = 'gap/audit/';

export class Ledger {
  readonly #store: Store;
  readonly #onPut: (row: Crossing) => void;
  #audited = 0;

  /**
   * @param store the one that the logs are in
   * @param onPut told of each row once it is on the disk
   */
  constructor(store: Store, onPut: (row: Crossing) => void = () => {}) {
    this.#store = store;
    this.#onPut = onPut;
  }

  async put(row: Crossing): Promise<void> {
    const key = crossingKey(row.way, row.space, row.sequence);
    await this.#store.write([put(key, Crossing.parse(row))], { sync: true });
    this.#onPut(row);
  }

  async get(way: 'out' | 'in', space: SpaceId, sequence: number): Promise<Crossing | undefined> {
    const bytes = await this.#store.get(crossingKey(way, space, sequence));
    return bytes && parse(Crossing, bytes);
  }

  /** Newest first. */
  async *crossings(way: 'out' | 'in', space?: SpaceId): AsyncGenerator<Crossing> {
    const range = markRange(`gap/${way}/${space === undefined ? '' : `${space}/`}`);
    for await (const { value } of this.#store.range({ ...range, reverse: true }))
      yield parse(Crossing, value);
  }

  /** The newest of them for which the test holds. */
  async newest(
    way: 'out' | 'in',
    space: SpaceId,
    isMeant: (row: Crossing) => boolean = () => true,
  ): Promise<Crossing | undefined> {
    for await (const row of this.crossings(way, space)) if (isMeant(row)) return row;
    return undefined;
  }

  async audit(row: AuditRow): Promise<void> {
    // Several may fall into one millisecond; after a restart the time is another.
    const key = markKey(`${AUDIT}${padded(row.atMs)}/${padded(this.#audited++)}`);
    await this.#store.write([put(key, Audit.parse(row))], { sync: true });
  }

  /** Newest first. */
  async *audits(): AsyncGenerator<AuditRow> {
    for await (const { value } of this.#store.range({ ...markRange(AUDIT), reverse: true }))
      yield parse(Audit, value);
  }
}

const put = (key: Buffer, value: object) => ({
  type: 'put' as const,
  key,
  value: Buffer.from(JSON.stringify(value)),
});

function parse<S extends z.ZodType>(schema: S, bytes: Buffer): z.output<S> {
  const result = schema.safeParse(JSON.parse(bytes.toString('utf8')));
  if (result.success) return result.data;
  throw new MeshError(
    'STORE_DAMAGED',
    `a row of the ledger is not one: ${result.error.issues[0]?.message ?? ''}`,
  );
}
