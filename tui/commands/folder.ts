// Which files of a folder become which items, decided before anything is sent. Nothing is passed over in silence:
// what is no plain file is listed as skipped.

import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, parse, relative, sep } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { displayText } from '../format/display-text.ts';
import { unreadable } from './content-file.ts';

export interface FolderFile {
  readonly path: string;
  readonly item: string;
  /** Size when it was listed; only progress counts on it. */
  readonly sizeBytes: number;
}

export interface FolderListing {
  /** In order of name. */
  readonly files: readonly FolderFile[];
  /** Names with the reason: `.git (hidden)`. */
  readonly skipped: readonly string[];
}

export async function listFolder(
  folder: string,
  { keepExtension }: { readonly keepExtension: boolean },
): Promise<FolderListing> {
  const fail = (error: unknown): never => {
    throw unreadable(folder, error);
  };
  const entries = await readdir(folder, { withFileTypes: true }).catch(fail);
  const root = await realpath(folder).catch(fail);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files: FolderFile[] = [];
  const skipped: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const found = await look(entry, path, root);
    if ('skip' in found) skipped.push(`${displayText(entry.name)} (${found.skip})`);
    else {
      const item = keepExtension ? entry.name : parse(entry.name).name;
      files.push({ path, item, sizeBytes: found.sizeBytes });
    }
  }
  refuseSameItems(files, keepExtension);
  return { files, skipped };
}

async function look(
  entry: Dirent,
  path: string,
  root: string,
): Promise<{ readonly skip: string } | { readonly sizeBytes: number }> {
  if (entry.name.startsWith('.')) return { skip: 'hidden' };
  // Whoever may write into the folder would else choose files from all over this machine.
  if (entry.isSymbolicLink() && (await leadsOut(path, root)))
    return { skip: 'a link out of the folder' };
  // A link counts as what it leads to; one that leads nowhere is a file that cannot be read, and is reported as such.
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || info.isFile()) return { sizeBytes: info?.size ?? 0 };
  return { skip: info.isDirectory() ? 'a folder' : 'not a regular file' };
}

async function leadsOut(link: string, root: string): Promise<boolean> {
  const target = await realpath(link).catch(() => undefined);
  return target !== undefined && relative(root, target).split(sep)[0] === '..';
}

function refuseSameItems(files: readonly FolderFile[], keepExtension: boolean): void {
  const paths = new Map<string, string>();
  for (const { item, path } of files) {
    const other = paths.get(item);
    if (other !== undefined) {
      throw new MeshError(
        'USAGE',
        `${displayText(other)} and ${displayText(path)} would both be the item ${quote(item)}`,
        { next: keepExtension ? 'Rename one of them.' : 'Rename one, or add --keep-extension.' },
      );
    }
    paths.set(item, path);
  }
}
