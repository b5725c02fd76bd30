// What the rows about bundles have in common: two sites, a bundle between them, and an import whose verdict is compared with
// what it left behind.

import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFiles } from '../../node/gap/write-bundle.ts';
import { isMeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { drafts, type Site, Sites } from '../node/gap/sites.ts';

export interface Scene {
  readonly sites: Sites;
  readonly library: Site;
  readonly vault: Site;
  readonly feed: FeedId;
  /** Without its ending. */
  readonly path: string;
  readonly files: ReturnType<typeof bundleFiles>;
}

export async function withScene<T>(
  folder: string,
  work: (scene: Scene) => Promise<T>,
  names = ['library', 'vault'],
): Promise<T> {
  const sites = await Sites.create(await mkdtemp(join(folder, 'sites-')), names);
  try {
    const feed = await sites.feed('library', 'variables', ['vault']);
    const [library, vault] = [sites.site('library'), sites.site('vault')];
    await sites.publish(library, feed, drafts(3));
    const { path } = await sites.export('library', 'vault');
    return await work({ sites, library, vault, feed, path, files: bundleFiles(path) });
  } finally {
    await sites.close();
  }
}

/** The code that an import ends with, or `nothing`. Anything else than a refusal of ours is an error of the row. */
export async function verdictOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

/** What a refused import must not have changed; the audit log is not part of it. */
export async function standOf({ vault, feed }: Scene): Promise<string> {
  const { directory, gap } = vault.node;
  const rows = await Array.fromAsync(gap.ledger.crossings('in'));
  return JSON.stringify([
    ...[directory.log.size, await vault.held(feed), gap.receipts.size],
    rows.map(({ sequence, state }) => [sequence, state]),
  ]);
}

export async function emptyFolder(inside: string, name: string): Promise<string> {
  const path = join(inside, name);
  await mkdir(path, { recursive: true });
  return path;
}
