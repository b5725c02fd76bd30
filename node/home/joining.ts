// A folder between request and answer: keys that nobody has certified yet, and what was said so far, word for word. It lies
// in a folder of its own inside, which appears and disappears as one.

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../../certs/private-files.ts';
import { MeshError } from '../../protocols/errors.ts';
import { parseMeshId, parseSpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile, writeFileDurable } from './files.ts';
import { type HomePaths, homePaths } from './home.ts';

const FILE = 'request.json';
const base64 = z.base64().transform((text): Buffer => Buffer.from(text, 'base64'));
const addresses = z.array(z.string().min(1).max(LIMITS.addressChars)).max(LIMITS.addresses);

const Pending = z.strictObject({
  version: z.literal(1),
  mesh: z.string().transform(parseMeshId),
  space: z.string().transform(parseSpaceName),
  /** SHA-256 of the file with the offer; the token in it is not kept. */
  offerFile: z.string().regex(/^[0-9a-f]{64}$/),
  hello: base64,
  offer: base64,
  request: base64,
  listen: addresses.min(1),
  announce: addresses,
  acceptForced: z.boolean(),
});

export type Pending = z.output<typeof Pending>;

/** Undefined when nothing waits here. @throws STORE_DAMAGED */
export async function readPending(paths: HomePaths): Promise<Pending | undefined> {
  const path = join(paths.joining, FILE);
  const bytes = await readSmallFile(path, 2 * LIMITS.enrolOfferFileBytes);
  if (bytes === undefined) return undefined;
  try {
    return Pending.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new MeshError('STORE_DAMAGED', `${path} is not a request that waits`, {
      next: 'Use another --home and a new offer.',
      cause,
    });
  }
}

/** @param staged what becomes the folder of the node */
export async function writePending(staged: HomePaths, pending: Pending): Promise<void> {
  const { hello, offer, request, ...rest } = pending;
  const said = { hello: text(hello), offer: text(offer), request: text(request) };
  const json = `${JSON.stringify({ ...rest, ...said }, null, 2)}\n`;
  await writeFileDurable(join(staged.joining, FILE), json);
}

/** Where keys lie that wait for their certificate. */
export const waitingPaths = (paths: HomePaths): HomePaths => homePaths(paths.joining);

/** The key files as they are, encrypted or not. */
export async function copyKeys(from: HomePaths, to: HomePaths): Promise<void> {
  await mkdir(to.keys, { recursive: true, mode: 0o700 });
  for (const name of await readdir(from.keys)) {
    const bytes = await readPrivateFile(join(from.keys, name), LIMITS.certificateBytes);
    if (bytes === undefined) throw new MeshError('STORE_DAMAGED', `${name} is gone`);
    await writePrivateFile(join(to.keys, name), bytes);
    bytes.fill(0);
  }
}

const text = (bytes: Buffer): string => bytes.toString('base64');
