// Writes the golden screens anew from their key scripts, for review: node test/tui/dash/update-screens.ts --update
// Without --update it only says which of them differ, and ends with 1 when some do.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

process.env['NODE_ENV'] = 'production';
const { playScript, SCREENS_FOLDER, scripts, VARIANTS } = await import('./golden.ts');
const isUpdate = process.argv.includes('--update');

for (const script of scripts()) {
  for (const variant of VARIANTS) {
    for (const [name, frame] of await playScript(script, variant)) {
      const file = join(SCREENS_FOLDER, variant.name, `${name}.screen`);
      if (read(file) === frame) continue;
      process.stdout.write(`${isUpdate ? 'wrote' : 'differs'}  ${file}\n`);
      if (!isUpdate) process.exitCode = 1;
      else {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, frame);
      }
    }
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
