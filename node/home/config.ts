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
  /** Rules for regulated data are kept: the directory expires after a day instead of a week. */
  regulated: z.boolean().exactOptional(),
  /** Or after so many milliseconds; a flag of the command line goes before either. */
  directoryLimitMs: z
    .int()
    .min(LIMITS.directoryFreshMs)
    .max(LIMITS.directoryExpiredMs)
    .exactOptional(),
  /** Feeds that their publisher forces on everybody are taken without asking. */
  acceptForced: z.boolean(),
  /** Folder in which files with inventory and deployments are taken; relative to the node's folder. */
  inbox: z.string().min(1).max(4096).exactOptional(),
  /** What the space asks of bundles across an air gap. */
  gap: z
    .strictObject({
      /** People who have to approve an import; 2 under the rules for regulated data, and never who brought it. */
      approvals: z.int().min(0).max(LIMITS.approvalsMax).exactOptional(),
      /** Program and arguments of a malware scanner; the folder of the bundle is the last argument. */
      scan: z.array(z.string().min(1).max(4096)).min(1).max(50).exactOptional(),
      /** Whether deployments get receipts; when absent, once a bundle was imported. */
      receipts: z.boolean().exactOptional(),
    })
    .exactOptional(),
  /** Most that is kept on the disk for others; a share of it when this is absent, nothing when it is 0. */
  carryBytes: z.int().min(0).exactOptional(),
});

export type HomeConfig = z.output<typeof Config>;

/** Undefined when there is no such file. */
export async function readConfig(path: string): Promise<HomeConfig | undefined> {
  const bytes = await readSmallFile(path, MAX_BYTES, { mayBeLink: true });
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
