// Throws inputs at parsers and judges what each does with them: it reads the input and would write the same bytes again,
// or it refuses it by a code of ours. Anything else, and anything slow, is a finding.

import { isMeshError } from '../../../protocols/errors.ts';
import { Seeded } from '../../vectors/wire.ts';
import type { Outcome, Size } from '../row.ts';
import type { Grammar } from './grammar.ts';
import { mutant } from './mutate.ts';

export interface Target {
  readonly name: string;
  /** Good inputs, and bad ones that once found something. */
  readonly corpus: readonly Buffer[];
  readonly grammar?: Grammar;
  /** Reads the input and writes what it read; undefined where there is nothing to write again. */
  readonly again: (input: Buffer) => Uint8Array | undefined;
}

export interface Finding {
  readonly target: string;
  readonly input: string;
  readonly what: string;
}

/** One input may keep a parser busy for this long. */
const MAX_MS = 10;
/** The machine may be busy with something else: a slow input is slow every time. */
const TRIES = 5;
const MAX_FINDINGS = 5;

function fault({ again }: Target, input: Buffer): 'accepted' | 'refused' | { what: string } {
  try {
    const out = again(input);
    if (out === undefined || input.equals(out)) return 'accepted';
    return { what: 'is read, and written again as other bytes' };
  } catch (error) {
    if (isMeshError(error) && error.code !== 'INTERNAL') return 'refused';
    return { what: `throws ${String(error).slice(0, 200)}` };
  }
}

function quickestMs(target: Target, input: Buffer): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) {
    const startMs = performance.now();
    fault(target, input);
    best = Math.min(best, performance.now() - startMs);
  }
  return best;
}

export interface Tally {
  accepted: number;
  refused: number;
  readonly findings: Finding[];
}

function judge(target: Target, input: Buffer, tally: Tally): void {
  const startMs = performance.now();
  const verdict = fault(target, input);
  const isSlow = performance.now() - startMs > MAX_MS;
  if (verdict === 'accepted') tally.accepted++;
  else if (verdict === 'refused') tally.refused++;
  const tookMs = isSlow ? quickestMs(target, input) : 0;
  const slow = tookMs > MAX_MS ? `takes ${tookMs.toFixed(1)} ms` : undefined;
  const what = typeof verdict === 'object' ? verdict.what : slow;
  if (what !== undefined && tally.findings.length < MAX_FINDINGS)
    tally.findings.push({
      target: target.name,
      input: input.toString('hex').slice(0, 2_000),
      what,
    });
}

/** The corpus of each target as it is, then equally many new inputs for each. */
export async function fuzz(
  targets: readonly Target[],
  { mutations, isLong, log }: Size,
): Promise<Outcome> {
  const tally: Tally = { accepted: 0, refused: 0, findings: [] };
  const share = Math.ceil(mutations / targets.length);
  for (const [i, target] of targets.entries()) {
    // Long runs look elsewhere each time and say where; quick ones are the same for everybody.
    const seed = isLong ? (Date.now() + i) >>> 0 : 0x0dc3 + i;
    const dice = new Seeded(seed);
    for (const input of target.corpus) judge(target, input, tally);
    if (isLong) log(`${target.name}: ${share} inputs from seed ${seed}`);
    for (let n = 0; n < share && tally.findings.length < MAX_FINDINGS; n++) {
      const isBuilt = target.grammar !== undefined && n % 4 === 0;
      judge(target, isBuilt ? target.grammar!(dice) : mutant(target.corpus, dice), tally);
      // Lets the process answer for its timers now and then.
      if (n % 20_000 === 19_999) await new Promise(setImmediate);
    }
  }
  for (const { target, input, what } of tally.findings) log(`${target} ${what}: ${input}`);
  const { accepted, refused, findings } = tally;
  const [first] = findings;
  const found = first ? `; ${findings.length} findings, first: ${first.target} ${first.what}` : '';
  const pass = findings.length === 0 && accepted > 0 && refused > 0;
  return { measured: `${accepted} read, ${refused} refused${found}`, pass };
}
