// The rules about the air gap: what waits for people, and what should have come back and did not. Facts in, drafts out.

import type { Draft } from './drafts.ts';
import type { GapFact } from './facts.ts';
import { inWords } from './words.ts';

type Known = GapFact | null | undefined;

export function importDrafts(gap: Known): Draft[] | null {
  if (gap === null) return null;
  return (gap?.waiting ?? []).map(({ exporter, sequence, waitingMs, approvals, needed }) => ({
    subject: `${exporter} ${sequence}`,
    verdict: 'raise',
    what: `bundle ${sequence} of ${exporter} waits for approval, ${approvals} of ${needed}`,
    evidence: `it was brought ${inWords(waitingMs)} ago; odcm gap approve ${exporter} ${sequence}`,
    opens: { screen: 'gap', subject: exporter },
  }));
}

export function receiptDrafts(gap: Known): Draft[] | null {
  if (gap === null) return null;
  return (gap?.missing ?? []).map(({ space, count, first }) => ({
    subject: space,
    verdict: 'raise',
    what: `${count} ${count === 1 ? 'receipt' : 'receipts'} of ${space} did not come, the first is number ${first}`,
    evidence: `${space} has signed a larger number; odcm receipts list ${space}`,
    opens: { screen: 'gap', subject: space },
  }));
}

export function exportDrafts(gap: Known, afterMs: number): Draft[] | null {
  if (gap === null) return null;
  return (gap?.unacknowledged ?? [])
    .filter(({ ageMs }) => ageMs >= afterMs)
    .map(({ space, sequence, ageMs }) => ({
      subject: space,
      verdict: 'raise',
      what: `no receipt came for bundle ${sequence}, made for ${space} ${inWords(ageMs)} ago`,
      evidence: `odcm gap ledger ${space}`,
      opens: { screen: 'gap', subject: space },
    }));
}
