// How many receipts of this space others were given, beside the database that they are in: a database that comes back from a
// backup knows fewer, and would sign their numbers once more.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../../certs/private-files.ts';
import { MeshError } from '../../protocols/errors.ts';

const MARK_BYTES = 1024;

/** The tree under whose head the last of them was proven. */
const Given = z.strictObject({
  size: z.int().min(1),
  root: z.string().regex(/^[0-9a-f]{64}$/),
});

export type Given = z.output<typeof Given>;

export class ReceiptMark {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws STORE_DAMAGED */
  async read(): Promise<Given | undefined> {
    // Most spaces have given none: that is known without waiting for the disk.
    if (!existsSync(this.#path)) return undefined;
    const bytes = await readPrivateFile(this.#path, MARK_BYTES);
    if (!bytes) return undefined;
    try {
      return Given.parse(JSON.parse(bytes.toString('utf8')));
    } catch (cause) {
      throw new MeshError('STORE_DAMAGED', `${this.#path} does not say how many were given out`, {
        next: 'Restore it from a backup, or remove it where store/log never was restored from one.',
        cause,
      });
    }
  }

  /** Durable when it resolves. */
  async write({ size, root }: Given): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await writePrivateFile(this.#path, JSON.stringify({ size, root }), { replace: true });
  }
}
