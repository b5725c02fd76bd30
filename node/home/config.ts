// node.json: what a node is and where it listens. It is written last when a folder is made, so that a folder with this
// file is whole.

import { z } from 'zod';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { parseMeshId, parseSpaceId, parseSpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile, writeFileDurable } from './files.ts';

const MAX_BYTES = 64 * 1024;
const addresses = z.array(z.string().min(1).max(LIMITS.addressChars)).max(LIMITS.addresses);

const Config = z.strictObject({
  version: z.literal(1),
  mesh: z.string().transform(parseMeshId),
  meshName: z.string().transform(parseSpaceName),
  space: z.string().transform(parseSpaceId),
  name: z.string().transform(parseSpaceName),
  role: z.enum(['odcm', 'space']),
  /** Multiaddrs with fixed ports, so that the address that others know stays the same. */
  listen: addresses.min(1),
  /** Told to others instead of what is listened on. */
  announce: addresses.exactOptional(),
  /** HOST:PORT of the enrolment endpoint; ODCM only. */
  enrol: z.string().min(3).max(270).exactOptional(),
  /** Feeds that their publisher forces on everybody are taken without asking. */
  acceptForced: z.boolean(),
  /** Folder in which files with inventory and deployments are taken; relative to the node's folder. */
  inbox: z.string().min(1).max(4096).exactOptional(),
});

export type HomeConfig = z.output<typeof Config>;

/** Undefined when there is no such file. */
export async function readConfig(path: string): Promise<HomeConfig | undefined> {
  const bytes = await readSmallFile(path, MAX_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const result = Config.safeParse(JSON.parse(bytes.toString('utf8')));
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw damaged(path, `${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'invalid'}`);
  } catch (cause) {
    if (isMeshError(cause, 'STORE_DAMAGED')) throw cause;
    throw damaged(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

export async function writeConfig(path: string, config: HomeConfig): Promise<void> {
  await writeFileDurable(path, `${JSON.stringify(config, null, 2)}\n`);
}

function damaged(path: string, why: string, cause?: unknown): MeshError {
  return new MeshError('STORE_DAMAGED', `${path} is not the configuration of a node (${why})`, {
    next: 'Correct that file, or restore it from a backup.',
    cause,
  });
}
