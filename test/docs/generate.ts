// Writes the documents that are made from the program itself: docs/ERRORS.md, docs/KEYS.md, docs/LIMITS.md, the picture of
// the dashboard, and the table of commands in README.md. Run it with `npm run docs`; a test fails while what is written is not what this would write.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandTable, listCommands } from './commands.ts';
import { errorPage } from './error-page.ts';
import { keysPage } from './keys-page.ts';
import { limitPage } from './limit-page.ts';
import { repository } from './repository.ts';
import { overviewPicture } from './screens.ts';

const BEGIN = '<!-- commands -->';
const END = '<!-- end of commands -->';
/** In the order of the page. */
const LIMIT_TABLES = ['exchange', 'trust', 'site'];

/** Each document with its path in the repository and the text that it must have. */
export async function documents(): Promise<Map<string, string>> {
  const source = (path: string): string => readFileSync(join(repository, path), 'utf8');
  return new Map([
    ['docs/ERRORS.md', errorPage(source('protocols/errors.ts'))],
    ['docs/KEYS.md', keysPage()],
    [
      'docs/LIMITS.md',
      limitPage(LIMIT_TABLES.map((name) => source(`protocols/limits/${name}.ts`))),
    ],
    ['docs/screens/overview.svg', await overviewPicture()],
    ['README.md', withTable(source('README.md'), commandTable(await listCommands()))],
  ]);
}

function withTable(readme: string, table: string): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n${table}${END}${after}`;
}

if (import.meta.main) {
  for (const [path, text] of await documents()) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), text);
  }
}
