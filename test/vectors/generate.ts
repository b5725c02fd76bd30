// Writes the generated vectors: node test/vectors/generate.ts [seed]. Without a seed the files come out as they are.
// appendix.json and tree.json are not generated: their values were published before this code was written.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate, SEED } from './cases.ts';

const seed = Number(process.argv[2] ?? SEED);
process.stdout.write(`seed ${seed}\n`);
for (const [name, vectors] of Object.entries(generate(seed))) {
  const path = join(import.meta.dirname, `${name}.json`);
  writeFileSync(path, `${JSON.stringify(vectors, null, 2)}\n`);
  process.stdout.write(`${path}: ${vectors.length}\n`);
}
spawnSync('npx', ['biome', 'format', '--write', import.meta.dirname], { stdio: 'inherit' });
