// A process that reads CARs as an import does and says what that cost it. Of each pair of arguments, a manifest and a CAR, it
// tells the verdict; the first pair is a sound bundle, which brings everything into memory that reading needs.

import { readFile } from 'node:fs/promises';
import { asMeshError } from '../../protocols/errors.ts';
import { decodeManifest } from '../../protocols/gap/manifest.ts';
import { readWhole } from './gap-bundle.ts';
import { quickest } from './quickest.ts';

export interface Reading {
  readonly verdicts: readonly string[];
  /** How much higher the most memory that the process ever had was than after the sound bundle. */
  readonly moreBytes: number;
  readonly slowestMs: number;
}

const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

async function verdictOf(manifest: string, car: string): Promise<string> {
  try {
    await readWhole(car, decodeManifest(await readFile(manifest)));
    return 'nothing';
  } catch (error) {
    return asMeshError(error).code;
  }
}

/** What takes longer is read again. */
const SLOW_MS = 1_000;
const paths = process.argv.slice(2);
const verdicts: string[] = [];
let [baseBytes, slowestMs] = [0, 0];
for (let at = 0; at < paths.length; at += 2) {
  const { first, tookMs } = await quickest(SLOW_MS, () => verdictOf(paths[at]!, paths[at + 1]!));
  verdicts.push(first);
  if (at === 0) baseBytes = peakBytes();
  else slowestMs = Math.max(slowestMs, tookMs);
}
const reading: Reading = { verdicts, moreBytes: peakBytes() - baseBytes, slowestMs };
process.stdout.write(JSON.stringify(reading));
